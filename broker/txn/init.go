package txn

import (
	"time"

	"github.com/logproof/logproof/broker/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Init gives a producer its id and epoch under a transactional id, and fences who had it before: the epoch is raised,
// or the producer id is another when there are no epochs left. An open transaction is aborted first, and the producer
// told to ask again: CONCURRENT_TRANSACTIONS. One that names the id and epoch it has goes on with it after an error, if
// nobody else has come since (KIP-360).
func (m *Machine) Init(now time.Time, req *kmsg.InitProducerIDRequest, answer Answer) {
	timeout := time.Duration(req.TransactionTimeoutMillis) * time.Millisecond
	refuse := func(err *kerr.Error) { answer(Refusal(req, err)) }
	switch {
	case req.TransactionalID == nil || *req.TransactionalID == "":
		refuse(kerr.InvalidRequest)
		return
	case timeout <= 0 || timeout > m.cfg.MaxTimeout:
		refuse(kerr.InvalidTransactionTimeout)
		return
	}
	t := m.ids[*req.TransactionalID]
	if t == nil {
		id, ok := m.producerID(func(now time.Time) { m.Init(now, req, answer) }, refuse)
		if !ok {
			return
		}
		t = &transaction{id: *req.TransactionalID, kept: kept{
			producer: id, epoch: noEpoch, last: noEpoch, previous: noProducer, next: noProducer, started: -1,
		}}
		m.ids[t.id] = t
	}
	if err := mayInit(t, req); err != nil {
		refuse(err)
		return
	}
	if t.state == Ongoing {
		m.fence(now, t, func(err *kerr.Error) {
			if err == nil {
				err = kerr.ConcurrentTransactions
			}
			refuse(err)
		})
		return
	}
	m.admit(now, t, timeout, req, answer)
}

// mayInit says why a producer cannot begin, or not yet.
func mayInit(t *transaction, req *kmsg.InitProducerIDRequest) *kerr.Error {
	rolled := req.ProducerID == t.previous && req.ProducerEpoch >= lastEpoch
	switch {
	case t.changing: // first: what is being written may be the producer id that is named here
		return kerr.ConcurrentTransactions
	case req.ProducerID != noProducer && t.epoch != noEpoch && req.ProducerID != t.producer && !rolled:
		return kerr.ProducerFenced
	case t.state == PrepareCommit || t.state == PrepareAbort:
		return kerr.ConcurrentTransactions
	case t.state == Ongoing && req.ProducerID != noProducer && (rolled || req.ProducerEpoch != t.epoch):
		return kerr.ProducerFenced // whose transaction is open is somebody else, and none of this one's business
	}
	return nil
}

// admit raises the epoch for a producer while no transaction is open, or rolls the producer id.
func (m *Machine) admit(now time.Time, t *transaction, timeout time.Duration, req *kmsg.InitProducerIDRequest, answer Answer) {
	refuse := func(err *kerr.Error) { answer(Refusal(req, err)) }
	resumes := req.ProducerID != noProducer
	to := t.kept
	to.state, to.timeout, to.partitions, to.started, to.next = Empty, timeout, nil, -1, noProducer
	switch {
	case m.cfg.Bugs.NoFence && t.epoch != noEpoch:
	case t.exhausted() && (!resumes || req.ProducerEpoch == t.epoch):
		id, ok := m.producerID(func(now time.Time) { m.Init(now, req, answer) }, refuse)
		if !ok {
			return
		}
		to.producer, to.epoch, to.last, to.previous = id, 0, noEpoch, noProducer
		if resumes {
			to.last, to.previous = t.epoch, t.producer
		}
	case !resumes:
		to.epoch, to.last = t.epoch+1, noEpoch
	case t.epoch == noEpoch || req.ProducerEpoch == t.epoch:
		to.epoch, to.last = t.epoch+1, t.epoch
	case req.ProducerEpoch == t.last: // asked again: what was given before is given once more
	default:
		refuse(kerr.ProducerFenced)
		return
	}
	m.change(now, t, to, nil, func(err *kerr.Error) {
		if err != nil {
			refuse(err)
			return
		}
		resp := kmsg.NewPtrInitProducerIDResponse()
		resp.ProducerID, resp.ProducerEpoch = to.producer, to.epoch
		answer(resp)
	})
}

// fence takes the open transaction away from its producer: it is aborted with an epoch that nobody was given.
func (m *Machine) fence(now time.Time, t *transaction, tell Outcome) {
	m.emit(event.ProducerFenced{TransactionalID: t.id, ProducerID: t.producer, Epoch: t.epoch, Partitions: len(t.partitions)})
	m.abandon(now, t, &m.ends.Fenced, tell)
}

// timeOut does so when the transaction has been open for too long.
func (m *Machine) timeOut(now time.Time, t *transaction) {
	m.emit(event.TransactionTimedOut{
		TransactionalID: t.id, ProducerID: t.producer, Epoch: t.epoch, Partitions: len(t.partitions), Timeout: t.timeout.Milliseconds(),
	})
	m.abandon(now, t, &m.ends.TimedOut, nil)
}

func (m *Machine) abandon(now time.Time, t *transaction, count *uint64, tell Outcome) {
	to := t.kept
	to.state, to.last, to.version = PrepareAbort, noEpoch, 2
	if to.epoch++; m.cfg.Bugs.NoFence {
		to.epoch--
	}
	m.change(now, t, to, m.concluding(t, count), tell)
}

// timesOut is when the open transaction has been open for as long as its producer said.
func (m *Machine) timesOut(now time.Time, t *transaction) time.Time {
	return now.Add(time.UnixMilli(t.started).Add(t.timeout).Sub(m.cfg.Wall(now)))
}
