package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
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

// spread writes one record to each of some partitions in a transaction, and ends it.
func spread(ctx context.Context, client *kgo.Client, value string, partitions int32, commit kgo.TransactionEndTry) error {
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	for p := range partitions {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: p, Value: []byte(value)}).FirstErr(); err != nil {
			return err
		}
	}
	return client.EndTransaction(ctx, commit)
}

// committed reads a number of records of each partition as they were committed, and gives their values by partition.
func committed(ctx context.Context, t *testing.T, c *brokertest.Cluster, partitions, each int) [][]string {
	t.Helper()
	reader := newClient(t, c, kgo.ConsumeTopics("orders"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	got := make([][]string, partitions)
	for left := partitions * each; left > 0; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%v, after %v", err, got)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got[r.Partition] = append(got[r.Partition], string(r.Value))
			left--
		})
	}
	return got
}

// A transaction over three partitions is seen as a whole, or not at all; one of a producer that was replaced is not.
func TestTransactions(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	ctx := within(t)
	if _, err := kadm.NewClient(newClient(t, c)).CreateTopic(ctx, 3, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	client := transactor(t, c, "t")
	for _, one := range []struct {
		value  string
		commit kgo.TransactionEndTry
	}{{"first", kgo.TryCommit}, {"second", kgo.TryAbort}, {"third", kgo.TryCommit}} {
		if err := spread(ctx, client, one.value, 3, one.commit); err != nil {
			t.Fatalf("%s: %v", one.value, err)
		}
	}
	zombie := transactor(t, c, "z")
	if err := zombie.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := zombie.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: 1, Value: []byte("of the zombie")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := spread(ctx, transactor(t, c, "z"), "last", 3, kgo.TryCommit); err != nil {
		t.Fatalf("who takes the place of the zombie: %v", err)
	}
	if err := zombie.EndTransaction(ctx, kgo.TryCommit); !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		t.Errorf("the zombie's end: %v", err)
	}
	for p, got := range committed(ctx, t, c, 3, 3) {
		if want := []string{"first", "third", "last"}; !slices.Equal(got, want) {
			t.Errorf("partition %d has %v, want %v", p, got, want)
		}
	}
}

// Who began under the id of another one has an epoch of its own: an abort that the other one asks for then gives that
// one nothing, and does not touch what the new one has begun.
func TestAZombieIsNotGivenItsSuccessorsEpoch(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	ctx := within(t)
	if _, err := kadm.NewClient(newClient(t, c)).CreateTopic(ctx, 1, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, open := range []bool{false, true} { // whether the zombie has begun a transaction
		id := fmt.Sprintf("open-%v", open)
		zombie, successor := transactor(t, c, id), transactor(t, c, id)
		if err := spread(ctx, zombie, id+" before", 1, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		if open {
			if err := errors.Join(zombie.BeginTransaction(), zombie.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("of the zombie")}).FirstErr()); err != nil {
				t.Fatal(err)
			}
		}
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID = id
		var err error
		if req.ProducerID, req.ProducerEpoch, err = zombie.ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
		if _, _, err := successor.ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
		resp, err := req.RequestWith(ctx, newClient(t, c))
		if err != nil || resp.ErrorCode != kerr.ProducerFenced.Code {
			t.Errorf("%s: the zombie's abort is answered %+v, %v", id, resp, err)
		}
		if err := spread(ctx, successor, id+" after", 1, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		want = append(want, id+" before", id+" after")
	}
	if got := committed(ctx, t, c, 1, len(want))[0]; !slices.Equal(got, want) {
		t.Errorf("the partition has %q, want %q", got, want)
	}
}

// The coordinator dies in the middle of each of some transactions: all of them end as their producer wants.
func TestTransactionsOutliveTheirCoordinator(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	ctx := within(t)
	if _, err := kadm.NewClient(newClient(t, c)).CreateTopic(ctx, 3, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	client := transactor(t, c, "t")
	admin := kadm.NewClient(newClient(t, c))
	var want []string
	for i := range 4 {
		value, end := fmt.Sprint("transaction ", i), kgo.TransactionEndTry(i%2 == 0)
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		write := func(p int32) {
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: p, Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatalf("%s: %v", value, err)
			}
		}
		write(0)
		write(1)
		found := admin.FindTxnCoordinators(ctx, "t")
		if err := found.Error(); err != nil {
			t.Fatal(err)
		}
		c.Kill(found["t"].NodeID)
		write(2)
		if err := client.EndTransaction(ctx, end); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		if end == kgo.TryCommit {
			want = append(want, value)
		}
		c.Restart(found["t"].NodeID)
	}
	for p, got := range committed(ctx, t, c, 3, len(want)) {
		if !slices.Equal(got, want) {
			t.Errorf("partition %d has %v, want %v", p, got, want)
		}
	}
	listed, err := admin.ListTransactions(ctx, nil, []string{"Ongoing", "PrepareCommit", "PrepareAbort"})
	if err != nil || len(listed) > 0 {
		t.Errorf("left open: %v, %v", listed, err)
	}
}

// A broker that is alone has transactions, too: their topic has one replica, which is all that need be in sync.
func TestTransactionsOfOneBroker(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	ctx := within(t)
	admin := kadm.NewClient(newClient(t, c))
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	client := transactor(t, c, "t")
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := spread(ctx, client, fmt.Sprint(end), 1, end); err != nil {
			t.Fatal(err)
		}
	}
	if got := committed(ctx, t, c, 1, 2)[0]; !slices.Equal(got, []string{"true", "true"}) {
		t.Errorf("%v", got)
	}
	configs, err := admin.DescribeTopicConfigs(ctx, "__transaction_state")
	if err != nil || configs[0].Err != nil {
		t.Fatal(err, configs)
	}
	for key, want := range map[string]string{"min.insync.replicas": "1", "cleanup.policy": "compact"} {
		if !slices.ContainsFunc(configs[0].Configs, func(c kadm.Config) bool { return c.Key == key && *c.Value == want }) {
			t.Errorf("%s is not %s: %+v", key, want, configs[0].Configs)
		}
	}
}

// A consumer that assigns its partitions itself may add its offsets to a transaction before anybody has asked for a
// group's coordinator.
func TestOffsetsBeforeAnyGroup(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	ctx := within(t)
	client := newClient(t, c)
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = kmsg.StringPtr("t"), 10_000
	made, err := begin.RequestWith(ctx, client)
	if err != nil || made.ErrorCode != 0 {
		t.Fatal(err, made)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "t", made.ProducerID, made.ProducerEpoch, "g"
	added, err := add.RequestWith(ctx, client)
	if err != nil || added.ErrorCode != 0 {
		t.Fatalf("%v, %+v", err, added)
	}
	got := described(ctx, t, kadm.NewClient(client), "t")
	if len(got.Topics["__consumer_offsets"]) != 1 || got.State != "Ongoing" {
		t.Errorf("%+v", got)
	}
}
