package verify

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// faults follows the faults of a run: their stages and whether the cluster was under load meanwhile.
// The nemesis executes few, one after the other.
type faults struct{ list []*faultRun }

// faultRun is what is known of one fault.
type faultRun struct {
	index        int32
	name, target string
	stages       [history.ProveHealed + 1]*stageRun // by Stage; nil if it was not reached
	loaded       bool                               // some produce operation overlapped it
}

// stageRun is the last operation of one stage.
type stageRun struct {
	invoke, returned history.Time
	ok               bool
	detail           string
}

// String is the fault for people: "kill node 0".
func (f *faultRun) String() string { return f.name + " " + f.target }

// window is from the injection to the proof that it healed; to is history.Never while it is open.
func (f *faultRun) window() (from, to history.Time) {
	from, to = history.Never, history.Never
	if s := f.stages[history.Inject]; s != nil {
		from = s.invoke
	}
	if s := f.stages[history.ProveHealed]; s != nil && s.ok {
		to = s.returned
	}
	return from, to
}

func (f *faults) observe(op *history.Operation) {
	switch op.Kind {
	case history.Fault:
		f.stage(op)
	case history.Produce:
		for _, run := range f.list {
			run.load(op)
		}
	}
}

func (f *faults) stage(op *history.Operation) {
	var run *faultRun
	for _, known := range f.list {
		if known.index == op.Fault.Index {
			run = known
		}
	}
	if run == nil {
		run = &faultRun{index: op.Fault.Index, name: op.Fault.Fault, target: op.Fault.Target}
		f.list = append(f.list, run)
	}
	detail := op.Fault.Detail
	if op.Error != "" {
		detail = op.Error
	}
	run.stages[op.Fault.Stage] = &stageRun{op.Invoke, op.Return, op.Outcome == history.OK, detail}
}

// load notes that a produce operation was under way while the fault was in force. An operation that
// returned before the injection did is seen too early to count, which is the strict side.
func (f *faultRun) load(op *history.Operation) {
	inject, heal := f.stages[history.Inject], f.stages[history.Heal]
	if inject != nil && (heal == nil || op.Invoke < heal.invoke) {
		f.loaded = true
	}
}

// first is when the first fault was injected; history.Never without one.
func (f *faults) first() history.Time {
	at := history.Never
	for _, run := range f.list {
		from, _ := run.window()
		at = min(at, from)
	}
	return at
}

// during names the faults whose windows overlap from..to, "" if none does.
func (f *faults) during(from, to history.Time) string {
	var names []string
	for _, run := range f.list {
		if start, end := run.window(); start < to && from < end {
			names = append(names, run.String())
		}
	}
	return strings.Join(names, "; ")
}

// calm is since when no fault has been in force, as far as was observed: 0 if none ever was,
// history.Never while one is.
func (f *faults) calm() history.Time {
	at := history.Time(0)
	for _, run := range f.list {
		_, to := run.window()
		at = max(at, to)
	}
	return at
}

// proved says what is missing for the fault to count, "" if nothing.
func (f *faultRun) proved() string {
	for stage := history.Inject; stage <= history.ProveHealed; stage++ {
		s := f.stages[stage]
		if s == nil {
			return fmt.Sprintf("fault %d (%s) has no stage %s", f.index+1, f, stage)
		}
		if !s.ok {
			return strings.TrimSuffix(fmt.Sprintf("fault %d (%s): %s did not succeed: %s", f.index+1, f, stage, s.detail), ": ")
		}
	}
	if !f.loaded {
		return fmt.Sprintf("fault %d (%s) was in force without any produce operation under way", f.index+1, f)
	}
	return ""
}
