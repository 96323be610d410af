package txn

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Producer is who says to be the producer of a transactional id.
type Producer struct {
	TransactionalID string
	ID              int64
	Epoch           int16
}

// Versions of transactions: in the second the epoch is raised whenever one ends (KIP-890).
const (
	VersionOne = 1
	VersionTwo = 2
)

// Add makes partitions part of the producer's transaction, which begins with the first of them. tell hears of it once
// that is committed, so that whoever takes over knows where markers must go.
func (m *Machine) Add(now time.Time, who Producer, partitions []Partition, version int16, tell Outcome) {
	t, err := m.find(who)
	switch {
	case err != nil:
		tell(err)
		return
	case t.state == Ongoing && len(t.with(partitions)) == len(t.partitions):
		tell(nil)
		return
	}
	to := t.kept
	to.version = version
	if t.state != Ongoing {
		to.state, to.partitions, to.started = Ongoing, nil, m.cfg.Wall(now).UnixMilli()
	}
	to.partitions = to.with(partitions)
	if m.cfg.Bugs.Amnesia {
		t.kept = to
		m.arm(now, t)
		tell(nil)
		return
	}
	m.change(now, t, to, nil, tell)
}

// find gives the transactional id of a producer that may add to its transaction.
func (m *Machine) find(who Producer) (*transaction, *kerr.Error) {
	if who.TransactionalID == "" {
		return nil, kerr.InvalidRequest
	}
	t := m.ids[who.TransactionalID]
	switch {
	case t == nil:
		return nil, kerr.InvalidProducerIDMapping
	case t.changing: // first: what is being written may be the producer id that is named here
		return nil, kerr.ConcurrentTransactions
	}
	return t, t.refuses(who)
}

// refuses says why a producer has no open transaction here, nor may begin one.
func (t *transaction) refuses(who Producer) *kerr.Error {
	switch {
	case t.producer != who.ID:
		return kerr.InvalidProducerIDMapping
	case t.epoch != who.Epoch:
		return kerr.ProducerFenced
	case t.state == PrepareCommit || t.state == PrepareAbort:
		return kerr.ConcurrentTransactions
	}
	return nil
}

// Verify says of each partition whether it is part of the producer's transaction: TRANSACTION_ABORTABLE if not
// (KIP-890). A change that is being written does not count yet, and does not disturb: the partition's own log has the
// last word.
func (m *Machine) Verify(who Producer, partitions []Partition) []*kerr.Error {
	errs := make([]*kerr.Error, len(partitions))
	t := m.ids[who.TransactionalID]
	var err *kerr.Error
	switch {
	case who.TransactionalID == "":
		err = kerr.InvalidRequest
	case t == nil:
		err = kerr.InvalidProducerIDMapping
	default:
		err = t.refuses(who)
	}
	for i, p := range partitions {
		if errs[i] = err; err == nil && !t.touches(p) {
			errs[i] = kerr.TransactionAbortable
		}
	}
	return errs
}
