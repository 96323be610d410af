package log

import (
	"cmp"
	"slices"
)

// Producer is what the log remembers of an idempotent producer.
type Producer struct {
	ID    int64
	Epoch int16
	// LastSequence is that of its last record in this epoch, -1 if there is none.
	LastSequence int32
	// LastTimestamp is the largest of its last batch, in milliseconds since 1970; -1 if that has none.
	LastTimestamp int64
	// CurrentTxnStart is the first offset of its open transaction, -1 if it has none.
	CurrentTxnStart int64
	// CoordinatorEpoch is that of its last marker, -1 before the first.
	CoordinatorEpoch int32
}

// Producers are the idempotent producers that the log remembers, by id.
func (l *Log) Producers() []Producer {
	list := make([]Producer, 0, len(l.producers.byID))
	for _, p := range l.producers.byID {
		list = append(list, Producer{
			ID: p.id, Epoch: p.epoch, LastSequence: p.lastSequence(), LastTimestamp: p.lastTimestamp,
			CurrentTxnStart: p.first, CoordinatorEpoch: p.coordinator,
		})
	}
	slices.SortFunc(list, func(a, b Producer) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
