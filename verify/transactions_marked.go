package verify

import (
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// ownership is which transaction the records of a stream belong to.
type ownership struct {
	owned   []*transactionPart // by sequence, from head on; parts without anything left are dropped
	head    int
	empty   int       // parts from head on that have nothing left
	waiting []decided // of the log, whose transaction is not known yet
	settled intervals // sequences of which both sides are known
}

// decided is some sequences of a decision.
type decided struct {
	stretch
	decision
}

// markedLog is what the final scan shows of one partition.
type markedLog struct {
	open    map[int64][]history.Run // by the broker's producer: since its last marker
	under   map[int64]lastMarker    // by the broker's producer
	aborted intervals               // offsets of aborted records
	markers intervals               // offsets of markers
	stable  int64                   // the highest last stable offset that was told
	misread intervals               // offsets of aborted records that were given to who reads committed
	tidyAt  int                     // size of markers and aborted at which full is called; 0 for that of transactions
	// kept says that silent offsets are asked for until the end.
	kept bool
	// held is the last stable offset below the high watermark that was told last, and heldAt when it was asked for.
	held   int64
	heldAt history.Time
}

// tidyMin is the number of silent intervals of a partition at which readings forget what they need no more.
const tidyMin = 1024

// lastMarker is the newest marker of a producer and one transaction that it decided.
type lastMarker struct {
	offset int64
	of     *transaction
}

func (t *transactions) log(p history.Partition) *markedLog {
	l := t.logs[p]
	if l == nil {
		l = &markedLog{open: map[int64][]history.Run{}, under: map[int64]lastMarker{}, stable: history.Unset, held: history.Unset}
		t.logs[p] = l
	}
	return l
}

func (t *transactions) stream(s stream) *ownership {
	o := t.streams[s]
	if o == nil {
		o = &ownership{}
		t.streams[s] = o
	}
	return o
}

// own adds a part. They mostly come in order.
func (o *ownership) own(p *transactionPart) {
	live := o.owned[o.head:]
	if n := len(live); n == 0 || live[n-1].end <= p.first {
		o.owned = append(o.owned, p)
		return
	}
	i := o.head + o.from(p.first)
	o.owned = slices.Insert(o.owned, i, p)
}

// from is the index, from head on, of the first part that ends after a sequence.
func (o *ownership) from(sequence int64) int {
	i, _ := slices.BinarySearchFunc(o.owned[o.head:], sequence, func(p *transactionPart, s int64) int {
		if p.end <= s {
			return -1
		}
		return 1
	})
	return i
}

// drop forgets the parts that have nothing left: those at the front, and all when they are many.
func (o *ownership) drop() {
	for o.head < len(o.owned) && len(o.owned[o.head].left) == 0 {
		o.owned[o.head] = nil
		o.head++
		o.empty--
	}
	if o.head+o.empty > 64 && o.head+o.empty > len(o.owned)/2 {
		o.owned = slices.DeleteFunc(slices.Delete(o.owned, 0, o.head), func(p *transactionPart) bool { return len(p.left) == 0 })
		o.head, o.empty = 0, 0
	}
}

// scan takes a run of the log. Records that are not transactional are decided at once.
func (t *transactions) scan(run *history.Run) {
	if run.Producer == history.BarrierProducer || run.FirstSequence < 0 {
		return
	}
	if run.Origin == nil {
		t.decide(decision{run: *run, fate: committed, marker: history.Marker{Partition: run.Partition, Offset: history.Unset}})
		return
	}
	l := t.log(run.Partition)
	l.open[run.Origin.ProducerID] = append(l.open[run.Origin.ProducerID], *run)
}

// mark takes a marker of the log: it decides what its producer wrote before.
func (t *transactions) mark(m *history.Marker) {
	l := t.log(m.Partition)
	l.markers.add(m.Offset, m.Offset+1)
	runs := l.open[m.ProducerID]
	delete(l.open, m.ProducerID)
	for _, run := range runs {
		if !m.Commit {
			l.aborted.add(run.FirstOffset, run.FirstOffset+int64(run.Count))
			if run.FirstSequence >= 0 {
				// Nobody will read them: as if somebody had, so that the set stays one interval.
				t.ledger.stream(run.Partition, run.Producer).read.add(run.FirstSequence, run.FirstSequence+int64(run.Count))
			}
		}
		t.decide(decision{run: run, fate: fateOf(m.Commit), marker: *m})
	}
	if len(l.markers)+len(l.aborted) > max(l.tidyAt, t.tidyAt) && t.full != nil {
		t.full(m.Partition, l)
		l.tidyAt = 2 * (len(l.markers) + len(l.aborted))
	}
}

// decide tells the watchers of a run's fate, and finds the transactions that it belongs to.
func (t *transactions) decide(d decision) {
	for _, w := range t.watchers {
		w.decided(d)
	}
	o := t.streams[stream{d.run.Partition, d.run.Producer}]
	if o == nil {
		if d.run.Origin == nil {
			return // of a producer without transactions
		}
		o = t.stream(stream{d.run.Partition, d.run.Producer})
	}
	first := d.run.FirstSequence
	t.assign(o, decided{stretch{interval{first, first + int64(d.run.Count)}, d.run.FirstOffset}, d})
}

// assign gives sequences that were decided to their transactions. A sequence that comes again keeps its first
// fate: producer-order reports it.
func (t *transactions) assign(o *ownership, d decided) {
	for _, fresh := range o.settled.without(d.first, d.end) {
		at := fresh.first
		for i := o.head + o.from(fresh.first); i < len(o.owned) && o.owned[i].first < fresh.end; i++ {
			part := o.owned[i]
			if part.first > at {
				o.waiting = append(o.waiting, decided{d.part(at, part.first), d.decision})
			}
			at = max(at, min(part.end, fresh.end))
			for _, is := range part.left.within(fresh.first, fresh.end) {
				t.settle(o, part, is, d.decision)
			}
		}
		if at < fresh.end {
			o.waiting = append(o.waiting, decided{d.part(at, fresh.end), d.decision})
		}
	}
	o.drop()
}

// settle notes the fate of some records of a transaction.
func (t *transactions) settle(o *ownership, part *transactionPart, is interval, d decision) {
	x := part.of
	part.left.remove(is.first, is.end)
	if len(part.left) == 0 {
		o.empty++
	}
	o.settled.add(is.first, is.end)
	x.inLog[pending] -= is.size()
	x.inLog[d.fate] += is.size()
	if d.marker.Offset != history.Unset {
		t.fits(part, d.marker)
	}
	if x.inLog[pending] > 0 {
		return
	}
	t.closed++
	for _, w := range t.watchers {
		w.settled(x)
	}
	if t.closed > 64 && t.closed > len(t.open)/2 {
		t.open = slices.DeleteFunc(t.open, func(x *transaction) bool { return x.inLog[pending] == 0 })
		t.closed = 0
	}
}

// fits compares a marker with others of the transaction, and with other transactions of the marker.
func (t *transactions) fits(part *transactionPart, m history.Marker) {
	x := part.of
	l := t.log(m.Partition)
	switch under := l.under[m.ProducerID]; {
	case under.of == nil || under.offset != m.Offset:
		l.under[m.ProducerID] = lastMarker{m.Offset, x}
	case under.of != x && x.stray == nil:
		x.stray = &stray{partition: m.Partition, first: m.Offset, marker: m.Offset, other: under.of}
	}
	for _, p := range x.parts {
		if p.stream.partition != m.Partition {
			continue
		}
		if p.marker == history.Unset {
			p.marker = m.Offset
		} else if p.marker != m.Offset && x.stray == nil {
			x.stray = &stray{partition: m.Partition, first: p.marker, marker: m.Offset}
		}
	}
}
