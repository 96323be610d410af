package coordinator

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/txn"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokersAdd is the version of AddPartitionsToTxn from which on brokers send it, for several transactions at a time.
const brokersAdd = 4

// request answers a request, now or when its outcome is committed.
func (c *Transactions) request(now time.Time, m api.TransactionRequest) {
	answer := func(resp kmsg.Response) {
		c.out = append(c.out, actor.Send{To: m.From, Message: api.TransactionReply{Call: m.Call, Body: resp}})
	}
	switch r := m.Body.(type) {
	case *kmsg.InitProducerIDRequest:
		if t := c.serving(now, *r.TransactionalID, r, answer); t != nil {
			t.machine.Init(now, r, answer)
		}
	case *kmsg.AddOffsetsToTxnRequest:
		if t := c.serving(now, r.TransactionalID, r, answer); t != nil {
			c.addOffsets(now, t, r, answer)
		}
	case *kmsg.EndTxnRequest:
		if t := c.serving(now, r.TransactionalID, r, answer); t != nil {
			t.machine.End(now, r, answer)
		}
	case *kmsg.AddPartitionsToTxnRequest:
		if r.Version < brokersAdd {
			c.addForClient(now, r, answer)
		} else {
			c.addForBrokers(now, r, answer)
		}
	case *kmsg.DescribeTransactionsRequest:
		answer(c.describe(now, r))
	case *kmsg.ListTransactionsRequest:
		answer(c.list(now, r))
	default:
		panic(fmt.Sprintf("transactions: got a request %T", m.Body))
	}
}

// serving is the term for a request about one transactional id, which is answered if nobody here serves it.
func (c *Transactions) serving(now time.Time, id string, req kmsg.Request, answer txn.Answer) *term[*txn.Machine] {
	t, err := c.of(now, id)
	if err != nil {
		answer(txn.Refusal(req, err))
		return nil
	}
	return t
}

// addOffsets makes the partition of a group's offsets part of a transaction.
func (c *Transactions) addOffsets(now time.Time, t *term[*txn.Machine], r *kmsg.AddOffsetsToTxnRequest, answer txn.Answer) {
	topic := c.image.Topic(metadata.ConsumerOffsets)
	if topic == nil || len(topic.Partitions) == 0 {
		answer(txn.Refusal(r, kerr.CoordinatorNotAvailable))
		return
	}
	p := txn.Partition{Topic: topic.Name, Index: api.CoordinatorPartition(r.Group, len(topic.Partitions))}
	who := txn.Producer{TransactionalID: r.TransactionalID, ID: r.ProducerID, Epoch: r.ProducerEpoch}
	t.machine.Add(now, who, []txn.Partition{p}, txn.VersionOne, func(err *kerr.Error) {
		if err != nil {
			answer(txn.Refusal(r, err))
			return
		}
		answer(kmsg.NewPtrAddOffsetsToTxnResponse())
	})
}

// asked is the partitions of a request about one transaction, and what became of each.
type asked struct {
	partitions []txn.Partition
	errs       []*kerr.Error
}

// every sets the outcome of all partitions.
func (a *asked) every(err *kerr.Error) {
	a.errs = make([]*kerr.Error, len(a.partitions))
	for i := range a.errs {
		a.errs[i] = err
	}
}

// missing reports whether there are partitions that do not exist: then none is added (KIP-98).
func (c *Transactions) missing(a *asked) bool {
	a.every(kerr.OperationNotAttempted)
	found := false
	for i, p := range a.partitions {
		topic := c.image.Topic(p.Topic)
		if topic == nil || p.Index < 0 || int(p.Index) >= len(topic.Partitions) {
			a.errs[i], found = kerr.UnknownTopicOrPartition, true
		}
	}
	return found
}

// add asks for partitions to be made part of a transaction, or whether they are; done is called once a has the outcome.
func (c *Transactions) add(now time.Time, who txn.Producer, verify bool, version int16, a *asked, done func()) {
	t, err := c.of(now, who.TransactionalID)
	switch {
	case err != nil:
		a.every(err)
	case c.missing(a):
	case verify:
		a.errs = t.machine.Verify(who, a.partitions)
	default:
		t.machine.Add(now, who, a.partitions, version, func(err *kerr.Error) {
			a.every(err)
			done()
		})
		return
	}
	done()
}

// addForClient answers AddPartitionsToTxn of a client.
func (c *Transactions) addForClient(now time.Time, r *kmsg.AddPartitionsToTxnRequest, answer txn.Answer) {
	var a asked
	for _, topic := range r.Topics {
		for _, index := range topic.Partitions {
			a.partitions = append(a.partitions, txn.Partition{Topic: topic.Topic, Index: index})
		}
	}
	who := txn.Producer{TransactionalID: r.TransactionalID, ID: r.ProducerID, Epoch: r.ProducerEpoch}
	c.add(now, who, false, txn.VersionOne, &a, func() {
		resp := kmsg.NewPtrAddPartitionsToTxnResponse()
		at := 0
		for _, topic := range r.Topics {
			out := kmsg.NewAddPartitionsToTxnResponseTopic()
			out.Topic = topic.Topic
			for _, index := range topic.Partitions {
				p := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				p.Partition, p.ErrorCode = index, txn.Known(r, a.errs[at])
				out.Partitions = append(out.Partitions, p)
				at++
			}
			resp.Topics = append(resp.Topics, out)
		}
		answer(resp)
	})
}

// addForBrokers answers that of a broker, once all of its transactions have an outcome.
func (c *Transactions) addForBrokers(now time.Time, r *kmsg.AddPartitionsToTxnRequest, answer txn.Answer) {
	resp := kmsg.NewPtrAddPartitionsToTxnResponse()
	resp.Transactions = make([]kmsg.AddPartitionsToTxnResponseTransaction, len(r.Transactions))
	left := len(r.Transactions) + 1
	done := func() {
		if left--; left == 0 {
			answer(resp)
		}
	}
	for i := range r.Transactions {
		one := &r.Transactions[i]
		var a asked
		for _, topic := range one.Topics {
			for _, index := range topic.Partitions {
				a.partitions = append(a.partitions, txn.Partition{Topic: topic.Topic, Index: index})
			}
		}
		who := txn.Producer{TransactionalID: one.TransactionalID, ID: one.ProducerID, Epoch: one.ProducerEpoch}
		c.add(now, who, one.VerifyOnly, txn.VersionTwo, &a, func() {
			resp.Transactions[i] = outcome(one, a.errs)
			done()
		})
	}
	done()
}

// outcome lays the errors of a transaction's partitions out in the order of the request.
func outcome(one *kmsg.AddPartitionsToTxnRequestTransaction, errs []*kerr.Error) kmsg.AddPartitionsToTxnResponseTransaction {
	out := kmsg.NewAddPartitionsToTxnResponseTransaction()
	out.TransactionalID = one.TransactionalID
	at := 0
	for _, topic := range one.Topics {
		t := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
		t.Topic = topic.Topic
		for _, index := range topic.Partitions {
			p := kmsg.NewAddPartitionsToTxnResponseTransactionTopicPartition()
			if p.Partition = index; errs[at] != nil {
				p.ErrorCode = errs[at].Code
			}
			t.Partitions = append(t.Partitions, p)
			at++
		}
		out.Topics = append(out.Topics, t)
	}
	return out
}

func (c *Transactions) describe(now time.Time, r *kmsg.DescribeTransactionsRequest) kmsg.Response {
	resp := kmsg.NewPtrDescribeTransactionsResponse()
	for _, id := range r.TransactionalIDs {
		t, err := c.of(now, id)
		switch {
		case id == "":
			resp.TransactionStates = append(resp.TransactionStates, txn.NotDescribed(id, kerr.InvalidRequest))
		case err != nil:
			resp.TransactionStates = append(resp.TransactionStates, txn.NotDescribed(id, err))
		default:
			resp.TransactionStates = append(resp.TransactionStates, t.machine.Describe(id))
		}
	}
	return resp
}

// list gives the transactional ids of all partitions led here. Those that are being loaded are missing, which the error
// says.
func (c *Transactions) list(now time.Time, r *kmsg.ListTransactionsRequest) kmsg.Response {
	resp := kmsg.NewPtrListTransactionsResponse()
	filter, unknown, err := txn.NewFilter(r)
	resp.UnknownStateFilters = unknown
	served := c.ordered()
	switch {
	case err != nil:
		resp.ErrorCode = err.Code
		return resp
	case len(served) > 0 && c.lapsed(now):
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return resp
	case len(served) < len(c.led):
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return resp
	}
	for _, t := range served {
		resp.TransactionStates = append(resp.TransactionStates, t.machine.List(now, filter)...)
	}
	return resp
}
