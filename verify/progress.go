package verify

import (
	"fmt"
	"sort"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// A fault is in force until its heal begins, and that is known only once the heal has ended. So the sums
// of the last minute are kept, at steps that are short for a heal.
const (
	progressStep = 5 * history.Time(time.Millisecond)
	progressMax  = 1 << 14
)

// progress counts records while faults are in force, for the budgets that ask.
type progress struct {
	sums   map[Budget]*sum
	forced []forced
}

// sum is the records of a budget's kind and topic up to times.
type sum struct {
	steps   []sumStep    // the newest, in order
	begun   history.Time // the last step
	total   int64
	trimmed bool // older steps were forgotten
}

// sumStep is the sum when the last record of the step came.
type sumStep struct {
	at    history.Time
	total int64
}

// forced is a fault that was injected, and the sums at its ends.
type forced struct {
	index       int32
	name        string
	from, to    history.Time // to is Never until it is healed
	before, had map[Budget]int64
	unknown     bool // its heal took longer than sums are kept
}

func newProgress(budgets []Budget) *progress {
	p := &progress{sums: map[Budget]*sum{}}
	for _, b := range budgets {
		if b.Name == ProgressDuringFault {
			p.sums[b] = &sum{}
		}
	}
	return p
}

func (p *progress) observe(op *history.Operation) {
	switch {
	case len(p.sums) == 0:
	case op.Kind == history.Fault:
		p.stage(op)
	case op.Outcome == history.OK && (op.Kind == history.Produce || op.Kind == history.Fetch):
		for b, s := range p.sums {
			for i := range op.Runs {
				if run := &op.Runs[i]; b.Of == op.Kind && b.covers(run.Partition) && run.Producer != history.BarrierProducer {
					s.add(op.Return, int64(run.Count))
				}
			}
		}
	}
}

func (p *progress) stage(op *history.Operation) {
	f := op.Fault
	switch {
	case f.Stage == history.Inject && op.Outcome != history.Fail:
		in := forced{index: f.Index, name: f.Fault + " " + f.Target, from: op.Return, to: history.Never, before: map[Budget]int64{}, had: map[Budget]int64{}}
		for b, s := range p.sums {
			in.before[b] = s.total
		}
		p.forced = append(p.forced, in)
	case f.Stage == history.Heal:
		for i := range p.forced {
			in := &p.forced[i]
			if in.index != f.Index || in.to != history.Never {
				continue
			}
			in.to = op.Invoke
			for b, s := range p.sums {
				total, known := s.upTo(op.Invoke)
				in.had[b] = max(0, total-in.before[b])
				in.unknown = in.unknown || !known
			}
		}
	}
}

// add counts records at a time.
func (s *sum) add(at history.Time, n int64) {
	s.total += n
	if last := len(s.steps) - 1; last >= 0 && at-s.begun < progressStep {
		s.steps[last] = sumStep{at, s.total}
		return
	}
	if len(s.steps) == progressMax {
		s.steps, s.trimmed = append(s.steps[:0], s.steps[progressMax/2:]...), true
	}
	s.begun = at
	s.steps = append(s.steps, sumStep{at, s.total})
}

// upTo is the sum at a time, less by a step at most; known is false if that was forgotten.
func (s *sum) upTo(at history.Time) (total int64, known bool) {
	i := sort.Search(len(s.steps), func(i int) bool { return s.steps[i].at > at })
	if i == 0 {
		return 0, !s.trimmed
	}
	return s.steps[i-1].total, true
}

// progressed judges the fault under which the least was done.
func (b *budgeter) progressed(r *BudgetResult) {
	p, least := b.progress, int64(-1)
	for _, f := range p.forced {
		n, end := f.had[r.Budget], f.to
		if end == history.Never { // it was in force to the end
			n, end = p.sums[r.Budget].total-f.before[r.Budget], b.end
		}
		if f.unknown {
			r.Detail = fmt.Sprintf("the heal of %s took longer than progress is kept", f.name)
			return
		}
		if least < 0 || n < least {
			least = n
			r.Detail = fmt.Sprintf("%s in the %s of %s at %s is the least of %s", plural(n, "record"), figure.Span(time.Duration(end-f.from)), f.name,
				figure.Moment(time.Duration(f.from)), plural(int64(len(p.forced)), "fault"))
		}
	}
	switch {
	case least < 0:
		r.Detail = "no fault was injected"
	case least < r.Records:
		r.Verdict, r.Progress = Fail, least
	default:
		r.Verdict, r.Progress = Pass, least
	}
}
