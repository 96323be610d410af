package verify

import (
	"fmt"
	"sort"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// stepsMax bounds the staircase of one partition. The newest half is exact; the older half is
// thinned each time the staircase is full, so an operation that was under way for very long is
// compared with coarser knowledge. Forgetting a step only lowers what is known to have existed at
// some time: it can hide a violation, never invent one.
const stepsMax = 1024

// candidatesMax bounds violations that wait for the end, where those that are only the shadow of a
// lost record are left out.
const candidatesMax = 4096

// step of a staircase: from the return time on, offset is known, because op had it.
type step struct {
	returned history.Time
	offset   int64
	record   record // the one at offset, if the staircase is about records
	process  string
	kind     history.Kind
}

// staircase is the highest known offset of a partition over time: both columns increase.
type staircase []step

// before is the highest step that was known strictly before t, nil if there is none.
func (s staircase) before(t history.Time) *step {
	i := sort.Search(len(s), func(i int) bool { return s[i].returned >= t })
	if i == 0 {
		return nil
	}
	return &s[i-1]
}

// raise adds a step if it is higher than the last one, and keeps at most the given number. Steps come
// in order of return.
func (s *staircase) raise(next step, most int) {
	n := len(*s)
	if n > 0 && next.offset <= (*s)[n-1].offset {
		return
	}
	if n > 0 && next.returned <= (*s)[n-1].returned {
		// Known at the same moment: one step. A return that goes back is a broken clock, which the
		// assumptions report; keeping the later time is the sound side.
		next.returned = (*s)[n-1].returned
		(*s)[n-1] = next
		return
	}
	if n >= most {
		s.thin()
	}
	*s = append(*s, next)
}

// thin drops every second step of the older half.
func (s *staircase) thin() {
	kept, half := (*s)[:0], len(*s)/2
	for i, st := range *s {
		if i >= half || i%2 == 0 {
			kept = append(kept, st)
		}
	}
	*s = kept
}

// overtaken is an append that got an offset at or below one that was known before it began.
type overtaken struct {
	run    history.Run
	invoke history.Time
	known  step
}

// appendOrder judges real-time order: what the research calls R1. With distinct known offsets it is
// equivalent to linearizability of appends (Herlihy and Wing 1990): a violating pair exists if and
// only if some append got an offset at or below one known before the append was invoked.
type appendOrder struct {
	ledger     *ledger
	known      map[history.Partition]*staircase
	candidates []overtaken
	checked    int64
	dropped    int64
}

func newAppendOrder(l *ledger) *appendOrder {
	return &appendOrder{ledger: l, known: map[history.Partition]*staircase{}}
}

func (a *appendOrder) observe(op *history.Operation) {
	appended := op.Kind == history.Produce || op.Kind == history.Barrier
	if op.Kind == history.Fault || op.Kind == history.Transact || appended && op.Outcome != history.OK {
		return
	}
	if appended {
		for i := range op.Runs {
			a.judge(op, &op.Runs[i])
		}
	}
	for i := range op.Runs {
		a.learn(op, &op.Runs[i])
	}
}

// judge compares an acknowledged run with what was known when its operation was invoked.
func (a *appendOrder) judge(op *history.Operation, run *history.Run) {
	if run.FirstOffset == history.Unset {
		return
	}
	if op.Kind == history.Produce {
		a.checked += int64(run.Count)
	}
	known := a.staircase(run.Partition).before(op.Invoke)
	if known == nil || run.FirstOffset > known.offset {
		return
	}
	if len(a.candidates) == candidatesMax {
		a.dropped++
		return
	}
	a.candidates = append(a.candidates, overtaken{*run, op.Invoke, *known})
}

// learn raises the staircase to the run's last record.
func (a *appendOrder) learn(op *history.Operation, run *history.Run) {
	if run.FirstOffset == history.Unset {
		return
	}
	last := int64(run.Count) - 1
	a.staircase(run.Partition).raise(step{
		returned: op.Return, offset: run.FirstOffset + last, process: op.Process, kind: op.Kind,
		record: record{run.Partition, run.Producer, run.FirstSequence + last},
	}, stepsMax)
}

func (a *appendOrder) staircase(p history.Partition) *staircase {
	s := a.known[p]
	if s == nil {
		s = &staircase{}
		a.known[p] = s
	}
	return s
}

func (a *appendOrder) result() RuleResult {
	r := RuleResult{Rule: AppendOrder, Asked: true, Checked: a.checked, Unit: "acknowledged record"}
	for _, c := range a.candidates {
		if !a.ledger.lost(c.known.record) {
			r.add(c.anomaly())
		}
	}
	if r.Total > 0 {
		r.Total += a.dropped
	}
	r.conclude()
	return r
}

func (c *overtaken) anomaly() Anomaly {
	known := c.known.record
	how := "acknowledged to"
	if c.known.kind == history.Fetch || c.known.kind == history.Scan {
		how = "given to"
	}
	return Anomaly{
		Class: NonmonotonicAppend, Partition: c.run.Partition, Producer: int64(c.run.Producer),
		FirstSequence: c.run.FirstSequence, Count: int64(c.run.Count), Offset: c.run.FirstOffset, rival: &known,
		Text: fmt.Sprintf("%s: %s of %s was acknowledged at offset %d, although offset %d had been %s %s %v before it was sent",
			c.run.Partition, span("sequence", c.run.FirstSequence, 1), who(c.run.Producer), c.run.FirstOffset,
			c.known.offset, how, c.known.process, time.Duration(c.invoke-c.known.returned)),
	}
}

func (a *appendOrder) retained() int {
	n := len(a.candidates)
	for _, s := range a.known {
		n += len(*s)
	}
	return n
}
