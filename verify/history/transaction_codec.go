package history

// Bits of the byte that tells how a transaction was to end; its low two bits are the Decision.
const (
	endWritten  = 1 << 2 // an ending follows
	endGroup    = 1 << 3 // a group follows
	endMember   = 1 << 4 // and a member and a generation
	endSent     = 1 << 5 // and when the positions were sent
	endDecision = endWritten - 1
)

// flags of the byte above.
func (t *TransactionPart) flags() byte {
	flags := byte(t.Decision)
	set := func(flag byte, is bool) {
		if is {
			flags |= flag
		}
	}
	set(endWritten, t.Ending != Never)
	set(endGroup, t.Group != "")
	set(endMember, t.Member != "" || t.Generation != 0)
	set(endSent, t.Sent != 0)
	return flags
}

// transaction appends the transaction part of a Transact or a Produce. Its number is
// coded against the last one of the process.
func (e *encoder) transaction(process int, op *Operation) {
	t := op.Transaction
	e.string(t.ID)
	e.int(t.Number - e.numbers[process])
	e.numbers[process] = t.Number
	if op.Kind == Produce {
		return
	}
	flags := t.flags()
	e.buf = append(e.buf, flags)
	if flags&endWritten != 0 {
		e.int(int64(op.Return - t.Ending))
	}
	if flags&endGroup == 0 {
		return
	}
	e.string(t.Group)
	if flags&endMember != 0 {
		e.string(t.Member)
		e.int(int64(t.Generation))
	}
	if flags&endSent != 0 {
		e.int(int64(op.Return - t.Sent))
	}
	e.uint(uint64(len(t.Positions)))
	for _, p := range t.Positions {
		s := e.slot(slotKey{process: process, partition: e.partition(p.Partition)})
		e.int(p.Offset - s.position)
		s.position = p.Offset
	}
}

// transaction is the inverse of the encoder's.
func (d *decoder) transaction(process int, op *Operation) {
	t := &TransactionPart{}
	op.Transaction = t
	t.ID, _ = d.string()
	t.Number = d.numbers[process] + d.int()
	d.numbers[process] = t.Number
	if op.Kind == Produce {
		return
	}
	flags := d.byte()
	t.Decision, t.Ending = Decision(flags&endDecision), Never
	if flags&endWritten != 0 {
		t.Ending = op.Return - Time(d.int())
	}
	if flags&endGroup == 0 {
		return
	}
	t.Group, _ = d.string()
	if flags&endMember != 0 {
		t.Member, _ = d.string()
		t.Generation = int32(d.int())
	}
	if flags&endSent != 0 {
		t.Sent = op.Return - Time(d.int())
	}
	n := d.count(2)
	if n == 0 {
		return
	}
	t.Positions = make([]Position, n)
	for i := range t.Positions {
		p, partition := d.partition()
		s := d.slot(slotKey{process: process, partition: partition})
		s.position += d.int()
		t.Positions[i] = Position{Partition: p, Offset: s.position}
	}
}

// markers appends the markers of a read. A marker's offset is guessed to follow the last run.
func (e *encoder) markers(process int, list []Marker) {
	e.uint(uint64(len(list)))
	for _, m := range list {
		at := len(e.buf)
		e.buf = append(e.buf, 0)
		s := e.slot(slotKey{process: process, partition: e.partition(m.Partition)})
		e.int(m.Offset - s.offset)
		var flags byte
		if m.Commit {
			flags |= markerCommit
		}
		if origin := (Origin{m.ProducerID, m.ProducerEpoch}); origin != s.origin {
			flags |= markerOrigin
			e.origin(s, origin)
		}
		e.buf[at] = flags
	}
}

// Bits of the first byte of a marker.
const (
	markerCommit = 1 << iota
	markerOrigin // its producer is not the one that was coded last
)

// markers is the inverse of the encoder's.
func (d *decoder) markers(process int, op *Operation) {
	op.Markers = make([]Marker, d.count(3))
	for i := range op.Markers {
		m := &op.Markers[i]
		flags := d.byte()
		partition := 0
		m.Partition, partition = d.partition()
		s := d.slot(slotKey{process: process, partition: partition})
		m.Offset = s.offset + d.int()
		m.Commit = flags&markerCommit != 0
		if flags&markerOrigin != 0 {
			d.origin(s)
		}
		m.ProducerID, m.ProducerEpoch = s.origin.ProducerID, s.origin.ProducerEpoch
	}
}

// origin appends an origin as its difference from the last one of the slot.
func (e *encoder) origin(s *slot, o Origin) {
	e.int(o.ProducerID - s.origin.ProducerID)
	e.int(int64(o.ProducerEpoch) - int64(s.origin.ProducerEpoch))
	s.origin = o
}

// origin is the inverse of the encoder's.
func (d *decoder) origin(s *slot) {
	s.origin.ProducerID += d.int()
	s.origin.ProducerEpoch += int16(d.int())
}
