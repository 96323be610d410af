package history

import (
	"fmt"
	"math"
)

// The binary form of entries inside one block. Numbers are written as differences from a guess, and
// the guess is mostly right: the next batch of a producer begins where its last one ended. All
// guesses, interned strings and partitions begin anew with each block, so that a block is read
// alone and a lost one costs only itself.

// slot is what was last coded for one process in one partition; attempts have slots of their own,
// because a client's requests run ahead of its answers.
type slot struct {
	offset, sequence int64 // the guess for the next run
	producer         uint32
	high, start      int64                // the guess for the next watermark
	epoch            int32                // likewise
	attempt          [attemptFields]int64 // the guess for the next attempt
	origin           Origin               // the last one
	source, position int64                // the guess for the next source, and for the next position of a transaction
}

type slotKey struct {
	process, partition int
	attempt            bool
}

// Bits of the first byte of an entry: bit 0 tells attempts from operations; operations have their
// kind in bits 1-3, their outcome in bits 4-5, in bit 6 whether rare fields follow, and in bit 7
// whether watermarks do. Where bits 1-3 are 0 a second byte follows: the kinds that three bits do not hold,
// and what has to do with transactions, need it.
const (
	tagAttempt = 1 << 0
	tagKind    = 1
	tagOutcome = 4
	tagRare    = 1 << 6
	tagMarks   = 1 << 7
)

// Bits of the second byte of an operation: its kind in bits 0-3.
const (
	moreKind        = 1<<4 - 1
	moreCommitted   = 1 << 4 // the isolation is ReadCommitted
	moreMarkers     = 1 << 5 // markers follow
	moreTransaction = 1 << 6 // a transaction part follows
)

// Bits of the first byte of a run: which of its numbers differ from the guess and so follow.
const (
	runOffset = 1 << iota
	runProducer
	runSequence
	runChain
	runOrigin    // it has an origin
	runNewOrigin // and it is not the last one of the slot
	runSource
	runKey
)

// Bits of the first byte of a watermark: which of its numbers differ from the guess and so follow.
// The last stable offset is mostly the high watermark, and so is the end of the records.
const (
	markHigh = 1 << iota
	markStable
	markStart
	markEpoch
	markNext       // there were records
	markNextBehind // and they end elsewhere
)

// attemptFields is the number of fields of an Attempt that are coded against the slot's guess.
const attemptFields = 10

// fields lists the guessed fields of an attempt in coding order.
func (a *Attempt) fields() [attemptFields]int64 {
	return [attemptFields]int64{
		a.Connection, int64(a.API), int64(a.Version), int64(a.Correlation), a.ProducerID,
		int64(a.ProducerEpoch), int64(a.BaseSequence), int64(a.Count), int64(a.Error), a.BaseOffset,
	}
}

// setFields is the inverse of fields.
func (a *Attempt) setFields(f [attemptFields]int64) {
	a.Connection, a.API, a.Version, a.Correlation = f[0], int16(f[1]), int16(f[2]), int32(f[3])
	a.ProducerID, a.ProducerEpoch, a.BaseSequence = f[4], int16(f[5]), int32(f[6])
	a.Count, a.Error, a.BaseOffset = int32(f[7]), int16(f[8]), f[9]
}

// after makes the guess for the next attempt: the same connection, the next correlation id, the
// records after these.
func (s *slot) after(f [attemptFields]int64) {
	s.attempt = f
	s.attempt[3]++
	s.attempt[6] += f[7]
	if f[9] != Unset {
		s.attempt[9] += f[7]
	}
}

// afterRun makes the guess for the next run.
func (s *slot) afterRun(r *Run) {
	if r.FirstOffset != Unset {
		s.offset = r.FirstOffset + int64(r.Count)
	}
	s.sequence, s.producer = r.FirstSequence+int64(r.Count), r.Producer
	if r.Source != nil {
		s.source = r.Source.FirstOffset + int64(r.Count)
	}
}

// check says what makes a run meaningless. Everything that reads histories relies on it.
func (r *Run) check() error {
	switch {
	case r.Count < 1:
		return fmt.Errorf("a run of %s has %d records: want at least 1", r.Partition, r.Count)
	case r.FirstOffset < Unset || r.FirstOffset > math.MaxInt64-int64(r.Count):
		return fmt.Errorf("a run of %s begins at offset %d: want %d (unknown) or more", r.Partition, r.FirstOffset, Unset)
	case r.FirstSequence < Unset || r.FirstSequence > math.MaxInt64-int64(r.Count):
		return fmt.Errorf("a run of %s begins at sequence %d: want %d (unknown) or more", r.Partition, r.FirstSequence, Unset)
	}
	return nil
}

// afterMark makes the guess for the next watermark.
func (s *slot) afterMark(m *Watermark) {
	s.high, s.start, s.epoch = m.HighWatermark, m.LogStart, m.LeaderEpoch
}

// check says what makes a watermark meaningless. Numbers that contradict each other are not: to find
// those is what histories are recorded for.
func (m *Watermark) check() error {
	if m.HighWatermark < 0 || min(m.LastStable, m.LogStart, m.Next, int64(m.LeaderEpoch)) < Unset {
		return fmt.Errorf("a watermark of %s is %+v: want a high watermark, and %d (unknown) or more elsewhere", m.Partition, *m, Unset)
	}
	return nil
}

// check says what makes an operation meaningless.
func (op *Operation) check() error {
	if op.Kind < Produce || op.Kind > Transact {
		return fmt.Errorf("an operation of %q has kind %s", op.Process, op.Kind)
	}
	if op.Outcome > Fail {
		return fmt.Errorf("a %s of %q has outcome %s", op.Kind, op.Process, op.Outcome)
	}
	if (op.Kind == Fault) != (op.Fault != nil) {
		return fmt.Errorf("a %s of %q: operations of kind fault, and only they, carry a fault stage", op.Kind, op.Process)
	}
	if op.Fault != nil && (op.Fault.Stage < Inject || op.Fault.Stage > ProveHealed) {
		return fmt.Errorf("a fault of %q has stage %s", op.Process, op.Fault.Stage)
	}
	if err := op.checkGroup(); err != nil {
		return fmt.Errorf("a %s of %q: %w", op.Kind, op.Process, err)
	}
	if err := op.checkTransaction(); err != nil {
		return fmt.Errorf("a %s of %q: %w", op.Kind, op.Process, err)
	}
	for i := range op.Runs {
		if err := op.Runs[i].check(); err != nil {
			return fmt.Errorf("a %s of %q: %w", op.Kind, op.Process, err)
		}
	}
	if len(op.Watermarks) > 0 && op.Kind != Fetch && op.Kind != Scan {
		return fmt.Errorf("a %s of %q has watermarks: only fetch and scan are told any", op.Kind, op.Process)
	}
	for i := range op.Watermarks {
		if err := op.Watermarks[i].check(); err != nil {
			return fmt.Errorf("a %s of %q: %w", op.Kind, op.Process, err)
		}
	}
	return nil
}
