package txn

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Marker is the end of a transaction for one partition, to be written there by its leader. Marked answers it.
type Marker struct {
	TransactionalID string
	Partition       Partition
	ProducerID      int64
	// Epoch is the producer's; in an end that raises it, the raised one.
	Epoch  int16
	Commit bool
	// CoordinatorEpoch tells coordinators apart that follow one another.
	CoordinatorEpoch int32
	// Version of transactions: 2 if the epoch was raised.
	Version int8
	number  uint64
}

// concluding goes on from a decision, once that is committed: it counts it, and sends the markers.
func (m *Machine) concluding(t *transaction, count *uint64) func(time.Time, *kerr.Error) {
	return func(now time.Time, err *kerr.Error) {
		if err == nil {
			*count++
			m.conclude(now, t)
		}
	}
}

func (m *Machine) conclude(now time.Time, t *transaction) {
	m.next++
	t.number, t.fenced, t.missing = m.next, false, map[Partition]*missing{}
	marked := t.partitions
	if n := len(marked); m.cfg.Bugs.MarkerLost && n > 1 {
		marked = marked[:n-1]
	}
	for _, p := range marked {
		t.missing[p] = &missing{due: now}
	}
	m.send(now, t)
	m.complete(now, t)
}

// send gives out the markers that are due.
func (m *Machine) send(now time.Time, t *transaction) {
	if len(t.missing) == 0 || t.fenced {
		return
	}
	for _, p := range t.partitions {
		one := t.missing[p]
		if one == nil || one.asked || one.due.After(now) {
			continue
		}
		one.asked = true
		m.out.Markers = append(m.out.Markers, Marker{
			TransactionalID: t.id, Partition: p, ProducerID: t.producer, Epoch: t.epoch, Commit: t.state == PrepareCommit,
			CoordinatorEpoch: m.epoch, Version: int8(t.version), number: t.number,
		})
	}
}

// Marked tells what became of a marker. nil is written; so is INVALID_PRODUCER_EPOCH, since a partition that knows a
// later epoch of the producer has ended all that was before it. UNKNOWN_TOPIC_ID says that the partition is gone.
// TRANSACTION_COORDINATOR_FENCED is another coordinator's, which goes on in the place of this one. After anything else
// the marker is sent again, for as long as it takes: a leader that has it already takes it twice.
func (m *Machine) Marked(now time.Time, marker Marker, err *kerr.Error) {
	t := m.ids[marker.TransactionalID]
	if t == nil || t.number != marker.number || t.missing[marker.Partition] == nil {
		return
	}
	switch err {
	case nil, kerr.InvalidProducerEpoch, kerr.UnknownTopicID:
		delete(t.missing, marker.Partition)
		m.complete(now, t)
	case kerr.TransactionCoordinatorFenced:
		t.fenced = true
	default:
		*t.missing[marker.Partition] = missing{due: now.Add(m.cfg.BackOff)}
		m.arm(now, t)
	}
}

// complete writes that the transaction has ended, once no marker is missing. A write that fails is tried again: nothing
// else can happen to the transactional id.
func (m *Machine) complete(now time.Time, t *transaction) {
	if len(t.missing) > 0 || t.changing {
		return
	}
	m.change(now, t, t.completed(), func(now time.Time, err *kerr.Error) {
		if err != nil {
			t.retry, t.again = now.Add(m.cfg.BackOff), func(now time.Time) { m.complete(now, t) }
		}
	}, nil)
}
