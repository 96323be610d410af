package txn

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endsByEpoch is the version of EndTxn from which on an end raises the epoch (KIP-890).
const endsByEpoch = 5

// End ends the producer's transaction. It is answered when the decision is committed; the markers follow. The answer
// to version 5 has the id and epoch of the next transaction.
func (m *Machine) End(now time.Time, req *kmsg.EndTxnRequest, answer Answer) {
	refuse := func(err *kerr.Error) { answer(Refusal(req, err)) }
	if req.TransactionalID == "" {
		refuse(kerr.InvalidRequest)
		return
	}
	t := m.ids[req.TransactionalID]
	if t == nil {
		refuse(kerr.InvalidProducerIDMapping)
		return
	}
	if m.cfg.Bugs.DelayedEnd && !t.changing && t.state == Ongoing && req.ProducerID == t.producer && req.ProducerEpoch < t.epoch {
		late := *req
		late.ProducerEpoch = t.epoch
		req = &late
	}
	again, err := t.ends(req)
	switch {
	case err != nil:
		refuse(err)
	case again:
		answer(ended(t.producer, t.epoch))
	default:
		m.end(now, t, req, answer)
	}
}

// ends says whether a request decides about the open transaction, asks once more what was decided, or why it can do
// neither.
func (t *transaction) ends(req *kmsg.EndTxnRequest) (again bool, err *kerr.Error) {
	if t.changing {
		return false, kerr.ConcurrentTransactions
	}
	if req.Version < endsByEpoch {
		return t.endsFirst(req)
	}
	// An end raises the epoch: who asks once more has the epoch before, or the id before and its last epoch.
	bumped := req.ProducerID == t.producer && req.ProducerEpoch == t.epoch-1
	rolled := t.previous != noProducer && req.ProducerID == t.previous && req.ProducerEpoch == lastEpoch && t.epoch == 0
	present := req.ProducerEpoch == t.epoch
	switch {
	case t.producer != req.ProducerID && !rolled:
		return false, kerr.InvalidProducerIDMapping
	case t.state == PrepareCommit || t.state == PrepareAbort:
		if present { // the end of the next one, of which nothing was begun; Apache Kafka says PRODUCER_FENCED
			return false, kerr.ConcurrentTransactions
		}
		if !bumped {
			return false, kerr.ProducerFenced
		}
		if req.Commit != (t.state == PrepareCommit) {
			return false, kerr.InvalidTxnState
		}
		return false, kerr.ConcurrentTransactions
	case t.state == CompleteCommit || t.state == CompleteAbort:
		if !bumped && !rolled && !present {
			return false, kerr.ProducerFenced
		}
		if bumped || rolled {
			if req.Commit != (t.state == CompleteCommit) {
				return false, kerr.InvalidTxnState
			}
			return true, nil
		}
	case !present:
		return false, kerr.ProducerFenced
	}
	if t.state != Ongoing && req.Commit { // what was never begun can be aborted, and not committed
		return false, kerr.InvalidTxnState
	}
	return false, nil
}

// endsFirst is ends for version 1 of transactions.
func (t *transaction) endsFirst(req *kmsg.EndTxnRequest) (again bool, err *kerr.Error) {
	switch {
	case t.producer != req.ProducerID:
		return false, kerr.InvalidProducerIDMapping
	case t.epoch != req.ProducerEpoch:
		return false, kerr.ProducerFenced
	}
	committed := t.state == PrepareCommit || t.state == CompleteCommit
	switch t.state {
	case Ongoing:
		return false, nil
	case PrepareCommit, PrepareAbort:
		if req.Commit == committed {
			return false, kerr.ConcurrentTransactions
		}
	case CompleteCommit, CompleteAbort:
		if req.Commit == committed {
			return true, nil
		}
	}
	return false, kerr.InvalidTxnState
}

// end writes the decision.
func (m *Machine) end(now time.Time, t *transaction, req *kmsg.EndTxnRequest, answer Answer) {
	refuse := func(err *kerr.Error) { answer(Refusal(req, err)) }
	to := t.kept
	to.state, to.version, to.next = PrepareAbort, VersionOne, noProducer
	count := &m.ends.Aborted
	if req.Commit {
		to.state, count = PrepareCommit, &m.ends.Committed
	}
	told := to
	if req.Version >= endsByEpoch {
		to.version = VersionTwo
		if t.exhausted() {
			id, ok := m.producerID(func(now time.Time) { m.End(now, req, answer) }, refuse)
			if !ok {
				return
			}
			to.next = id
		}
		to.epoch, to.last = t.epoch+1, t.epoch
		told = to.completed()
	}
	if t.state != Ongoing { // nothing was begun
		to.started = m.cfg.Wall(now).UnixMilli()
	}
	m.change(now, t, to, m.concluding(t, count), func(err *kerr.Error) {
		if err != nil {
			refuse(err)
			return
		}
		answer(ended(told.producer, told.epoch))
	})
}

// completed is what an end becomes once all partitions have its marker.
func (k kept) completed() kept {
	if k.state == PrepareCommit {
		k.state = CompleteCommit
	} else {
		k.state = CompleteAbort
	}
	if k.version >= VersionTwo && k.next != noProducer {
		k.previous, k.producer, k.epoch, k.next = k.producer, k.next, 0, noProducer
	}
	k.partitions = nil
	return k
}

func ended(producer int64, epoch int16) *kmsg.EndTxnResponse {
	resp := kmsg.NewPtrEndTxnResponse()
	resp.ProducerID, resp.ProducerEpoch = producer, epoch
	return resp
}
