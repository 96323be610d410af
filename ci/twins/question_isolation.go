package twins

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ledger is a topic of one partition: a record of nobody, a transaction that was aborted, one that was committed, and one
// that is open.
//
//	0      1 2     3      4 5     6       7
//	plain  debit   abort  debit   commit  open
const (
	ledger      = "ledger"
	ledgerOpen  = 7
	ledgerEnd   = 8
	ledgerTries = 100_000
)

// ledgerTime is that of its first record of a transaction: later than those that the brokers give markers, so that a time
// finds a record, and not so much later that markers belong into other segments.
var ledgerTime = time.Now().Add(time.Minute).UnixMilli()

// keepLedger fills a twin's ledger.
func keepLedger(t *Twin) error {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 10_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = ledger, 1, 1
	create.Topics = append(create.Topics, topic)
	resp, err := t.Ask(create, 7)
	if err != nil {
		return err
	}
	t.topics[ledger] = resp.(*kmsg.CreateTopicsResponse).Topics[0].TopicID
	if err := t.store(t.produce(ledger, 0, 9, built(ledgerTime-1))); err != nil {
		return err
	}
	first := kmsg.NewPtrInitProducerIDRequest()
	first.TransactionalID, first.TransactionTimeoutMillis = kmsg.StringPtr("clerk"), 60_000
	if resp, err = t.Ask(first, 2); err != nil {
		return err
	}
	clerk := resp.(*kmsg.InitProducerIDResponse)
	for i, end := range []string{"abort", "commit", ""} {
		values := 2
		if end == "" {
			values = 1
		}
		if err := t.book(clerk, int32(2*i), values, end); err != nil {
			return fmt.Errorf("%s: transaction %d: %w", t.Name, i, err)
		}
	}
	return nil
}

// book writes records in a transaction, and ends it.
func (t *Twin) book(clerk *kmsg.InitProducerIDResponse, sequence int32, values int, end string) error {
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = "clerk", clerk.ProducerID, clerk.ProducerEpoch
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: ledger, Partitions: []int32{0}}}
	for tries := 0; ; tries++ { // the one before may not have ended everywhere
		resp, err := t.Ask(add, 1)
		if err != nil {
			return err
		}
		code := resp.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
		if code == 0 {
			break
		}
		if tries == ledgerTries {
			return fmt.Errorf("its partition is refused with error code %d", code)
		}
	}
	var b batch.Builder
	b.Producer(clerk.ProducerID, clerk.ProducerEpoch, sequence)
	b.Transactional()
	for i := range values {
		b.Add([]byte("key"), []byte("debit"), ledgerTime+int64(100*int(sequence)+i))
	}
	req := t.produce(ledger, 0, 9, b.Build())
	req.TransactionID = kmsg.StringPtr("clerk")
	if err := t.store(req); err != nil || end == "" {
		return err
	}
	ending := kmsg.NewPtrEndTxnRequest()
	ending.TransactionalID, ending.ProducerID, ending.ProducerEpoch, ending.Commit = "clerk", clerk.ProducerID, clerk.ProducerEpoch, end == "commit"
	resp, err := t.Ask(ending, 3)
	if err == nil && resp.(*kmsg.EndTxnResponse).ErrorCode != 0 {
		err = fmt.Errorf("its end is refused with error code %d", resp.(*kmsg.EndTxnResponse).ErrorCode)
	}
	return err
}

// store produces, in a version without implicit partitions of transactions.
func (t *Twin) store(req *kmsg.ProduceRequest) error {
	resp, err := t.Ask(req, 9)
	if err == nil && resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode != 0 {
		err = fmt.Errorf("a batch is refused with error code %d", resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
	}
	return err
}

// isolation are the questions about what readers see of transactions, and where they end.
func isolation() []question {
	from := func(offset int64, level int8) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, _ int16) kmsg.Request {
			return t.fetch(ledger, 0, offset, func(r *kmsg.FetchRequest, _ *kmsg.FetchRequestTopicPartition) { r.IsolationLevel = level })
		}
	}
	at := func(timestamp int64, level int8) func(*Twin, int16) kmsg.Request {
		return named(func() kmsg.Request {
			req := kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID, req.IsolationLevel = -1, level
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Timestamp, p.CurrentLeaderEpoch = timestamp, -1
			req.Topics = append(req.Topics, kmsg.ListOffsetsRequestTopic{Topic: ledger, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}})
			return req
		})
	}
	var all []question
	for offset := range int64(ledgerEnd + 1) {
		all = append(all, question{name: fmt.Sprintf("the ledger from %d, committed", offset), ask: from(offset, 1)})
	}
	return append(all,
		question{name: "the ledger, all of it", ask: from(0, 0)},
		question{name: "the ledger from where it is open, all of it", ask: from(ledgerOpen, 0)},
		question{name: "the ledger's end, committed", from: 2, ask: at(-1, 1)},
		question{name: "the ledger's end", from: 2, ask: at(-1, 0)},
		question{name: "the ledger's start, committed", from: 2, ask: at(-2, 1)},
		question{name: "a time of the ledger, committed", from: 2, ask: at(ledgerTime+201, 1)},
		question{name: "a time of the ledger that is open, committed", from: 2, ask: at(ledgerTime+400, 1)},
		question{name: "a time of the ledger that is open", from: 2, ask: at(ledgerTime+400, 0)},
		question{name: "who writes the ledger", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrDescribeProducersRequest()
			req.Topics = append(req.Topics, kmsg.DescribeProducersRequestTopic{Topic: ledger, Partitions: []int32{0}})
			return req
		})},
	)
}
