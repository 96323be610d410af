package log

import (
	"fmt"

	"github.com/logproof/logproof/broker/batch"
)

// CheckEpoch is what is left of CheckSequence for a batch that a coordinator writes in a producer's name: an epoch that
// has been replaced is ErrInvalidProducerEpoch.
func (l *Log) CheckEpoch(v batch.View) error {
	if p := l.producers.byID[v.ProducerID()]; p != nil && v.ProducerEpoch() < p.epoch {
		return staleEpoch(p, v.ProducerEpoch())
	}
	return nil
}

// InTransaction reports whether a transaction of this producer and epoch is open, or the batch that begins with a
// sequence, unless that is -1, has been appended: whoever asks need not ask a coordinator first (KIP-890). An epoch that has been
// replaced is ErrInvalidProducerEpoch.
func (l *Log) InTransaction(producerID int64, epoch int16, sequence int32) (bool, error) {
	p := l.producers.byID[producerID]
	switch {
	case p == nil || epoch > p.epoch:
		return false, nil
	case epoch < p.epoch:
		return false, staleEpoch(p, epoch)
	case p.first >= 0:
		return true, nil
	}
	for _, b := range p.batches[:p.count] {
		if b.firstSequence == sequence && sequence >= 0 {
			return true, nil
		}
	}
	return false, nil
}

func staleEpoch(p *producer, epoch int16) error {
	return fmt.Errorf("%w: producer %d has epoch %d here, the batch has %d", ErrInvalidProducerEpoch, p.id, p.epoch, epoch)
}

// CheckTransaction says whether a batch that has passed CheckSequence fits the transaction of its producer, as Kafka 4
// does: nil to append it, or ErrInvalidTxnState. Within a transaction all batches are transactional, and the first one
// must be verified: its coordinator has said that the partition belongs to the transaction, and no marker has come
// since. A batch that comes later than the marker of its transaction would be taken for part of the next (KIP-890).
func (l *Log) CheckTransaction(v batch.View, verified bool) error {
	p := l.producers.byID[v.ProducerID()]
	open := p != nil && p.first >= 0
	switch {
	case !v.IsTransactional() && open:
		return fmt.Errorf("%w: producer %d has a transaction open since offset %d, and sends a batch that is not transactional", ErrInvalidTxnState, p.id, p.first)
	case !v.IsTransactional() || verified || open && p.epoch == v.ProducerEpoch():
		return nil
	}
	return fmt.Errorf("%w: producer %d has no transaction open in epoch %d here, and this batch is not known to belong to one", ErrInvalidTxnState, v.ProducerID(), v.ProducerEpoch())
}

// CheckMarker says whether a marker may be appended: nil; ErrInvalidProducerEpoch if the producer has a later epoch, or,
// for one whose epoch is bumped, a later transaction (KIP-890, KIP-1228); ErrCoordinatorFenced if a later coordinator
// has written one. One of a producer that is not known, or has no transaction open, is appended and does no harm.
func (l *Log) CheckMarker(v batch.View, m batch.Marker, bumped bool) error {
	p := l.producers.byID[v.ProducerID()]
	switch {
	case p == nil:
		return nil
	case v.ProducerEpoch() < p.epoch:
		return staleEpoch(p, v.ProducerEpoch())
	case bumped && p.first >= 0 && v.ProducerEpoch() == p.epoch:
		return fmt.Errorf("%w: producer %d has begun its next transaction, in epoch %d at offset %d; this marker is of the one before", ErrInvalidProducerEpoch, p.id, p.epoch, p.first)
	case m.CoordinatorEpoch < p.coordinator:
		return fmt.Errorf("%w: a coordinator of epoch %d has ended a transaction of producer %d, this one has %d", ErrCoordinatorFenced, p.coordinator, p.id, m.CoordinatorEpoch)
	}
	return nil
}
