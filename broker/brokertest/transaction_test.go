package brokertest_test

import (
	"context"
	"testing"

	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A transactional id has a coordinator, in a topic that is made for it; who begins under it again fences who had it.
func TestTransactionalID(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	ctx := within(t)
	client := newClient(t, c)
	begin := func(id string, timeout int32) *kmsg.InitProducerIDResponse {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr(id), timeout
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first, second := begin("t", 10_000), begin("t", 10_000)
	if first.ErrorCode != 0 || second.ErrorCode != 0 || first.ProducerID != second.ProducerID || second.ProducerEpoch != first.ProducerEpoch+1 {
		t.Errorf("%+v, then %+v", first, second)
	}
	if late := begin("t", 1<<30); late.ErrorCode != kerr.InvalidTransactionTimeout.Code {
		t.Errorf("a timeout of twelve days: %v", kerr.ErrorForCode(late.ErrorCode))
	}
	admin := kadm.NewClient(client)
	if got := described(ctx, t, admin, "t"); got.State != "Empty" || got.ProducerID != first.ProducerID || got.ProducerEpoch != second.ProducerEpoch {
		t.Errorf("%+v", got)
	}
	listed, err := admin.ListTransactions(ctx, nil, nil)
	if err != nil || listed["t"].State != "Empty" {
		t.Errorf("%+v, %v", listed, err)
	}
	topics, err := admin.ListTopicsWithInternal(ctx, "__transaction_state")
	if err != nil {
		t.Fatal(err)
	}
	if state := topics["__transaction_state"]; !state.IsInternal || len(state.Partitions) != 4 || state.Partitions.NumReplicas() != 3 {
		t.Errorf("%+v", state)
	}
}

// described is what the coordinator of a transactional id says of it.
func described(ctx context.Context, t *testing.T, admin *kadm.Client, id string) kadm.DescribedTransaction {
	t.Helper()
	all, err := admin.DescribeTransactions(ctx, id)
	if err != nil || all[id].Err != nil {
		t.Fatalf("%v, %v", err, all[id].Err)
	}
	return all[id]
}
