package verify

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// earlyRead judges that who reads committed is given no record before its transaction was decided: what the
// research calls R3. A violation is a read that returned before the first request to commit was written. Without
// such a read the times of commits increase along what was read from whom, so that no cycle of transactions that
// read from each other can exist (Jepsen's G1c of read-write edges alone): nobody need search for one.
//
// Of a transaction that was aborted no record may be read at any time: that is for transaction-fate to say.
type earlyRead struct {
	transactions *transactions
	streams      map[stream]*earlyStream
	found        []tooEarly
	checked      int64
	dropped      int64
}

// earlyStream is what was read of one stream whose transactions are open as far as is known.
type earlyStream struct {
	pending []seenRun
	known   intervals // sequences of pending
	over    intervals // sequences that are of no transaction, or of one that is over
}

// seenRun is records that a reader was given.
type seenRun struct {
	stretch
	process  string
	returned history.Time
}

// tooEarly is a read of records before their transaction was to commit.
type tooEarly struct {
	stream
	seenRun
	of      *transaction
	aborted bool // by the log
}

func newEarlyRead(t *transactions) *earlyRead {
	e := &earlyRead{transactions: t, streams: map[stream]*earlyStream{}}
	t.watch(e)
	return e
}

// decided drops what was read early of a transaction that the log aborted: the reader should never have been given it.
func (e *earlyRead) decided(d decision) {
	if d.fate != aborted {
		return
	}
	for i := range e.found {
		f := &e.found[i]
		if f.partition == d.run.Partition && f.offset < d.run.FirstOffset+int64(d.run.Count) && d.run.FirstOffset < f.offset+f.size() {
			f.aborted = true
		}
	}
}

// settled implements transactionWatcher.
func (e *earlyRead) settled(*transaction) {}

func (e *earlyRead) observe(op *history.Operation) {
	switch op.Kind {
	case history.Fetch, history.Scan:
		if op.Isolation == history.ReadCommitted {
			e.read(op)
		}
	case history.Produce:
		for i := range op.Runs {
			if run := &op.Runs[i]; op.Transaction == nil && run.FirstSequence >= 0 {
				e.stream(run).end(run, nil)
			}
		}
	case history.Transact:
		e.transact(op)
	}
}

func (e *earlyRead) stream(run *history.Run) *earlyStream {
	key := stream{run.Partition, run.Producer}
	s := e.streams[key]
	if s == nil {
		s = &earlyStream{}
		e.streams[key] = s
	}
	return s
}

// read keeps the records of transactions that are not over. Who read a record first is enough.
func (e *earlyRead) read(op *history.Operation) {
	for i := range op.Runs {
		run := &op.Runs[i]
		if run.Producer == history.BarrierProducer || run.FirstSequence < 0 {
			continue
		}
		s, all := e.stream(run), stretch{interval{run.FirstSequence, run.FirstSequence + int64(run.Count)}, run.FirstOffset}
		e.checked += all.size()
		for _, open := range s.over.without(all.first, all.end) {
			for _, news := range s.known.without(open.first, open.end) {
				s.pending = append(s.pending, seenRun{all.part(news.first, news.end), op.Process, op.Return})
			}
			s.known.add(open.first, open.end)
		}
	}
}

// transact compares what was read of a transaction with when its client asked to commit.
func (e *earlyRead) transact(op *history.Operation) {
	var x *transaction
	for i := range op.Runs {
		run := &op.Runs[i]
		if run.FirstSequence < 0 {
			continue
		}
		e.stream(run).end(run, func(seen seenRun) {
			switch {
			case op.Aborted() || seen.returned >= op.Transaction.Ending:
			case len(e.found) == candidatesMax:
				e.dropped++
			default:
				if x == nil {
					x = &transaction{process: op.Process, id: op.Transaction.ID, number: op.Transaction.Number, ending: op.Transaction.Ending}
				}
				f := tooEarly{stream{run.Partition, run.Producer}, seen, x, false}
				f.aborted = e.abortedInLog(&f)
				e.found = append(e.found, f)
			}
		})
	}
}

// end says that the transaction of a run is over, and gives what was read of it before.
func (s *earlyStream) end(run *history.Run, early func(seenRun)) {
	first, end := run.FirstSequence, run.FirstSequence+int64(run.Count)
	s.over.add(first, end)
	if len(s.known.within(first, end)) == 0 {
		return
	}
	s.known.remove(first, end)
	kept := s.pending[:0]
	for _, seen := range s.pending {
		if low, high := max(seen.first, first), min(seen.end, end); low < high {
			if early != nil {
				early(seenRun{seen.part(low, high), seen.process, seen.returned})
			}
			if seen.first < low {
				kept = append(kept, seenRun{seen.part(seen.first, low), seen.process, seen.returned})
			}
			if high < seen.end {
				kept = append(kept, seenRun{seen.part(high, seen.end), seen.process, seen.returned})
			}
			continue
		}
		kept = append(kept, seen)
	}
	s.pending = kept
}

func (e *earlyRead) result() RuleResult {
	r := RuleResult{Rule: EarlyRead, Asked: true, Checked: e.checked, Unit: "record read by who reads committed"}
	for i := range e.found {
		if f := &e.found[i]; !f.aborted {
			r.add(f.anomaly())
		}
	}
	if r.Total > 0 {
		r.Total += e.dropped
	}
	r.conclude()
	return r
}

// abortedInLog reports whether the log has aborted what was read.
func (e *earlyRead) abortedInLog(f *tooEarly) bool {
	l := e.transactions.logs[f.partition]
	return l != nil && f.offset != history.Unset && len(l.aborted.within(f.offset, f.offset+f.size())) > 0
}

func (f *tooEarly) anomaly() Anomaly {
	a := f.of.anomaly(ReadEarly, f.stream, f.stretch)
	by := "nobody ever asked to commit"
	if f.of.ending != history.Never {
		by = fmt.Sprintf("%s asked to commit %s later", f.of.process, figure.Span(time.Duration(f.of.ending-f.returned)))
	}
	a.Text = fmt.Sprintf("%s: %s was given %s of transaction %s before it was decided: %s", f.partition, f.process, records(f.stream, f.interval), f.of.name(), by)
	if f.process == f.of.process {
		a.Class = PrecommittedRead
		a.Text = fmt.Sprintf("%s: %s was given %s of its own transaction %s before it was decided: %s", f.partition, f.process, records(f.stream, f.interval), f.of.name(), by)
	}
	return a
}

// name of the transaction for people.
func (x *transaction) name() string { return fmt.Sprintf("%d of %s", x.number, x.id) }

// anomaly is one about records of the transaction.
func (x *transaction) anomaly(class Class, s stream, at stretch) Anomaly {
	a := Anomaly{
		Class: class, Partition: s.partition, Producer: int64(s.producer), FirstSequence: at.first, Count: at.size(), Offset: at.offset,
		Transaction: x.name(), transact: &transactName{x.process, x.id, x.number},
	}
	for _, p := range x.parts {
		if p.marker != history.Unset {
			a.marks = append(a.marks, markAt{p.stream.partition, p.marker})
		}
	}
	if x.stray != nil {
		a.marks = append(a.marks, markAt{x.stray.partition, x.stray.marker})
	}
	return a
}

// records names some records of a stream for people.
func records(s stream, i interval) string {
	return fmt.Sprintf("%s of %s (%s)", plural(i.size(), "record"), who(s.producer), span("sequence", i.first, i.size()))
}

func (e *earlyRead) retained() int {
	n := len(e.found)
	for _, s := range e.streams {
		n += len(s.pending) + len(s.known) + len(s.over)
	}
	return n
}
