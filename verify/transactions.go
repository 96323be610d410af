package verify

import (
	"cmp"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// fate is what became of a transaction, as somebody knows it.
type fate uint8

const (
	pending fate = iota // nobody knows, or it is not over
	committed
	aborted
)

func (f fate) String() string { return [...]string{"undecided", "committed", "aborted"}[f] }

// fateOf says whether a marker, or whoever it is, committed.
func fateOf(commit bool) fate {
	if commit {
		return committed
	}
	return aborted
}

// transactions joins what clients know of their transactions with what the final scan, which is raw, shows of
// them: records with the broker's producer, and its markers. Records of a broker's producer in a partition are
// decided by its next marker there (KIP-98). It judges nothing: rules watch it. What it keeps is bounded by the
// transactions that one of both sides does not know yet: those that are open, and those that the scan has not
// passed.
type transactions struct {
	ledger   *ledger
	streams  map[stream]*ownership
	logs     map[history.Partition]*markedLog
	open     []*transaction // whose records are not all decided in the log, in order of return
	closed   int            // how many of open are
	watchers []transactionWatcher
	// full is called when a partition has many silent offsets: tidyAt of them.
	full   func(p history.Partition, l *markedLog)
	tidyAt int
}

// transactionWatcher is told what the log decided.
type transactionWatcher interface {
	// decided: the final scan met the marker of a run, or a record that needs none.
	decided(d decision)
	// settled: every record of the transaction is decided.
	settled(t *transaction)
}

// decision is a run of the log and its fate there. Of records that are not transactional the marker's offset
// is history.Unset.
type decision struct {
	run    history.Run
	fate   fate
	marker history.Marker
}

// transaction is one that a client is done with.
type transaction struct {
	process, id              string
	number                   int64
	client                   fate // pending where the client does not know
	decision                 history.Decision
	invoke, ending, returned history.Time
	parts                    []*transactionPart
	group                    string
	positions                []history.Position
	inLog                    [aborted + 1]int64 // records by their fate in the log; those that are undecided, or not there, count as pending
	stray                    *stray
}

// transactionPart is consecutive records of a transaction in one partition.
type transactionPart struct {
	of     *transaction
	stream stream
	stretch
	left   intervals // sequences whose fate in the log is not known
	marker int64     // offset of the marker that decided the first of them; Unset before
}

// stray is a marker that does not fit: records of the transaction stand under another one too, or the marker
// decided records of another transaction.
type stray struct {
	partition     history.Partition
	first, marker int64        // offsets of the markers
	other         *transaction // nil: the records are those of one transaction
}

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

func newTransactions(l *ledger) *transactions {
	return &transactions{ledger: l, streams: map[stream]*ownership{}, logs: map[history.Partition]*markedLog{}, tidyAt: tidyMin}
}

// watch adds a watcher.
func (t *transactions) watch(w transactionWatcher) { t.watchers = append(t.watchers, w) }

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

// observe takes what an operation says. The ledger has taken it before.
func (t *transactions) observe(op *history.Operation) {
	for i := range op.Watermarks {
		if m := &op.Watermarks[i]; m.LastStable > 0 {
			l := t.log(m.Partition)
			l.stable = max(l.stable, m.LastStable)
		}
		if m := &op.Watermarks[i]; m.LastStable != history.Unset && m.LastStable < m.HighWatermark {
			l := t.log(m.Partition)
			l.held, l.heldAt = m.LastStable, op.Invoke
		}
	}
	switch op.Kind {
	case history.Transact:
		t.transact(op)
	case history.Scan:
		for _, piece := range pieces(op) {
			if !t.ledger.scans(op, piece.partition) {
				continue
			}
			if piece.marker != nil {
				t.mark(piece.marker)
			} else if piece.run != nil {
				t.scan(piece.run)
			}
		}
	}
}

// transact takes what a client knows of a transaction that it is done with.
func (t *transactions) transact(op *history.Operation) {
	x := &transaction{
		process: op.Process, id: op.Transaction.ID, number: op.Transaction.Number, decision: op.Transaction.Decision,
		invoke: op.Invoke, ending: op.Transaction.Ending, returned: op.Return, group: op.Transaction.Group, positions: op.Transaction.Positions,
	}
	switch {
	case op.Committed():
		x.client = committed
		t.ledger.counters.TransactionsCommitted++
	case op.Aborted():
		x.client = aborted
		t.ledger.counters.TransactionsAborted++
	default:
		t.ledger.counters.TransactionsUnknown++
	}
	for i := range op.Runs {
		if run := &op.Runs[i]; run.FirstSequence >= 0 {
			x.add(run)
		}
	}
	if len(x.parts) == 0 {
		return
	}
	t.open = append(t.open, x)
	for _, part := range x.parts {
		o := t.stream(part.stream)
		o.own(part)
		waiting := o.waiting
		o.waiting = nil
		for _, d := range waiting {
			t.assign(o, d)
		}
	}
}

// add takes a run of the transaction, joining it with the last one of its stream where it goes on there.
func (x *transaction) add(run *history.Run) {
	s := stream{run.Partition, run.Producer}
	n := stretch{interval{run.FirstSequence, run.FirstSequence + int64(run.Count)}, run.FirstOffset}
	x.inLog[pending] += n.size()
	for _, p := range x.parts {
		if p.stream == s && p.continues(n) {
			p.end = n.end
			p.left = intervals{p.interval}
			return
		}
	}
	x.parts = append(x.parts, &transactionPart{of: x, stream: s, stretch: n, left: intervals{n.interval}, marker: history.Unset})
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

// unsettled lists the transactions of which some records are not decided in the log.
func (t *transactions) unsettled() []*transaction {
	var list []*transaction
	for _, x := range t.open {
		if x.inLog[pending] > 0 {
			list = append(list, x)
		}
	}
	return list
}

// logged is the transaction's fate in the log: committed if any record of it is, and pending if none is decided.
func (x *transaction) logged() fate {
	switch {
	case x.inLog[committed] > 0:
		return committed
	case x.inLog[aborted] > 0:
		return aborted
	}
	return pending
}

func (t *transactions) retained() int {
	n := len(t.open) - t.closed
	for _, o := range t.streams {
		n += len(o.owned) - o.head - o.empty + len(o.waiting) + len(o.settled)
	}
	for _, l := range t.logs {
		n += len(l.aborted) + len(l.markers) + len(l.misread)
		for _, runs := range l.open {
			n += len(runs)
		}
	}
	return n
}

// piece is one run, one marker or one corrupt record of a read.
type piece struct {
	partition history.Partition
	interval  // of offsets
	run       *history.Run
	marker    *history.Marker
}

// pieces lists what a read was given, in the order of the log in each partition where it kept control records.
func pieces(op *history.Operation) []piece {
	list := make([]piece, 0, len(op.Runs)+len(op.Markers)+len(op.Corrupt))
	for i := range op.Runs {
		run := &op.Runs[i]
		list = append(list, piece{partition: run.Partition, interval: interval{run.FirstOffset, run.FirstOffset + int64(run.Count)}, run: run})
	}
	if len(op.Markers)+len(op.Corrupt) == 0 {
		return list
	}
	for i := range op.Markers {
		m := &op.Markers[i]
		list = append(list, piece{partition: m.Partition, interval: interval{m.Offset, m.Offset + 1}, marker: m})
	}
	for _, c := range op.Corrupt {
		list = append(list, piece{partition: c.Partition, interval: interval{c.Offset, c.Offset + 1}})
	}
	slices.SortStableFunc(list, func(a, b piece) int {
		return cmp.Or(comparePartitions(a.partition, b.partition), cmp.Compare(a.first, b.first))
	})
	return list
}
