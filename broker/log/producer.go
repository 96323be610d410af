package log

import (
	"errors"
	"fmt"
	"math"

	"github.com/logproof/logproof/broker/batch"
)

// batchesKept of each producer: a client has at most five requests in flight (KIP-98), so a batch
// that is sent again is among the last five.
const batchesKept = 5

var (
	// ErrOutOfOrderSequence is a batch that does not follow the producer's last one
	// (OUT_OF_ORDER_SEQUENCE_NUMBER).
	ErrOutOfOrderSequence = errors.New("out of order sequence number")
	// ErrInvalidProducerEpoch is a batch of a producer that has been replaced (INVALID_PRODUCER_EPOCH).
	ErrInvalidProducerEpoch = errors.New("invalid producer epoch")
	// ErrInvalidTxnState is a batch that does not fit the state of its producer's transaction (INVALID_TXN_STATE).
	ErrInvalidTxnState = errors.New("invalid transaction state")
	// ErrCoordinatorFenced is a marker of a coordinator that has been replaced (TRANSACTION_COORDINATOR_FENCED).
	ErrCoordinatorFenced = errors.New("transaction coordinator is fenced")
)

// Duplicate is a batch that was appended before. It is answered with the offsets it got then, once
// they are committed.
type Duplicate struct{ BaseOffset, LastOffset int64 }

func (d *Duplicate) Error() string {
	return fmt.Sprintf("duplicate of the batch at offsets %d to %d", d.BaseOffset, d.LastOffset)
}

// sentBatch is what is remembered of an appended batch of an idempotent producer.
type sentBatch struct {
	firstSequence, lastSequence int32
	baseOffset, lastOffset      int64
}

// producer is the state of one producer id, in a list ordered by last append as long as it may be forgotten.
type producer struct {
	id    int64
	epoch int16
	// first offset of its open transaction, -1 if it has none; coordinator is the epoch of its last marker, -1 before
	// the first.
	first       int64
	coordinator int32
	// batches of this epoch, oldest first; count of them are used.
	batches [batchesKept]sentBatch
	count   int
	// lastTimestamp is the largest of the last batch.
	lastTimestamp int64
	older, newer  *producer
}

// lastSequence in this epoch, -1 if there is none.
func (p *producer) lastSequence() int32 {
	if p.count == 0 {
		return -1
	}
	return p.batches[p.count-1].lastSequence
}

func (p *producer) push(b sentBatch) {
	if p.count == batchesKept {
		copy(p.batches[:], p.batches[1:])
		p.count--
	}
	p.batches[p.count] = b
	p.count++
}

// producers remembers idempotent producers, the most recent max of them and all that have a transaction open: one of
// those that were forgotten would never see its end.
type producers struct {
	byID           map[int64]*producer
	oldest, newest *producer
	max            int
	// last is the largest offset of what was noted, -1 if nothing was.
	last         int64
	transactions transactions
}

func newProducers(max int) *producers {
	return &producers{byID: map[int64]*producer{}, max: max, last: -1}
}

// note takes an appended batch into account; only its header is looked at, and the record of a marker. If that is the
// end of a transaction that is aborted, it comes back.
func (ps *producers) note(v batch.View) (aborted Aborted, ok bool) {
	id := v.ProducerID()
	if id < 0 {
		return Aborted{}, false
	}
	p := ps.touch(id)
	if epoch := v.ProducerEpoch(); epoch != p.epoch {
		p.epoch, p.count = epoch, 0
	}
	p.lastTimestamp, ps.last = v.MaxTimestamp(), v.LastOffset()
	if v.IsControl() {
		return ps.ended(p, v)
	}
	if v.IsTransactional() && p.first < 0 {
		ps.begin(p, v.BaseOffset())
	}
	p.push(sentBatch{v.BaseSequence(), v.LastSequence(), v.BaseOffset(), v.LastOffset()})
	return Aborted{}, false
}

// begin opens a transaction; from now on the producer is not forgotten.
func (ps *producers) begin(p *producer, first int64) {
	ps.unlink(p)
	p.first = first
	ps.transactions.begin(first, p.id)
}

// ended takes a marker. One without an open transaction is the coordinator's, which could not know that.
func (ps *producers) ended(p *producer, v batch.View) (aborted Aborted, ok bool) {
	m, err := batch.ReadMarker(v)
	if err != nil { // something else that a broker has written
		return Aborted{}, false
	}
	p.coordinator = m.CoordinatorEpoch
	if p.first < 0 {
		return Aborted{}, false
	}
	first, marker := p.first, v.LastOffset()
	ps.transactions.end(first, marker)
	p.first = -1
	ps.link(p)
	return Aborted{p.id, first, marker, min(ps.transactions.undecided(), marker+1)}, !m.Commit
}

// touch finds or makes a producer and makes it the newest of those that may be forgotten.
func (ps *producers) touch(id int64) *producer {
	p := ps.byID[id]
	switch {
	case p == nil:
		p = ps.add(id)
		if len(ps.byID) > ps.max && ps.oldest != nil {
			delete(ps.byID, ps.oldest.id)
			ps.unlink(ps.oldest)
		}
	case p.first >= 0 || p == ps.newest:
		return p
	default:
		ps.unlink(p)
	}
	ps.link(p)
	return p
}

// add makes a producer, which is in no list.
func (ps *producers) add(id int64) *producer {
	p := &producer{id: id, epoch: -1, first: -1, coordinator: -1}
	ps.byID[id] = p
	return p
}

// link makes a producer the newest.
func (ps *producers) link(p *producer) {
	p.older, p.newer = ps.newest, nil
	if ps.newest != nil {
		ps.newest.newer = p
	}
	ps.newest = p
	if ps.oldest == nil {
		ps.oldest = p
	}
}

// full reports whether there may have been more.
func (ps *producers) full() bool { return len(ps.byID) >= ps.max }

func (ps *producers) unlink(p *producer) {
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		ps.oldest = p.newer
	}
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		ps.newest = p.older
	}
}

// reach reports whether a batch at or above the offset is remembered.
func (ps *producers) reach(offset int64) bool { return ps.last >= offset }

// CheckSequence says what Kafka 4 says to a batch before it is appended: nil to append it, a
// *Duplicate, ErrInvalidProducerEpoch or ErrOutOfOrderSequence (KIP-98, KIP-360). In this order:
//
//   - a batch without producer id is not checked
//   - one of the last five batches of the same epoch, with the same first and last sequence, is a
//     duplicate; only part of one is out of order
//   - an older epoch than the last one is refused
//   - a newer epoch begins with sequence 0
//   - in the same epoch, the first sequence follows the last one; after 2147483647 comes 0
//   - a producer id that is not known may begin with any sequence where it may have been forgotten: retention or
//     DeleteRecords may have taken its records, and a client cannot be asked to know that (KIP-360; so
//     UNKNOWN_PRODUCER_ID is never the answer)
//   - where nothing has been forgotten it begins with sequence 0. Apache Kafka takes any: if the first batch is refused,
//     as for want of replicas, and the second, which is on its way already, is not, the first can never be
//     appended any more (KAFKA-14359)
func (l *Log) CheckSequence(v batch.View) error {
	if v.ProducerID() < 0 {
		return nil
	}
	p, first := l.producers.byID[v.ProducerID()], v.BaseSequence()
	if p == nil {
		if first == 0 || l.start > 0 || l.producers.full() {
			return nil
		}
		return fmt.Errorf("%w: producer %d begins with sequence %d, want 0: nothing that was here is forgotten", ErrOutOfOrderSequence, v.ProducerID(), first)
	}
	last, epoch := v.LastSequence(), v.ProducerEpoch()
	if epoch == p.epoch {
		for _, b := range p.batches[:p.count] {
			if b.firstSequence == first && b.lastSequence == last {
				return &Duplicate{b.baseOffset, b.lastOffset}
			}
		}
	}
	switch {
	case epoch < p.epoch:
		return fmt.Errorf("%w: producer %d has epoch %d here, the batch has %d", ErrInvalidProducerEpoch, p.id, p.epoch, epoch)
	case epoch > p.epoch && first != 0:
		return fmt.Errorf("%w: producer %d begins epoch %d with sequence %d, want 0", ErrOutOfOrderSequence, p.id, epoch, first)
	case epoch == p.epoch && !follows(p.lastSequence(), first):
		return fmt.Errorf("%w: producer %d sent sequence %d after %d", ErrOutOfOrderSequence, p.id, first, p.lastSequence())
	}
	return nil
}

// follows reports whether one sequence number comes directly after another.
func follows(last, next int32) bool {
	return int64(next) == int64(last)+1 || last == math.MaxInt32 && next == 0
}
