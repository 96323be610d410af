package history

import (
	"encoding/binary"
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

// encoder builds one block.
type encoder struct {
	buf        []byte
	entries    uint32
	time       Time
	strings    map[string]int
	partitions map[Partition]int
	slots      map[slotKey]*slot
	numbers    map[int]int64 // the last number of a transaction, by process
}

// reset begins a new block in buf.
func (e *encoder) reset(buf []byte) {
	e.buf, e.entries, e.time = buf, 0, 0
	if e.strings == nil {
		e.strings, e.partitions, e.slots = map[string]int{}, map[Partition]int{}, map[slotKey]*slot{}
		e.numbers = map[int]int64{}
	}
	clear(e.numbers)
	clear(e.strings)
	clear(e.partitions)
	clear(e.slots)
}

func (e *encoder) uint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)   { e.buf = binary.AppendVarint(e.buf, v) }

// string writes a string: its number if the block has it already, else 0 and the string itself.
func (e *encoder) string(s string) int {
	if i, ok := e.strings[s]; ok {
		e.uint(uint64(i) + 1)
		return i
	}
	i := len(e.strings)
	e.strings[s] = i
	e.uint(0)
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
	return i
}

// partition writes a partition like a string.
func (e *encoder) partition(p Partition) int {
	if i, ok := e.partitions[p]; ok {
		e.uint(uint64(i) + 1)
		return i
	}
	i := len(e.partitions)
	e.partitions[p] = i
	e.uint(0)
	e.string(p.Topic)
	e.int(int64(p.Index))
	return i
}

func (e *encoder) slot(k slotKey) *slot {
	s := e.slots[k]
	if s == nil {
		s = &slot{}
		e.slots[k] = s
	}
	return s
}

// operation appends one operation, which must have passed check.
func (e *encoder) operation(op *Operation) {
	rare := len(op.Corrupt) > 0 || op.Fault != nil || op.Error != ""
	tag, more := byte(op.Outcome)<<tagOutcome, op.more()
	if more == byte(op.Kind) && op.Kind <= Fault {
		tag, more = tag|more<<tagKind, 0
	}
	if rare {
		tag |= tagRare
	}
	if len(op.Watermarks) > 0 {
		tag |= tagMarks
	}
	e.buf = append(e.buf, tag)
	if more != 0 {
		e.buf = append(e.buf, more)
	}
	process := e.string(op.Process)
	e.int(int64(op.Return - e.time))
	e.int(int64(op.Return - op.Invoke))
	e.time = op.Return
	e.uint(uint64(len(op.Runs)))
	for i := range op.Runs {
		e.run(process, &op.Runs[i])
	}
	if rare {
		e.rare(op)
	}
	if len(op.Watermarks) > 0 {
		e.uint(uint64(len(op.Watermarks)))
		for i := range op.Watermarks {
			e.watermark(process, &op.Watermarks[i])
		}
	}
	if op.Group != nil {
		e.group(process, op)
	}
	if len(op.Markers) > 0 {
		e.markers(process, op.Markers)
	}
	if op.Transaction != nil {
		e.transaction(process, op)
	}
	e.entries++
}

// more is the second byte of the operation; it is written only if it says more than a first byte could.
func (op *Operation) more() byte {
	more := byte(op.Kind)
	if op.Isolation == ReadCommitted {
		more |= moreCommitted
	}
	if len(op.Markers) > 0 {
		more |= moreMarkers
	}
	if op.Transaction != nil {
		more |= moreTransaction
	}
	return more
}

func (e *encoder) watermark(process int, m *Watermark) {
	at := len(e.buf)
	e.buf = append(e.buf, 0)
	s := e.slot(slotKey{process: process, partition: e.partition(m.Partition)})
	var flags byte
	differs := func(flag byte, delta int64) {
		if delta != 0 {
			flags |= flag
			e.int(delta)
		}
	}
	differs(markHigh, m.HighWatermark-s.high)
	differs(markStable, m.LastStable-m.HighWatermark)
	differs(markStart, m.LogStart-s.start)
	differs(markEpoch, int64(m.LeaderEpoch)-int64(s.epoch))
	if m.Next != Unset {
		flags |= markNext
		differs(markNextBehind, m.Next-m.HighWatermark)
	}
	e.buf[at] = flags
	s.afterMark(m)
}

func (e *encoder) run(process int, r *Run) {
	at := len(e.buf)
	e.buf = append(e.buf, 0)
	s := e.slot(slotKey{process: process, partition: e.partition(r.Partition)})
	var flags byte
	if r.FirstOffset != s.offset {
		flags |= runOffset
		e.int(r.FirstOffset - s.offset)
	}
	if r.Producer != s.producer {
		flags |= runProducer
		e.uint(uint64(r.Producer))
	}
	if r.FirstSequence != s.sequence {
		flags |= runSequence
		e.int(r.FirstSequence - s.sequence)
	}
	e.uint(uint64(r.Count))
	if r.Chain != 0 {
		flags |= runChain
		e.buf = binary.LittleEndian.AppendUint64(e.buf, r.Chain)
	}
	if r.Origin != nil {
		flags |= runOrigin
		if *r.Origin != s.origin {
			flags |= runNewOrigin
			e.origin(s, *r.Origin)
		}
	}
	if r.Source != nil {
		flags |= runSource
		e.partition(r.Source.Partition)
		e.int(r.Source.FirstOffset - s.source)
	}
	if r.Key != 0 {
		flags |= runKey
		e.uint(uint64(r.Key))
	}
	e.buf[at] = flags
	s.afterRun(r)
}

// rare appends the fields that most operations do not have.
func (e *encoder) rare(op *Operation) {
	e.string(op.Error)
	e.uint(uint64(len(op.Corrupt)))
	for _, c := range op.Corrupt {
		e.partition(c.Partition)
		e.int(c.Offset)
		e.string(c.Reason)
	}
	if op.Fault != nil {
		e.int(int64(op.Fault.Index))
		e.string(op.Fault.Fault)
		e.string(op.Fault.Target)
		e.uint(uint64(op.Fault.Stage))
		e.string(op.Fault.Detail)
	}
}

// attempt appends one attempt: a mask of the fields that differ from the guess, then those.
func (e *encoder) attempt(a *Attempt) {
	e.buf = append(e.buf, tagAttempt)
	key := slotKey{process: e.string(a.Process), partition: e.partition(a.Partition), attempt: true}
	s := e.slot(key)
	e.int(int64(a.Written - e.time))
	e.int(int64(a.Answered - a.Written))
	e.time = a.Written
	fields := a.fields()
	var mask uint64
	for i, f := range fields {
		if f != s.attempt[i] {
			mask |= 1 << i
		}
	}
	e.uint(mask)
	for i, f := range fields {
		if mask&(1<<i) != 0 {
			e.int(f - s.attempt[i])
		}
	}
	s.after(fields)
	e.entries++
}
