package log

// write puts what is remembered of producers and transactions into the clean-shutdown file: those that may be
// forgotten by last append, then those with an open transaction by its first offset.
func (ps *producers) write(n *numbers) {
	n.put(int64(len(ps.byID)), ps.last)
	for p := ps.oldest; p != nil; p = p.newer {
		p.write(n)
	}
	t := &ps.transactions
	for _, o := range t.open {
		ps.byID[o.producer].write(n)
	}
	n.put(int64(len(t.ended)), t.forgotten)
	for _, e := range t.ended {
		n.put(e.first, e.marker)
	}
}

func (p *producer) write(n *numbers) {
	n.put(p.id, int64(p.epoch), p.lastTimestamp, p.first, int64(p.coordinator), int64(p.count))
	for _, b := range p.batches[:p.count] {
		n.put(int64(b.firstSequence), int64(b.lastSequence), b.baseOffset, b.lastOffset)
	}
}

// readProducers is the inverse of write; ok is false for anything else.
func readProducers(n *numbers, max int) (ps *producers, ok bool) {
	ps = newProducers(max)
	count := n.next()
	for ps.last = n.next(); count > 0 && !n.bad; count-- {
		if !ps.read(n) {
			return nil, false
		}
	}
	t := &ps.transactions
	count, t.forgotten = n.next(), n.next()
	for ; count > 0 && !n.bad; count-- {
		t.ended = append(t.ended, ended{n.next(), n.next()})
	}
	return ps, !n.bad && len(n.bytes) == 0
}

func (ps *producers) read(n *numbers) bool {
	p := ps.add(n.next())
	ps.link(p)
	p.epoch, p.lastTimestamp = int16(n.next()), n.next()
	if first := n.next(); first >= 0 {
		ps.begin(p, first)
	}
	p.coordinator = int32(n.next())
	count := n.next()
	if count < 0 || count > batchesKept {
		return false
	}
	for range count {
		p.push(sentBatch{int32(n.next()), int32(n.next()), n.next(), n.next()})
	}
	return true
}
