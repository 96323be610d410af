package node

import (
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// enlistments are questions of sessions whether partitions belong to transactions. All that wait for the same
// coordinator go in one request, and it has one request at a time.
type enlistments struct {
	waiting []patient
	// asked are the requests under way; busy are the coordinators that have one.
	asked map[uint64]*enlisting
	busy  map[int32]bool
	last  uint64
}

// enlisting is a request under way.
type enlisting struct {
	coordinator int32
	asked       []patient
}

// patient is a question that is asked again while the producer's former transaction is still ending: the next one
// begins as soon as that is over, and clients who are told so wait for seconds.
type patient struct {
	api.Enlist
	until time.Time
	// rest comes before it is asked once more.
	rest time.Duration
}

// enlistAgain asks once more.
type enlistAgain struct{ all []patient }

// How long questions are asked again, and after which rest, which doubles up to a bound. Apache Kafka asks for 100 ms,
// every 20 ms (add.partitions.to.txn.retry.backoff.max.ms), and does not sync what it writes meanwhile.
const (
	enlistWithin  = time.Second
	enlistRest    = time.Millisecond
	enlistRestMax = 16 * time.Millisecond
)

func newEnlistments() enlistments {
	return enlistments{asked: map[uint64]*enlisting{}, busy: map[int32]bool{}}
}

// ask sends what waits to the coordinators that have nothing to do.
func (p *participant) ask(fx *actor.Effects) {
	if len(p.enlistments.waiting) == 0 {
		return
	}
	batches := map[int32]*enlisting{}
	var left []patient
	for _, e := range p.enlistments.waiting {
		id, found := p.coordinatorOf(e.TransactionID)
		batch := batches[id]
		switch {
		case !found:
			answerEnlist(e.Enlist, kerr.CoordinatorNotAvailable.Code, fx)
		case p.busy[id] || batch != nil && !batch.takes(e.Enlist):
			left = append(left, e)
		case batch == nil:
			batches[id] = &enlisting{id, []patient{e}}
		default:
			batch.asked = append(batch.asked, e)
		}
	}
	p.enlistments.waiting = left
	for _, id := range slices.Sorted(maps.Keys(batches)) {
		p.send(batches[id], fx)
	}
}

// takes reports whether a question may go in the same request: an answer has each transactional id once, so all that
// is asked of one must be of the same producer.
func (b *enlisting) takes(e api.Enlist) bool {
	for _, other := range b.asked {
		if other.TransactionID == e.TransactionID {
			return other.ProducerID == e.ProducerID && other.Epoch == e.Epoch && other.VerifyOnly == e.VerifyOnly
		}
	}
	return true
}

// coordinatorOf gives the broker that coordinates a transactional id.
func (p *participant) coordinatorOf(id string) (broker int32, found bool) {
	if p.image == nil {
		return 0, false
	}
	topic := p.image.Topic(metadata.TransactionState)
	if topic == nil || len(topic.Partitions) == 0 {
		return 0, false
	}
	b := p.image.Broker(topic.Partitions[api.CoordinatorPartition(id, len(topic.Partitions))].Leader)
	if b == nil || b.Fenced {
		return 0, false
	}
	return b.ID, true
}

// send asks a coordinator, here or elsewhere.
func (p *participant) send(b *enlisting, fx *actor.Effects) {
	p.last++
	p.asked[p.last], p.busy[b.coordinator] = b, true
	req := b.request()
	if b.coordinator == p.cfg.Sessions.NodeID {
		fx.Send(api.Transactions, api.TransactionRequest{From: api.Participant, Call: p.last, Body: req})
		return
	}
	to := p.image.Broker(b.coordinator)
	fx.Call(actor.Call{Node: to.ID, Host: to.PeerHost, Port: to.PeerPort, Request: req, Timeout: p.cfg.Timing.CallTimeout, Token: p.last})
}

// request lists each transaction once, and in it each topic once.
func (b *enlisting) request() *kmsg.AddPartitionsToTxnRequest {
	req := addPartitions()
	for _, e := range b.asked {
		i := slices.IndexFunc(req.Transactions, func(t kmsg.AddPartitionsToTxnRequestTransaction) bool { return t.TransactionalID == e.TransactionID })
		if i < 0 {
			one := kmsg.NewAddPartitionsToTxnRequestTransaction()
			one.TransactionalID, one.ProducerID, one.ProducerEpoch, one.VerifyOnly = e.TransactionID, e.ProducerID, e.Epoch, e.VerifyOnly
			req.Transactions = append(req.Transactions, one)
			i = len(req.Transactions) - 1
		}
		topics := &req.Transactions[i].Topics
		j := slices.IndexFunc(*topics, func(t kmsg.AddPartitionsToTxnRequestTransactionTopic) bool { return t.Topic == e.Topic })
		if j < 0 {
			one := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
			one.Topic = e.Topic
			*topics = append(*topics, one)
			j = len(*topics) - 1
		}
		if topic := &(*topics)[j]; !slices.Contains(topic.Partitions, e.Partition) {
			topic.Partitions = append(topic.Partitions, e.Partition)
		}
	}
	return req
}

// enlisted answers who asked; body is nil if the coordinator could not be reached, or did not answer.
func (p *participant) enlisted(now time.Time, call uint64, body kmsg.Response, fx *actor.Effects) {
	b := p.asked[call]
	delete(p.asked, call)
	delete(p.busy, b.coordinator)
	resp, _ := body.(*kmsg.AddPartitionsToTxnResponse)
	var again []patient
	rest := enlistRestMax
	for _, e := range b.asked {
		code := enlistedCode(resp, e.Enlist)
		if code == kerr.ConcurrentTransactions.Code && !e.VerifyOnly && now.Before(e.until) {
			rest = min(rest, e.rest)
			e.rest = min(2*e.rest, enlistRestMax)
			again = append(again, e)
			continue
		}
		answerEnlist(e.Enlist, code, fx)
	}
	if len(again) > 0 {
		fx.After(rest, enlistAgain{again})
	}
}

// enlistedCode finds what a coordinator says of one partition.
func enlistedCode(resp *kmsg.AddPartitionsToTxnResponse, e api.Enlist) int16 {
	switch {
	case resp == nil:
		return kerr.NetworkException.Code
	case resp.ErrorCode != 0:
		return resp.ErrorCode
	}
	for i := range resp.Transactions {
		if resp.Transactions[i].TransactionalID != e.TransactionID {
			continue
		}
		for _, topic := range resp.Transactions[i].Topics {
			for _, partition := range topic.Partitions {
				if topic.Topic == e.Topic && partition.Partition == e.Partition {
					return partition.ErrorCode
				}
			}
		}
	}
	return kerr.UnknownServerError.Code // it was asked, and says nothing
}

func answerEnlist(e api.Enlist, code int16, fx *actor.Effects) {
	fx.Send(e.Ticket.To, api.Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part, Error: code})
}
