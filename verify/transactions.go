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

func newTransactions(l *ledger) *transactions {
	return &transactions{ledger: l, streams: map[stream]*ownership{}, logs: map[history.Partition]*markedLog{}, tidyAt: tidyMin}
}

// watch adds a watcher.
func (t *transactions) watch(w transactionWatcher) { t.watchers = append(t.watchers, w) }

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
