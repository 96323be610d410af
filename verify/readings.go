package verify

import (
	"fmt"
	"math"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// readings follows every reader through every partition: which offsets it was given, and which it was not. It
// judges nothing: reader-agreement and gaps look things up in it.
type readings struct {
	ledger       *ledger
	transactions *transactions
	logs         map[history.Partition]*reading
	now          history.Time
	forgetting   []func(p history.Partition) // called before silent offsets are forgotten
}

// reading is the readers of one partition.
type reading struct {
	readers map[string]*reader
	order   []*reader // in order of appearance
	backs   []back
	dropped int64 // backs over candidatesMax
	floor   int64 // below it silent offsets were forgotten: what a reader is not given there is not judged
}

// reader is one process in one partition.
type reader struct {
	process   string
	scan      bool
	committed bool // it reads committed
	begun     bool
	next      int64     // the offset that is expected next
	first     int64     // lowest offset seen
	end       int64     // after the highest offset seen
	gaps      intervals // offsets between two polls or records that it was not given
	corrupt   intervals // offsets of records that it could not decode
	last      history.Time
}

// committedScan is the reader that reads committed from the start of every partition to its barrier: see
// history.Operation.Markers.
const committedScan = "scan-committed"

// idleMax is how long after its last answer a reader is waited for, before what it would need is forgotten.
const idleMax = history.Time(30 * time.Second)

// back is a step back of a reader.
type back struct {
	process  string
	from, to int64
}

func newReadings(l *ledger, t *transactions) *readings {
	s := &readings{ledger: l, transactions: t, logs: map[history.Partition]*reading{}}
	t.full = s.tidy
	return s
}

func (s *readings) log(p history.Partition) *reading {
	v := s.logs[p]
	if v == nil {
		v = &reading{readers: map[string]*reader{}}
		s.logs[p] = v
	}
	return v
}

func (v *reading) reader(l *ledger, op *history.Operation, p history.Partition) *reader {
	r := v.readers[op.Process]
	if r == nil {
		r = &reader{process: op.Process}
		v.readers[op.Process] = r
		v.order = append(v.order, r)
	}
	if op.Kind == history.Fetch || op.Kind == history.Scan {
		r.scan, r.committed = l.scans(op, p), op.Isolation == history.ReadCommitted
	}
	return r
}

func (s *readings) observe(op *history.Operation) {
	switch {
	case op.Kind == history.Resume && op.Outcome == history.OK:
		// Where a member of a group begins again is for group-position to judge.
		for _, at := range op.Group.Positions {
			s.log(at.Partition).reader(s.ledger, op, at.Partition).begun = false
		}
		return
	case op.Kind == history.Transact && !op.Committed():
		// A member that consumes and produces goes back to where its transaction began.
		for _, v := range s.logs {
			if r := v.readers[op.Process]; r != nil {
				r.begun = false
			}
		}
		return
	case op.Kind != history.Fetch && op.Kind != history.Scan:
		return
	}
	s.now = max(s.now, op.Return)
	for _, c := range op.Corrupt {
		s.log(c.Partition).reader(s.ledger, op, c.Partition).corrupt.add(c.Offset, c.Offset+1)
	}
	for i := range op.Runs {
		run := &op.Runs[i]
		v := s.log(run.Partition)
		s.move(v, v.reader(s.ledger, op, run.Partition), op, run.Partition, run.FirstOffset, run.FirstOffset+int64(run.Count))
	}
	// What is no record it may have passed with the records, or stand after them.
	for i := range op.Markers {
		m := &op.Markers[i]
		s.pass(op, m.Partition, m.Offset)
	}
	for _, c := range op.Corrupt {
		s.pass(op, c.Partition, c.Offset)
	}
}

// pass follows a reader over an offset that it was given and that is no record.
func (s *readings) pass(op *history.Operation, p history.Partition, offset int64) {
	v := s.log(p)
	if r := v.reader(s.ledger, op, p); !r.begun || offset >= r.next {
		s.move(v, r, op, p, offset, offset+1)
	}
}

// room reports whether another candidate may be kept, and counts it if not.
func (v *reading) room(n int) bool {
	if n < candidatesMax {
		return true
	}
	v.dropped++
	return false
}

// move follows a reader over the offsets first to end-1.
func (s *readings) move(v *reading, r *reader, op *history.Operation, p history.Partition, first, end int64) {
	switch {
	case !r.begun && r.process == committedScan && r.end == 0:
		r.begun, r.first = true, 0
		s.miss(v, r, op, p, interval{0, first})
	case !r.begun:
		r.begun, r.first = true, first
	case first < r.next:
		if v.room(len(v.backs)) {
			v.backs = append(v.backs, back{r.process, r.next - 1, first})
		}
	case first > r.next:
		s.miss(v, r, op, p, interval{r.next, first})
	}
	r.next, r.first, r.end, r.last = end, min(r.first, first), max(r.end, end), op.Return
}

// miss notes the offsets that a reader was not given, but for those that are known to be silent.
func (s *readings) miss(v *reading, r *reader, op *history.Operation, p history.Partition, gap interval) {
	var control intervals // of this answer
	for _, m := range op.Markers {
		if m.Partition == p && m.Offset >= gap.first && m.Offset < gap.end {
			control.add(m.Offset, m.Offset+1)
		}
	}
	l := s.transactions.logs[p]
	if gap.first < v.floor && !r.scan {
		gap.first = min(v.floor, gap.end)
	}
	for _, part := range r.corrupt.without(gap.first, gap.end) {
		for _, part := range control.without(part.first, part.end) {
			if l == nil || r.scan {
				r.gaps.add(part.first, part.end)
				continue
			}
			for _, part := range l.markers.without(part.first, part.end) {
				if !r.committed {
					r.gaps.add(part.first, part.end)
					continue
				}
				for _, part := range l.aborted.without(part.first, part.end) {
					r.gaps.add(part.first, part.end)
				}
			}
		}
	}
}

// tidy takes what the scan has explained out of the gaps of readers, and forgets the silent offsets below all of
// them while the load goes on. In the end, when a barrier was written, another reader comes from the start.
func (s *readings) tidy(p history.Partition, l *markedLog) {
	v, low := s.log(p), int64(math.MaxInt64)
	for _, r := range v.order {
		if r.scan {
			low = min(low, r.next)
			continue
		}
		r.gaps = intervals(r.gaps.minus(s.transactions.silent(p, r.committed)))
		if r.begun && s.now-r.last < idleMax {
			low = min(low, r.next)
		}
	}
	if l.kept || s.ledger.partition(p).barrier != history.Unset {
		return
	}
	for _, f := range s.forgetting {
		f(p)
	}
	l.markers.remove(0, low)
	l.aborted.remove(0, low)
	v.floor = max(v.floor, low)
}

// silent lists the offsets of a partition at which no reader is given a record: markers, and, for who reads
// committed, what was aborted, as far as the scan has shown.
func (t *transactions) silent(p history.Partition, committed bool) intervals {
	l := t.logs[p]
	if l == nil {
		return nil
	}
	if !committed || len(l.aborted) == 0 {
		return l.markers
	}
	return union(l.markers, l.aborted)
}

// union is a new set of what is in either.
func union(a, b intervals) intervals {
	all := make(intervals, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].first < a[0].first {
			from = &b
		}
		all.add((*from)[0].first, (*from)[0].end)
		*from = (*from)[1:]
	}
	return all
}

// undecided lists the offsets of records whose transaction the scan has not seen decided.
func (t *transactions) undecided(p history.Partition) (open intervals) {
	if l := t.logs[p]; l != nil {
		for _, runs := range l.open {
			for _, run := range runs {
				open.add(run.FirstOffset, run.FirstOffset+int64(run.Count))
			}
		}
	}
	return open
}

// shown lists the offsets at which the scan shows a record that a reader of the given isolation should be given.
func (s *readings) shown(p history.Partition, v *reading, committed bool) (shown intervals) {
	for _, r := range v.order {
		if r.scan {
			for _, part := range r.holes().without(0, r.end) {
				shown.add(part.first, part.end)
			}
		}
	}
	shown = intervals(shown.minus(s.transactions.silent(p, committed)))
	if committed {
		shown = intervals(shown.minus(s.transactions.undecided(p)))
	}
	return shown
}

// given counts the offsets that a reader of committed records was given; ok is false if none has passed them all.
func (s *readings) given(p history.Partition, offsets interval) (n int64, ok bool) {
	for _, r := range s.log(p).order {
		if !r.scan && r.committed && r.first <= offsets.first && offsets.end <= r.end {
			return intervals(r.gaps.without(offsets.first, offsets.end)).size(), true
		}
	}
	return 0, false
}

// holes of a scan are the offsets at which it was given nothing, from 0 on.
func (r *reader) holes() intervals {
	holes := append(intervals{}, r.gaps...)
	for _, gap := range r.corrupt.without(0, r.first) {
		holes.add(gap.first, gap.end)
	}
	return holes
}

// skips reports the records that the scan shows and a reader of the given isolation was not given. Each replica of a
// compacted topic is compacted by itself, so one may have less than the one that is scanned.
func (s *readings) skips(result *RuleResult, p history.Partition, v *reading, committed bool) {
	if s.ledger.compacted(p.Topic) {
		return
	}
	var shown intervals
	for _, r := range v.order {
		if r.scan || r.committed != committed || len(r.gaps) == 0 {
			continue
		}
		if shown == nil {
			shown = s.shown(p, v, committed)
		}
		for _, skip := range r.gaps.and(shown) {
			result.add(Anomaly{
				Class: PollSkip, Partition: p, Producer: history.Unset, FirstSequence: history.Unset, Count: skip.size(), Offset: skip.first,
				Text: fmt.Sprintf("%s: %s was not given %s, which the log has", p, r.process, span("offset", skip.first, skip.size())),
			})
		}
	}
}

func (s *readings) retained() int {
	n := 0
	for _, v := range s.logs {
		n += len(v.backs)
		for _, r := range v.order {
			n += 1 + len(r.gaps) + len(r.corrupt)
		}
	}
	return n
}
