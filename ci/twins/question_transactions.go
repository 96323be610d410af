package twins

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// coordinate has a twin make what it coordinates transactions with, and waits until it does.
func coordinate(t *Twin) error {
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorType, find.CoordinatorKey = 1, "worker"
	for range 100_000 { // all over the loopback, and nothing to wait for but the broker
		resp, err := t.Ask(find, 3)
		if err != nil {
			return err
		}
		describe := kmsg.NewPtrDescribeTransactionsRequest()
		describe.TransactionalIDs = []string{"worker"}
		if resp.(*kmsg.FindCoordinatorResponse).ErrorCode != 0 {
			continue
		}
		if resp, err = t.Ask(describe, 0); err != nil {
			return err
		}
		if resp.(*kmsg.DescribeTransactionsResponse).TransactionStates[0].ErrorCode == kerr.TransactionalIDNotFound.Code {
			return nil
		}
	}
	return fmt.Errorf("%s has no coordinator of transactions", t.Name)
}

// transactions are the questions about them.
func transactions() []question { return slices.Concat(producers(), transactionalIDs()) }

// producers are the questions of those with a transactional id.
func producers() []question {
	begin := func(id string, timeout int32) func(*Twin, int16) kmsg.Request {
		return named(func() kmsg.Request {
			req := kmsg.NewPtrInitProducerIDRequest()
			req.TransactionalID, req.TransactionTimeoutMillis = &id, timeout
			return req
		})
	}
	add := func(id, topic string, verify bool) func(*Twin, int16) kmsg.Request {
		return func(_ *Twin, version int16) kmsg.Request {
			req := kmsg.NewPtrAddPartitionsToTxnRequest()
			req.TransactionalID, req.ProducerID = id, 1<<40
			req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: []int32{0}}}
			one := kmsg.NewAddPartitionsToTxnRequestTransaction()
			one.TransactionalID, one.ProducerID, one.VerifyOnly = id, 1<<40, verify
			one.Topics = []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: topic, Partitions: []int32{0}}}
			req.Transactions = append(req.Transactions, one)
			return req
		}
	}
	end := func(id string) func(*Twin, int16) kmsg.Request {
		return named(func() kmsg.Request {
			req := kmsg.NewPtrEndTxnRequest()
			req.TransactionalID, req.ProducerID, req.Commit = id, 1<<40, true
			return req
		})
	}
	offsets := func(id, group, topic string, generation int32) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, _ int16) kmsg.Request {
			req := kmsg.NewPtrTxnOffsetCommitRequest()
			req.TransactionalID, req.Group, req.ProducerID, req.Generation = id, group, 1<<40, generation
			at := kmsg.NewTxnOffsetCommitRequestTopic()
			at.Topic, at.TopicID = topic, t.id(topic)
			at.Partitions = append(at.Partitions, kmsg.NewTxnOffsetCommitRequestTopicPartition())
			req.Topics = append(req.Topics, at)
			return req
		}
	}
	return []question{
		{name: "the coordinator of a transactional id", from: 1, ask: named(func() kmsg.Request {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = 1, "worker", []string{"worker"}
			return req
		})},
		{name: "a transactional producer", ask: begin("worker", 60_000)},
		{name: "a transactional producer with too much time", ask: begin("worker", 1<<30)},
		{name: "a transactional producer without time", ask: begin("worker", 0)},
		{name: "partitions of a transaction that is nobody's", ask: add("nobody", "orders", false)},
		{name: "partitions of another's transaction", ask: add("worker", "orders", false)},
		{name: "partitions of a transaction, which are unknown", ask: add("worker", "nothing", false)},
		{name: "whether a partition is of a transaction", from: 4, ask: add("worker", "orders", true)},
		{name: "offsets of a transaction that is nobody's", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrAddOffsetsToTxnRequest()
			req.TransactionalID, req.ProducerID, req.Group = "nobody", 1<<40, "readers"
			return req
		})},
		{name: "offsets in a transaction that is nobody's", ask: offsets("nobody", "readers", "orders", -1)},
		{name: "offsets in another's transaction", ask: offsets("worker", "readers", "orders", -1)},
		{name: "offsets in a transaction, of an unknown topic", ask: offsets("worker", "readers", "nothing", -1)},
		{name: "offsets in a transaction, of a group without a name", ask: offsets("worker", "", "orders", -1)},
		{name: "the end of a transaction that is nobody's", ask: end("nobody")},
		{name: "the end of another's transaction", ask: end("worker")},
	}
}

// transactionalIDs are the questions of those who look after transactions.
func transactionalIDs() []question {
	return []question{
		{name: "transactional ids", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrDescribeTransactionsRequest()
			req.TransactionalIDs = []string{"worker", "nobody"}
			return req
		})},
		{name: "all transactional ids", ask: named(func() kmsg.Request { return kmsg.NewPtrListTransactionsRequest() })},
		{name: "transactional ids in a state that is none", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrListTransactionsRequest()
			req.StateFilters = []string{"Asleep"}
			return req
		})},
		{name: "transactional ids by a pattern that is none", from: 2, ask: named(func() kmsg.Request {
			req := kmsg.NewPtrListTransactionsRequest()
			req.TransactionalIDPattern = kmsg.StringPtr("(")
			return req
		})},
		{name: "the marker of a topic that is unknown", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrWriteTxnMarkersRequest()
			one := kmsg.NewWriteTxnMarkersRequestMarker()
			one.ProducerID = 1 << 40
			one.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "nothing", Partitions: []int32{0}}}
			req.Markers = append(req.Markers, one)
			return req
		})},
	}
}
