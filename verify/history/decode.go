package history

import (
	"encoding/binary"
	"errors"
)

// errDamaged is a payload that does not parse although its checksum holds: another program wrote it.
var errDamaged = errors.New("the block's checksum holds but its entries do not parse: was it written by another program?")

// decoder reads one block. It never allocates more than a small multiple of the bytes it was given:
// every length is compared with what is left first.
type decoder struct {
	buf        []byte
	bad        bool // sticky: a number or length that cannot be
	time       Time
	strings    []string
	partitions []Partition
	slots      map[slotKey]*slot
	numbers    map[int]int64
}

func newDecoder(payload []byte) *decoder {
	return &decoder{buf: payload, slots: map[slotKey]*slot{}, numbers: map[int]int64{}}
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.bad, d.buf = true, nil
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.buf)
	if n <= 0 {
		d.bad, d.buf = true, nil
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.buf) == 0 {
		d.bad = true
		return 0
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b
}

// count reads the number of things that take at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.buf)/size) {
		d.bad, d.buf = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) string() (string, int) {
	ref := d.uint()
	if ref > uint64(len(d.strings)) {
		d.bad = true
		return "", 0
	}
	if ref > 0 {
		return d.strings[ref-1], int(ref - 1)
	}
	n := d.count(1)
	s := string(d.buf[:n])
	d.buf = d.buf[n:]
	d.strings = append(d.strings, s)
	return s, len(d.strings) - 1
}

func (d *decoder) partition() (Partition, int) {
	ref := d.uint()
	if ref > uint64(len(d.partitions)) {
		d.bad = true
		return Partition{}, 0
	}
	if ref > 0 {
		return d.partitions[ref-1], int(ref - 1)
	}
	topic, _ := d.string()
	p := Partition{Topic: topic, Index: int32(d.int())}
	d.partitions = append(d.partitions, p)
	return p, len(d.partitions) - 1
}

func (d *decoder) slot(k slotKey) *slot {
	s := d.slots[k]
	if s == nil {
		s = &slot{}
		d.slots[k] = s
	}
	return s
}

// next reads one entry.
func (d *decoder) next() (Entry, error) {
	var entry Entry
	var err error
	if tag := d.byte(); tag&tagAttempt != 0 {
		entry.Attempt = d.attempt()
	} else {
		entry.Operation = d.operation(tag)
		err = entry.Operation.check()
	}
	if d.bad || err != nil {
		return Entry{}, errors.Join(errDamaged, err)
	}
	return entry, nil
}

func (d *decoder) operation(tag byte) *Operation {
	op := &Operation{Kind: Kind(tag >> tagKind & 7), Outcome: Outcome(tag >> tagOutcome & 3)}
	more := byte(0)
	if op.Kind == 0 {
		more = d.byte()
		op.Kind = Kind(more & moreKind)
	}
	if more&moreCommitted != 0 {
		op.Isolation = ReadCommitted
	}
	process := 0
	op.Process, process = d.string()
	op.Return = d.time + Time(d.int())
	op.Invoke = op.Return - Time(d.int())
	d.time = op.Return
	if n := d.count(3); n > 0 {
		op.Runs = make([]Run, n)
		for i := range op.Runs {
			d.run(process, &op.Runs[i])
		}
	}
	if tag&tagRare != 0 {
		d.rare(op)
	}
	if tag&tagMarks != 0 {
		op.Watermarks = make([]Watermark, d.count(2))
		for i := range op.Watermarks {
			d.watermark(process, &op.Watermarks[i])
		}
	}
	if op.Kind.ofGroup() {
		d.group(process, op)
	}
	if more&moreMarkers != 0 {
		d.markers(process, op)
	}
	if more&moreTransaction != 0 {
		d.transaction(process, op)
	}
	return op
}

func (d *decoder) watermark(process int, m *Watermark) {
	flags := d.byte()
	partition := 0
	m.Partition, partition = d.partition()
	s := d.slot(slotKey{process: process, partition: partition})
	from := func(flag byte, guess int64) int64 {
		if flags&flag != 0 {
			guess += d.int()
		}
		return guess
	}
	m.HighWatermark = from(markHigh, s.high)
	m.LastStable = from(markStable, m.HighWatermark)
	m.LogStart = from(markStart, s.start)
	m.LeaderEpoch = int32(from(markEpoch, int64(s.epoch)))
	m.Next = Unset
	if flags&markNext != 0 {
		m.Next = from(markNextBehind, m.HighWatermark)
	}
	s.afterMark(m)
}

func (d *decoder) run(process int, r *Run) {
	flags := d.byte()
	partition := 0
	r.Partition, partition = d.partition()
	s := d.slot(slotKey{process: process, partition: partition})
	r.FirstOffset, r.Producer, r.FirstSequence = s.offset, s.producer, s.sequence
	if flags&runOffset != 0 {
		r.FirstOffset += d.int()
	}
	if flags&runProducer != 0 {
		r.Producer = uint32(d.uint())
	}
	if flags&runSequence != 0 {
		r.FirstSequence += d.int()
	}
	r.Count = int32(d.uint())
	if flags&runChain != 0 {
		if len(d.buf) < 8 {
			d.bad = true
			return
		}
		r.Chain = binary.LittleEndian.Uint64(d.buf)
		d.buf = d.buf[8:]
	}
	if flags >= runOrigin {
		d.rareRun(flags, s, r)
	}
	s.afterRun(r)
}

// rareRun reads the fields that most runs do not have.
func (d *decoder) rareRun(flags byte, s *slot, r *Run) {
	if flags&runNewOrigin != 0 {
		d.origin(s)
	}
	if flags&(runOrigin|runNewOrigin) != 0 {
		origin := s.origin
		r.Origin = &origin
	}
	if flags&runSource != 0 {
		r.Source = &Input{}
		r.Source.Partition, _ = d.partition()
		r.Source.FirstOffset = s.source + d.int()
	}
	if flags&runKey != 0 {
		r.Key = uint32(d.uint())
	}
}

func (d *decoder) rare(op *Operation) {
	op.Error, _ = d.string()
	if n := d.count(3); n > 0 {
		op.Corrupt = make([]Corrupt, n)
		for i := range op.Corrupt {
			c := &op.Corrupt[i]
			c.Partition, _ = d.partition()
			c.Offset = d.int()
			c.Reason, _ = d.string()
		}
	}
	if op.Kind != Fault {
		return
	}
	op.Fault = &FaultStage{Index: int32(d.int())}
	op.Fault.Fault, _ = d.string()
	op.Fault.Target, _ = d.string()
	op.Fault.Stage = Stage(d.uint())
	op.Fault.Detail, _ = d.string()
}

func (d *decoder) attempt() *Attempt {
	a := &Attempt{}
	key := slotKey{attempt: true}
	a.Process, key.process = d.string()
	a.Partition, key.partition = d.partition()
	s := d.slot(key)
	a.Written = d.time + Time(d.int())
	a.Answered = a.Written + Time(d.int())
	d.time = a.Written
	mask := d.uint()
	fields := s.attempt
	for i := range fields {
		if mask&(1<<i) != 0 {
			fields[i] += d.int()
		}
	}
	a.setFields(fields)
	s.after(fields)
	return a
}
