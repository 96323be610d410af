package brokertest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// promiser is a producer with a transaction that has begun, and offsets to commit in it.
type promiser struct {
	t      *testing.T
	client *kgo.Client
	id     string
	pid    int64
	epoch  int16
	// orders is the id of the topic.
	orders [16]byte
}

func newPromiser(t *testing.T, client *kgo.Client, id string) *promiser {
	t.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = &id, 20_000, -1, -1
	resp := retried(t, func() (*kmsg.InitProducerIDResponse, int16) {
		resp, err := req.RequestWith(within(t), client)
		if err != nil {
			return resp, kerr.CoordinatorNotAvailable.Code
		}
		return resp, resp.ErrorCode
	})
	topics, err := kadm.NewClient(client).ListTopics(within(t), "orders")
	if err != nil || resp.ErrorCode != 0 {
		t.Fatal(err, kerr.ErrorForCode(resp.ErrorCode))
	}
	return &promiser{t, client, id, resp.ProducerID, resp.ProducerEpoch, topics["orders"].ID}
}

// retried asks until the answer is not one that passes, as one does that does not come since a broker has died.
func retried[R any](t *testing.T, ask func() (R, int16)) R {
	t.Helper()
	var resp R
	eventually(t, func() string {
		answer, code := ask()
		resp = answer
		if err := kerr.TypedErrorForCode(code); err != nil && (err.Retriable || err == kerr.ConcurrentTransactions) {
			return "still " + err.Message
		}
		return ""
	})
	return resp
}

// offset commits how far a group has read orders-0, in the transaction, and gives the error.
func (x *promiser) offset(at int64, change func(*kmsg.TxnOffsetCommitRequest)) *kerr.Error {
	x.t.Helper()
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = x.id, "readers", x.pid, x.epoch
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = "orders", x.orders
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Offset = at
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	if change != nil {
		change(req)
	}
	return kerr.TypedErrorForCode(retried(x.t, func() (int16, int16) {
		resp, err := req.RequestWith(within(x.t), x.client)
		if err != nil {
			return 0, kerr.CoordinatorNotAvailable.Code
		}
		code := resp.Topics[0].Partitions[0].ErrorCode
		return code, code
	}))
}

func (x *promiser) end(commit bool) {
	x.t.Helper()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = x.id, x.pid, x.epoch, commit
	resp := retried(x.t, func() (*kmsg.EndTxnResponse, int16) {
		resp, err := req.RequestWith(within(x.t), x.client)
		if err != nil {
			return resp, kerr.CoordinatorNotAvailable.Code
		}
		return resp, resp.ErrorCode
	})
	if resp.ErrorCode != 0 {
		x.t.Fatalf("end: %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	x.pid, x.epoch = resp.ProducerID, resp.ProducerEpoch
}

// fetched is what somebody is told of the offset.
func fetched(t *testing.T, client *kgo.Client, stable bool) (at int64, err *kerr.Error) {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = stable
	topic := kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic, topic.Partitions = "orders", []int32{0}
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group, group.Topics = "readers", []kmsg.OffsetFetchRequestGroupTopic{topic}
	req.Groups = append(req.Groups, group)
	p := retried(t, func() (kmsg.OffsetFetchResponseGroupTopicPartition, int16) {
		resp, err := req.RequestWith(within(t), client)
		if err != nil {
			return kmsg.OffsetFetchResponseGroupTopicPartition{}, kerr.CoordinatorNotAvailable.Code
		}
		if g := resp.Groups[0]; g.ErrorCode != 0 {
			return kmsg.OffsetFetchResponseGroupTopicPartition{}, g.ErrorCode
		}
		return resp.Groups[0].Topics[0].Partitions[0], 0
	})
	return p.Offset, kerr.TypedErrorForCode(p.ErrorCode)
}

// Offsets of a transaction are not told while it is open, count when it commits and are gone when it aborts; so it is
// on one broker, and on three of which one dies while a transaction is open.
func TestUnstableOffsets(t *testing.T) {
	for _, brokers := range []int{1, 3} {
		c := brokertest.Start(t, brokertest.Brokers(brokers))
		client := newClient(t, c)
		if _, err := kadm.NewClient(client).CreateTopic(within(t), 1, -1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		expect := func(when string, at int64, stable *kerr.Error) {
			t.Helper()
			if got, err := fetched(t, client, false); got != at || err != nil {
				t.Errorf("%d brokers, %s: %d, %v; want %d", brokers, when, got, err, at)
			}
			got, err := fetched(t, client, true)
			if err != stable || err == nil && got != at || err != nil && got != -1 {
				t.Errorf("%d brokers, %s, stable: %d, %v; want %d, %v", brokers, when, got, err, at, stable)
			}
		}
		x := newPromiser(t, client, "copier")
		if err := x.offset(10, nil); err != nil {
			t.Fatal(err)
		}
		expect("open", -1, kerr.UnstableOffsetCommit)
		x.end(true)
		settled(t, client)
		expect("committed", 10, nil)
		if err := x.offset(20, nil); err != nil {
			t.Fatal(err)
		}
		if brokers > 1 {
			coordinators := kadm.NewClient(client).FindGroupCoordinators(within(t), "readers")
			id := coordinators["readers"].NodeID
			c.Kill(id)
			expect("open, and another coordinates", 10, kerr.UnstableOffsetCommit)
			c.Restart(id)
		}
		x.end(false)
		settled(t, client)
		expect("aborted", 10, nil)
	}
}

// settled waits until no transaction holds the offset: its marker comes after the answer to its end.
func settled(t *testing.T, client *kgo.Client) {
	t.Helper()
	eventually(t, func() string {
		if _, err := fetched(t, client, true); err != nil {
			return "the offset stays unstable: " + err.Message
		}
		return ""
	})
}

// A member whose session is over cannot commit in a transaction what others work on by then, nor can a producer that
// has been replaced (KIP-447).
func TestZombies(t *testing.T) {
	_, client, _ := administered(t, 1, 3)
	x := newPromiser(t, client, "copier")
	as := func(member string, generation int32) func(*kmsg.TxnOffsetCommitRequest) {
		return func(r *kmsg.TxnOffsetCommitRequest) { r.MemberID, r.Generation = member, generation }
	}
	if err := x.offset(5, as("long dead", 3)); err != kerr.IllegalGeneration {
		t.Errorf("of a group that is none: %v", err)
	}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = "readers", "consumer", 60_000, 60_000
	join.Protocols = append(join.Protocols, kmsg.JoinGroupRequestProtocol{Name: "range"})
	joined := retried(t, func() (*kmsg.JoinGroupResponse, int16) {
		resp, err := join.RequestWith(within(t), client)
		if err != nil {
			return resp, kerr.CoordinatorNotAvailable.Code
		}
		if join.MemberID = resp.MemberID; resp.ErrorCode == kerr.MemberIDRequired.Code {
			return resp, kerr.CoordinatorLoadInProgress.Code // ask again, with the id
		}
		return resp, resp.ErrorCode
	})
	if joined.ErrorCode != 0 {
		t.Fatal(kerr.ErrorForCode(joined.ErrorCode))
	}
	for _, c := range []struct {
		name string
		as   func(*kmsg.TxnOffsetCommitRequest)
		want *kerr.Error
	}{
		{"the member", as(joined.MemberID, joined.Generation), nil},
		{"the member, a generation ago", as(joined.MemberID, joined.Generation-1), kerr.IllegalGeneration},
		{"the member before it", as("long dead", joined.Generation), kerr.UnknownMemberID},
	} {
		if err := x.offset(5, c.as); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	next := newPromiser(t, client, "copier")
	if err := x.offset(6, as(joined.MemberID, joined.Generation)); err != kerr.InvalidProducerEpoch {
		t.Errorf("a producer that has been replaced: %v", err)
	}
	settled(t, client)
	if at, _ := fetched(t, client, true); at != -1 {
		t.Errorf("what it left open is at %d", at)
	}
	if err := next.offset(7, as(joined.MemberID, joined.Generation)); err != nil {
		t.Error(err)
	}
	next.end(true)
	settled(t, client)
	if at, _ := fetched(t, client, true); at != 7 {
		t.Errorf("the next one has committed %d", at)
	}
}

// An administrator ends a transaction that hangs as kafka-transactions does: with what DescribeProducers tells, at the
// leader of the partition, as a client (KIP-664).
func TestAbortByAdministrator(t *testing.T) {
	c, client, admin := administered(t, 1, 3)
	hanging := newClient(t, c, kgo.TransactionalID("hanging"), kgo.TransactionTimeout(time.Minute))
	if err := hanging.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := hanging.ProduceSync(within(t), &kgo.Record{Topic: "orders", Value: []byte("never")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	stable := func() int64 {
		offsets, err := admin.ListCommittedOffsets(within(t), "orders")
		if err != nil || offsets.Error() != nil {
			t.Fatal(err, offsets.Error())
		}
		o, _ := offsets.Lookup("orders", 0)
		return o.Offset
	}
	if at := stable(); at != 0 {
		t.Fatalf("the last stable offset is %d", at)
	}
	described, err := admin.DescribeProducers(within(t), kadm.TopicsSet{"orders": {0: {}}})
	if err != nil || described["orders"].Partitions[0].Err != nil {
		t.Fatal(err, described["orders"].Partitions[0].Err)
	}
	for id := range int32(3) { // every replica tells what it has; a follower has it soon
		req := kmsg.NewPtrDescribeProducersRequest()
		req.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
		eventually(t, func() string {
			p := askAt[*kmsg.DescribeProducersResponse](t, client, id, req).Topics[0].Partitions[0]
			if p.ErrorCode == 0 && len(p.ActiveProducers) == 1 && p.ActiveProducers[0].CurrentTxnStartOffset == 0 {
				return ""
			}
			return fmt.Sprintf("broker %d tells %+v", id, p)
		})
	}
	var markers kmsg.WriteTxnMarkersRequest
	described.EachProducer(func(p kadm.DescribedProducer) {
		one := kmsg.NewWriteTxnMarkersRequestMarker()
		one.ProducerID, one.ProducerEpoch, one.CoordinatorEpoch = p.ProducerID, p.ProducerEpoch, max(p.CoordinatorEpoch, 0)
		one.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "orders", Partitions: []int32{0}}}
		markers.Markers = append(markers.Markers, one)
	})
	if len(markers.Markers) != 1 {
		t.Fatalf("%d producers", len(markers.Markers))
	}
	resp := askAt[*kmsg.WriteTxnMarkersResponse](t, client, described["orders"].Partitions[0].Leader, &markers)
	if code := resp.Markers[0].Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	if at := stable(); at != 2 { // the record and its end
		t.Errorf("then the last stable offset is %d", at)
	}
}
