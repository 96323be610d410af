package history

import (
	"encoding/binary"
)

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

func (e *encoder) int(v int64) { e.buf = binary.AppendVarint(e.buf, v) }

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
