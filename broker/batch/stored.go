package batch

import "fmt"

// deleteHorizonBit says that the base timestamp is a delete horizon.
const deleteHorizonBit = 0x40

// DeleteHorizon is the wall clock, in milliseconds since 1970, from which on compaction may take out the tombstones of
// the batch, or the marker that it is; ok is false as long as compaction has not seen them (KIP-534). The horizon
// stands in the place of the base timestamp: BaseTimestamp is the same, and the records' timestamps are relative to it.
func (v View) DeleteHorizon() (horizon int64, ok bool) {
	return v.BaseTimestamp(), v.Attributes()&deleteHorizonBit != 0
}

// ValidateStored is Validate for a batch that compaction may have been at: it may have lost records, all of them too,
// and still covers the offsets that it had.
func (v View) ValidateStored() error {
	if err := v.sound(); err != nil {
		return err
	}
	switch count, delta := v.Count(), v.LastOffsetDelta(); {
	case delta < 0:
		return fmt.Errorf("%w: the last offset delta is %d", ErrInvalidRecord, delta)
	case count < 0 || int64(count) > int64(delta)+1:
		return fmt.Errorf("%w: %d records, but the last offset delta is %d", ErrInvalidRecord, count, delta)
	}
	return v.consistent()
}

// Empty gives what is left of a batch when all its records are gone: a header that says which offsets and sequence
// numbers they had, and whose they were, in memory of its own. It is as Apache Kafka writes it.
func Empty(v View) View {
	out := make(View, HeaderLen)
	copy(out, v)
	out.put32(atLength, HeaderLen-framing)
	out.put16(atAttributes, v.Attributes()&^(codecBits|deleteHorizonBit))
	out.put64(atBaseTimestamp, noTimestamp)
	out.put32(atCount, 0)
	out.Stamp()
	return out
}

const noTimestamp = -1

// Filler gives an empty batch of nobody, which covers offsets whose records are gone; youngest is the largest timestamp
// that one of them had, in milliseconds since 1970, -1 for none.
func Filler(first, last int64, leaderEpoch int32, youngest int64) View {
	var b Builder
	out := b.Build()
	out.Assign(first, leaderEpoch)
	out.put32(atLastOffsetDelta, int32(last-first))
	out.put64(atBaseTimestamp, noTimestamp)
	out.put64(atMaxTimestamp, youngest)
	out.Stamp()
	return out
}

// ClipFiller gives the part of a filler from an offset on.
func ClipFiller(v View, from int64) View {
	return Filler(from, v.LastOffset(), v.LeaderEpoch(), v.MaxTimestamp())
}

// IsFiller reports whether a batch has no records and says nothing but which offsets it covers: one like it, or a part
// of it, is as good.
func (v View) IsFiller() bool { return v.Count() == 0 && v.ProducerID() < 0 }
