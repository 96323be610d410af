package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// missing is a run that kept the log and missed two budgets of its five; twenty kills of a leader.
func missing() Run {
	r := passing()
	budget := func(name string, of history.Kind, v verify.Verdict, within time.Duration, detail string) verify.BudgetResult {
		return verify.BudgetResult{Budget: verify.Budget{Name: name, Of: of, Within: within}, Verdict: v, Detail: detail}
	}
	r.Report.Verdict = verify.Fail
	r.Report.Budgets = []verify.BudgetResult{
		budget(verify.MaxOutage, history.Produce, verify.Fail, time.Second, "1.31 s was the longest: orders/2 from 3.215 s (kill node 0)"),
		budget(verify.MaxOutage, history.Fetch, verify.Pass, time.Second, "912 ms was the longest: orders/2 from 3.215 s (kill node 0)"),
		budget(verify.TotalOutage, history.Produce, verify.Fail, 10*time.Second, "14.9 s in 20 outages of orders/2 is the most"),
		budget(verify.RecoverWithin, 0, verify.Inconclusive, 10*time.Second, "who was in the ISR is not known: the run did not note its clock"),
		{Budget: verify.Budget{Name: verify.ProgressDuringFault, Of: history.Fetch, Topic: "orders", Records: 1}, Verdict: verify.Pass, Progress: 40,
			Detail: "40 records in the 600ms of kill node 0 at 1.001s is the least of 20 faults"},
	}
	r.Report.Budgets[0].Took, r.Report.Budgets[1].Took, r.Report.Budgets[2].Took = 1310e6, 912e6, 14900e6
	rule := verify.RuleResult{Rule: verify.Availability, Asked: true, Verdict: verify.Fail, Checked: 4, Unit: "budget", Total: 2}
	for _, b := range r.Report.Budgets {
		if b.Verdict == verify.Fail {
			rule.Anomalies = append(rule.Anomalies, verify.Anomaly{Rule: verify.Availability, Class: verify.BudgetMissed, Text: b.Title() + " is at most " + b.Within.String() + ", and " + b.Detail})
		}
	}
	rule.Skipped = "not judged: recover_within"
	r.Report.Rules = append(r.Report.Rules, rule)
	r.Report.Baselines = []verify.Baseline{
		{Partition: "all", Kind: history.Produce, Waits: 500, P99: 5e6, Limit: 100e6}, {Partition: "orders/2", Kind: history.Produce, Waits: 500, P99: 9e6, Limit: 100e6},
		{Partition: "all", Kind: history.Fetch, Waits: 500, P99: 5e6, Limit: 100e6}, {Partition: "orders/2", Kind: history.Fetch, Waits: 500, P99: 59e6, Limit: 177e6},
	}
	r.Outages, r.Faults = nil, nil
	for i := range 20 {
		from := history.Time(i+1) * 3e9
		r.Faults = append(r.Faults, Fault{Text: fmt.Sprintf("kill node %d", i%3), From: time.Duration(from), To: time.Duration(from) + 1500*time.Millisecond, Nodes: []int32{int32(i % 3)}})
		took := history.Time(500+10*i) * 1e6
		for _, partition := range []string{"orders/2", "all"} {
			r.Outages = append(r.Outages, Outage{Outage: verify.Outage{Partition: partition, Kind: history.Produce, From: from, To: from + took, Fault: fmt.Sprintf("kill node %d", i%3)},
				Split: []Part{{Name: Detect, Took: time.Duration(took) / 2, OK: true}, {Name: Elect, OK: i > 0, Took: 30e6}, {Name: Recovery, Took: 100e6, OK: true}, {Name: CatchUp, OK: true}}})
		}
		// Another partition at the same time, for less long: it does not count again.
		r.Outages = append(r.Outages, Outage{Outage: verify.Outage{Partition: "orders/1", Kind: history.Produce, From: from + 1e6, To: from + took - 1e6, Fault: "kill node 0"}})
	}
	r.Outages = append(r.Outages, Outage{Outage: verify.Outage{Partition: "orders/2", Kind: history.Fetch, From: 70e9, To: 71e9, Fault: "pause node 0; kill node 1"}})
	return r
}

// A missed budget is no broken promise about the log: the numbers are shown. Safety comes first where both are.
func TestMissedBudgets(t *testing.T) {
	for _, c := range []struct {
		name     string
		run      Run
		headline string
		numbers  bool
	}{
		{"budgets", missing(), "2 budgets were missed: max_outage of produce; total_outage of produce", true},
		{"both", func() Run {
			r := missing()
			f := failing()
			r.Report.Rules = append(slices.Clone(f.Report.Rules), r.Report.Rules[len(r.Report.Rules)-1])
			r.Report.Budgets[2].Verdict = verify.Pass
			return r
		}(), "promises were broken: 1 lost-write, 1 read-then-gone, 7 more of loss; and a budget was missed: max_outage of produce", false},
		{"doubt", func() Run {
			r := missing()
			r.Report.Verdict = verify.Inconclusive
			r.Report.Rules = r.Report.Rules[:len(r.Report.Rules)-1]
			r.Report.Budgets[0].Verdict, r.Report.Budgets[2].Verdict = verify.Pass, verify.Pass
			return r
		}(), "nothing is proved, in doubt: recover_within", true},
	} {
		if got := c.run.Headline(); got != c.headline {
			t.Errorf("%s: headline is %q, want %q", c.name, got, c.headline)
		}
		var text bytes.Buffer
		if err := Text(&text, c.run, Style{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "records/s") != c.numbers {
			t.Errorf("%s: numbers are shown %v, want %v:\n%s", c.name, !c.numbers, c.numbers, &text)
		}
	}
}

func TestDistributions(t *testing.T) {
	list := missing().Distributions()
	if len(list) != 3 {
		t.Fatalf("there are %d distributions: %+v", len(list), list)
	}
	d := list[1]
	millis := time.Millisecond
	if d.Fault != "kill" || d.Faults != 20 || d.Of != "orders" || d.Kind != history.Produce ||
		d.Total != (Spread{Count: 20, Median: 595 * millis, P90: 670 * millis, Max: 690 * millis, Sum: 11900 * millis}) {
		t.Errorf("the second is %+v", d)
	}
	if len(d.Parts) != 4 || d.Parts[1] != (PartSpread{Elect, Spread{Count: 19, Median: 30 * millis, P90: 30 * millis, Max: 30 * millis, Sum: 570 * millis}}) {
		t.Errorf("its parts are %+v", d.Parts)
	}
	if list[0].Of != "all" || list[2].Fault != "kill and pause" || list[2].Kind != history.Fetch || list[2].Total.Count != 1 {
		t.Errorf("the others are %+v and %+v", list[0], list[2])
	}
	for _, c := range []struct {
		durations []time.Duration
		want      Spread
	}{
		{nil, Spread{}},
		{[]time.Duration{5}, Spread{1, 5, 5, 5, 5}},
		{[]time.Duration{3, 1}, Spread{2, 2, 3, 3, 4}},
		{[]time.Duration{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, Spread{10, 5, 9, 10, 55}},
		{[]time.Duration{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, Spread{11, 6, 10, 11, 66}},
	} {
		if got := spreadOf(c.durations); got != c.want {
			t.Errorf("spread of %v is %+v, want %+v", c.durations, got, c.want)
		}
	}
}
