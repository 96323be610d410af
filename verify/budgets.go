package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// Availability is the rule that holds outages against budgets. It is asked by Expect.Budgets, and not
// among Rules: what it finds is no damage to the log.
const Availability Rule = "availability"

// BudgetMissed is the only class of Availability.
const BudgetMissed Class = "budget-missed"

// Names of budgets, as scenarios write them.
const (
	// MaxOutage bounds every outage from the first fault on.
	MaxOutage = "max_outage"
	// TotalOutage bounds the sum of the outages of each partition from the first fault on.
	TotalOutage = "total_outage"
	// RecoverWithin bounds the time from the proof that nothing is broken any more until no outage goes on
	// and all replicas are in the ISR.
	RecoverWithin = "recover_within"
	// ProgressDuringFault is the least number of records while a fault is in force, for each fault.
	ProgressDuringFault = "progress_during_fault"
)

// Budget is a promise about availability.
type Budget struct {
	// Name is one of MaxOutage, TotalOutage, RecoverWithin, ProgressDuringFault.
	Name string `json:"budget"`
	// Of is history.Produce or history.Fetch; 0 is both, which only RecoverWithin can be about.
	Of history.Kind `json:"of,omitempty"`
	// Topic that it is about; "" is all of them.
	Topic string `json:"topic,omitempty"`
	// Within is the most time, Records the least records: one of them is set.
	Within  time.Duration `json:"within_ns,omitempty"`
	Records int64         `json:"records,omitempty"`
}

// Title names the budget without its value: "max_outage of produce, orders".
func (b Budget) Title() string {
	text := b.Name
	if b.Of != 0 {
		text += " of " + b.Of.String()
	}
	if b.Topic != "" {
		text += ", " + b.Topic
	}
	return text
}

// promised is the value for people.
func (b Budget) promised() string {
	if b.Name == ProgressDuringFault {
		return "at least " + plural(b.Records, "record")
	}
	return "at most " + b.Within.String() // as the scenario has it
}

// covers reports whether a partition is one that the budget is about.
func (b Budget) covers(p history.Partition) bool { return b.Topic == "" || b.Topic == p.Topic }

// asksFor reports whether operations of a kind are what the budget is about.
func (b Budget) asksFor(k history.Kind) bool { return b.Of == 0 || b.Of == k }

func (b Budget) validate() error {
	timed := b.Name == MaxOutage || b.Name == TotalOutage || b.Name == RecoverWithin
	switch {
	case !timed && b.Name != ProgressDuringFault:
		return fmt.Errorf("unknown budget %q: known are %s, %s, %s, %s", b.Name, MaxOutage, TotalOutage, RecoverWithin, ProgressDuringFault)
	case timed && b.Within <= 0, !timed && b.Records <= 0:
		return fmt.Errorf("budget %s promises nothing: set what must hold", b.Title())
	case b.Of != history.Produce && b.Of != history.Fetch && (b.Of != 0 || b.Name != RecoverWithin):
		return fmt.Errorf("budget %s: it is about produce or about fetch", b.Title())
	}
	return nil
}

// BudgetResult is what came out of one budget.
type BudgetResult struct {
	Budget
	Verdict Verdict `json:"verdict"`
	// Took is the time that was measured, Progress the records: the worst of all that the budget covers.
	Took     time.Duration `json:"took_ns,omitempty"`
	Progress int64         `json:"progress,omitempty"`
	// Detail is what was measured and where; or why it could not be judged.
	Detail string `json:"detail"`

	worst history.Partition // where it was measured; zero if that is no partition
}

// budgeter judges budgets when the history is over.
type budgeter struct {
	expect   Expect
	faults   *faults
	survey   []surveyed
	progress *progress
	end      history.Time // of what was watched
}

// judge one budget.
func (b *budgeter) judge(budget Budget) BudgetResult {
	r := BudgetResult{Budget: budget}
	if b.faults.first() == history.Never {
		r.Detail = "no fault was injected"
		return r
	}
	switch budget.Name {
	case MaxOutage:
		b.longest(&r)
	case TotalOutage:
		b.total(&r)
	case RecoverWithin:
		b.recover(&r)
	default:
		b.progressed(&r)
	}
	return r
}

// unfit says why outages cannot be told from what is usual, "" if they can. Where a longer wait is needed to
// be an outage than the budget allows, none that was missed would be seen.
func (b *budgeter) unfit(budget Budget) string {
	seen := map[history.Kind]map[history.Partition]bool{history.Produce: {}, history.Fetch: {}}
	for _, s := range b.survey {
		if s.Partition == AllPartitions || !budget.asksFor(s.Kind) || !budget.covers(s.partition) {
			continue
		}
		seen[s.Kind][s.partition] = true
		switch {
		case s.Waits == 0 && s.P99 == 0:
			return fmt.Sprintf("there is no baseline of %s of %s: it had no successes one after another before the first fault", s.Kind, s.Partition)
		case s.Limit > budget.Within:
			return fmt.Sprintf("before the first fault clients waited for %s of %s up to %s (p99), so that only more than %s is an outage: the load or the machine is too slow for this budget",
				s.Kind, s.Partition, figure.Span(s.P99), figure.Span(s.Limit))
		case s.dropped > 0:
			return fmt.Sprintf("%s of %s had more long waits than are kept", s.Kind, s.Partition)
		}
	}
	for _, kind := range []history.Kind{history.Produce, history.Fetch} {
		if !budget.asksFor(kind) || budget.Of == 0 && !b.had(kind) {
			continue // of both kinds those that there were count: without readers nobody reads
		}
		for _, p := range b.expect.Partitions {
			if budget.covers(p) && !seen[kind][p] {
				return fmt.Sprintf("there is no baseline of %s of %s: there were no operations", kind, p)
			}
		}
		if len(seen[kind]) == 0 {
			return fmt.Sprintf("there is no baseline: there were no operations of kind %s", kind)
		}
	}
	return ""
}

// had reports whether there were operations of a kind.
func (b *budgeter) had(kind history.Kind) bool {
	return slices.ContainsFunc(b.survey, func(s surveyed) bool { return s.Kind == kind && s.Partition != AllPartitions })
}

// struck lists the outages of single partitions that a budget is about. One that was over before the first
// fault is the machine's.
func (b *budgeter) struck(budget Budget, do func(s surveyed, o Outage)) {
	first := b.faults.first()
	for _, s := range b.survey {
		if s.Partition == AllPartitions || !budget.asksFor(s.Kind) || !budget.covers(s.partition) {
			continue
		}
		for _, o := range s.outages {
			if o.To > first {
				do(s, o)
			}
		}
	}
}

// conclude holds what was measured against the budget; doubt says why less may have been seen than there was.
func (r *BudgetResult) conclude(doubt string) {
	switch {
	case r.Took > r.Within:
		r.Verdict = Fail
	case doubt != "":
		r.Detail = doubt
	default:
		r.Verdict = Pass
	}
}

func (b *budgeter) longest(r *BudgetResult) {
	r.Detail = "there was none"
	open := ""
	b.struck(r.Budget, func(s surveyed, o Outage) {
		if o.Open {
			open = fmt.Sprintf("an outage of %s was not over at the end, after %s", o.Partition, figure.Span(o.Duration()))
		}
		if o.Duration() > r.Took {
			r.worst = s.partition
			r.Took, r.Detail = o.Duration(), fmt.Sprintf("%s was the longest: %s", figure.Span(o.Duration()), describe(o))
		}
	})
	doubt := b.unfit(r.Budget)
	if doubt == "" {
		doubt = open
	}
	r.conclude(doubt)
}

func (b *budgeter) total(r *BudgetResult) {
	r.Detail = "there was none"
	sums, times := map[history.Partition]time.Duration{}, map[history.Partition]int64{}
	open := ""
	b.struck(r.Budget, func(s surveyed, o Outage) {
		if o.Open {
			open = fmt.Sprintf("an outage of %s was not over at the end, after %s", o.Partition, figure.Span(o.Duration()))
		}
		sums[s.partition] += o.Duration()
		times[s.partition]++
		if sums[s.partition] > r.Took {
			r.Took, r.worst = sums[s.partition], s.partition
			r.Detail = fmt.Sprintf("%s in %s of %s is the most", figure.Span(r.Took), plural(times[s.partition], "outage"), s.Partition)
		}
	})
	doubt := b.unfit(r.Budget)
	if doubt == "" {
		doubt = open
	}
	r.conclude(doubt)
}

// describe is an outage for people, without its length.
func describe(o Outage) string {
	text := fmt.Sprintf("%s from %s", o.Partition, figure.Moment(time.Duration(o.From)))
	if o.Open {
		text += " to the end"
	}
	if o.Fault != "" {
		text += " (" + o.Fault + ")"
	}
	return text
}

// availability is the rule that sums the budgets up.
func availability(results []BudgetResult) RuleResult {
	r := RuleResult{Rule: Availability, Asked: true, Unit: "budget"}
	var left []string
	for _, b := range results {
		switch b.Verdict {
		case Fail:
			r.Checked++
			r.add(Anomaly{
				Class: BudgetMissed, Partition: b.worst, Producer: history.Unset, FirstSequence: history.Unset, Offset: history.Unset,
				Text: fmt.Sprintf("%s is %s, and %s", b.Title(), b.promised(), b.Detail),
			})
		case Pass:
			r.Checked++
		default:
			left = append(left, b.Title())
		}
	}
	if left != nil {
		r.Skipped = "not judged: " + strings.Join(left, "; ")
	}
	r.conclude()
	return r
}
