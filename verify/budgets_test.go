package verify

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// outaged is a history of one partition with two kills: at 1001 ms the cluster answers again after 400 ms, at
// 3001 ms after 300 ms; each is healed 600 ms after it was injected.
func outaged() string {
	w := writer{partition: "orders/0"}
	reads := func(from, to int) (lines []string) {
		for at := from; at <= to; at += 5 {
			lines = append(lines, fmt.Sprintf("reader-0 fetch ok %d..%d orders/0@%d=p0:%d", at-3, at+1, w.next, w.next))
			w.next++
		}
		return lines
	}
	both := func(from, to int) []string { // each record is acknowledged and then read
		next := w.next
		lines := w.ok(from, to, 5)
		w.next = next
		return append(lines, reads(from, to)...)
	}
	stage := func(index, invoke, at int, name string) []string {
		return []string{fmt.Sprintf("nemesis fault ok %d..%d %d:kill:node-%d:%s", invoke, at, index, index, name)}
	}
	slow := func(from, at int) []string {
		w.next++
		return []string{fmt.Sprintf("producer-0 produce ok %d..%d orders/0@%d=p0:%d", from, at, w.next-1, w.next-1),
			fmt.Sprintf("reader-0 fetch ok %d..%d orders/0@%d=p0:%d", from, at+1, w.next-1, w.next-1)}
	}
	return inOrder(
		both(5, 1000), stage(0, 1001, 1001, "inject"), stage(0, 1002, 1003, "prove"), slow(1005, 1405), both(1410, 1600),
		stage(0, 1601, 1620, "heal"), stage(0, 1621, 1650, "prove-healed"), both(1605, 3000),
		stage(1, 3001, 3001, "inject"), stage(1, 3002, 3003, "prove"), slow(3005, 3305), both(3310, 3600),
		stage(1, 3601, 3620, "heal"), stage(1, 3621, 3650, "prove-healed"), both(3605, 5000),
	)
}

func inTime(name string, of history.Kind, within time.Duration) Budget {
	return Budget{Name: name, Of: of, Within: within}
}

func TestBudgets(t *testing.T) {
	const millis = time.Millisecond
	progress := func(of history.Kind, n int64) Budget { return Budget{Name: ProgressDuringFault, Of: of, Records: n} }
	other := inTime(MaxOutage, history.Produce, time.Second)
	other.Topic = "payments"
	short := func(from, to history.Time) *ISR {
		return &ISR{Short: []ShortISR{{Partition: history.Partition{Topic: "orders"}, From: from, To: to}}}
	}
	for _, c := range []struct {
		budget  Budget
		isr     *ISR
		verdict Verdict
		detail  string
	}{
		{inTime(MaxOutage, history.Produce, 400*millis), nil, Pass, "400 ms was the longest: orders/0 from 1.005 s (kill node-0)"},
		{inTime(MaxOutage, history.Produce, 399*millis), nil, Fail, "400 ms was the longest: orders/0 from 1.005 s (kill node-0)"},
		{inTime(MaxOutage, history.Fetch, 110*millis), nil, Pass, "there was none"}, // what is not acknowledged is not waited for
		{inTime(TotalOutage, history.Produce, 700*millis), nil, Pass, "700 ms in 2 outages of orders/0 is the most"},
		{inTime(TotalOutage, history.Produce, 699*millis), nil, Fail, "700 ms in 2 outages of orders/0 is the most"},
		{inTime(MaxOutage, history.Produce, 90*millis), nil, Fail, "400 ms"},
		{inTime(MaxOutage, history.Fetch, 90*millis), nil, Inconclusive, "only more than 100 ms is an outage"},
		{other, nil, Inconclusive, "there is no baseline of produce of payments/0"},
		// 39 acknowledged from 1410 to 1600 and the one that waited; 59 and one from 3310 to 3600.
		{progress(history.Produce, 40), nil, Pass, "40 records in the 600 ms of kill node-0 at 1.001 s is the least of 2 faults"},
		{progress(history.Produce, 41), nil, Fail, "40 records in the 600 ms of kill node-0 at 1.001 s is the least of 2 faults"},
		{progress(history.Fetch, 40), nil, Pass, "40 records in the 600 ms of kill node-0"},
		{inTime(RecoverWithin, 0, time.Second), nil, Inconclusive, "nobody noted who was in the ISR"},
		{inTime(RecoverWithin, 0, time.Second), &ISR{Unknown: "the nodes noted no events"}, Inconclusive, "the nodes noted no events"},
		{inTime(RecoverWithin, 0, time.Second), &ISR{}, Pass, "all was well when the heal was proved"},
		{inTime(RecoverWithin, 0, 500*millis), short(1100*ms, 2150*ms), Pass, "500 ms after kill node-0 had healed was the longest: the ISR of orders/0 was not full"},
		{inTime(RecoverWithin, 0, 499*millis), short(1100*ms, 2150*ms), Fail, "500 ms after kill node-0 had healed was the longest"},
		{inTime(RecoverWithin, 0, 2*time.Second), short(1100*ms, 4000*ms), Pass, "350 ms after kill node-1 had healed was the longest: the ISR of orders/0 was not full; 1 heal of 2 not counted, as the next fault came before"},
		{inTime(RecoverWithin, 0, 1*time.Second), short(1100*ms, 4000*ms), Fail, "1.35 s after kill node-0 had healed"},
		{inTime(RecoverWithin, 0, 2*time.Second), short(3100*ms, history.Never), Inconclusive, "the history ended 1.35 s after kill node-1 had healed, and the ISR of orders/0 was not full"},
		{inTime(RecoverWithin, 0, 1*time.Second), short(3100*ms, history.Never), Fail, "1.35 s after kill node-1 had healed"},
	} {
		x := Expect{Budgets: []Budget{c.budget}, ISR: c.isr, Partitions: []history.Partition{{Topic: "orders"}, {Topic: "payments"}}, Rules: []Rule{AppendOrder}}
		if c.budget.Topic == "" {
			x.Partitions = x.Partitions[:1]
		}
		r := checked(t, x, outaged())
		if len(r.Budgets) != 1 || r.Budgets[0].Verdict != c.verdict || !strings.Contains(r.Budgets[0].Detail, c.detail) {
			t.Errorf("%s: %s\ngot  %+v\nwant %s, %s", c.budget.Title(), c.budget.promised(), r.Budgets, c.verdict, c.detail)
			continue
		}
		rule := r.Rules[len(r.Rules)-1]
		if rule.Rule != Availability || rule.Verdict != c.verdict || r.Verdict != c.verdict {
			t.Errorf("%s: rule %s is %s, the verdict %s; want availability, %s", c.budget.Title(), rule.Rule, rule.Verdict, r.Verdict, c.verdict)
		}
	}
}

// A budget that could not be judged says why; the others count all the same.
func TestBudgetsThatCannotBeJudged(t *testing.T) {
	w := writer{partition: "orders/0"}
	calm := w.ok(5, 1000, 5)
	open := []string{"producer-0 produce unknown 1010..1400 orders/0@?=p0:900"}
	isr := &ISR{}
	all := []Budget{inTime(MaxOutage, history.Produce, time.Second), inTime(TotalOutage, history.Produce, time.Second),
		inTime(RecoverWithin, history.Produce, time.Second), {Name: ProgressDuringFault, Of: history.Produce, Records: 1}}
	for _, c := range []struct {
		name, text string
		want       [4]string // "" where it was judged
	}{
		{"no fault", inOrder(calm), [4]string{"no fault was injected", "no fault was injected", "no fault was injected", "no fault was injected"}},
		{"no load before it", inOrder(kill(1, "inject"), kill(2, "heal"), kill(3, "prove-healed"), calm),
			[4]string{"there is no baseline of produce of orders/0", "there is no baseline", "there is no baseline", ""}},
		{"not healed", inOrder(calm, kill(1001, "inject"), w.ok(1005, 2000, 5)), [4]string{"", "", "no fault was proved healed", ""}},
		{"not over", inOrder(calm, kill(1001, "inject"), kill(1020, "heal"), kill(1030, "prove-healed"), open),
			[4]string{"an outage of orders/0 was not over at the end, after 390 ms", "not over at the end", "the history ended 370 ms after kill node-0 had healed, and produce of orders/0 had no success", ""}},
		{"slow machine", inOrder([]string{"producer-0 produce ok 0..1 orders/0@0=p0:0", "producer-0 produce ok 5..505 orders/0@1=p0:1"}, kill(600, "inject"),
			kill(620, "heal"), kill(630, "prove-healed"), []string{"producer-0 produce ok 610..615 orders/0@2=p0:2"}),
			[4]string{"the load or the machine is too slow for this budget", "too slow", "too slow", ""}},
	} {
		r := checked(t, Expect{Budgets: all, ISR: isr, Rules: []Rule{AppendOrder}, Partitions: []history.Partition{{Topic: "orders"}}}, c.text)
		for i, b := range r.Budgets {
			judged := b.Verdict != Inconclusive
			if judged != (c.want[i] == "") || !strings.Contains(b.Detail, c.want[i]) {
				t.Errorf("%s: %s is %s: %s; want %q", c.name, b.Title(), b.Verdict, b.Detail, c.want[i])
			}
		}
	}
}

// Without readers nobody waits to read: a budget of both kinds is one of writes; one of reads is not judged.
func TestBudgetsWithoutReaders(t *testing.T) {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(outaged()), "\n") {
		if !strings.HasPrefix(line, "reader-") {
			lines = append(lines, line)
		}
	}
	x := Expect{Budgets: []Budget{inTime(RecoverWithin, 0, time.Second), inTime(MaxOutage, history.Fetch, time.Second)}, ISR: &ISR{}, Rules: []Rule{AppendOrder},
		Partitions: []history.Partition{{Topic: "orders"}}}
	r := checked(t, x, strings.Join(lines, "\n"))
	if r.Budgets[0].Verdict != Pass || r.Budgets[1].Verdict != Inconclusive || r.Budgets[1].Detail != "there is no baseline of fetch of orders/0: there were no operations" {
		t.Errorf("%+v", r.Budgets)
	}
	x.Partitions = nil
	if r := checked(t, x, strings.Join(lines, "\n")); r.Budgets[1].Detail != "there is no baseline: there were no operations of kind fetch" {
		t.Errorf("%+v", r.Budgets)
	}
}

// One budget that is missed fails the run although another cannot be judged; safety is judged beside it.
func TestBudgetsAndSafety(t *testing.T) {
	x := Expect{Budgets: []Budget{inTime(MaxOutage, history.Produce, 200*time.Millisecond), inTime(RecoverWithin, 0, time.Second)}, Rules: []Rule{AppendOrder},
		Partitions: []history.Partition{{Topic: "orders"}}}
	r := checked(t, x, outaged())
	rule := r.Rules[len(r.Rules)-1]
	if r.Verdict != Fail || rule.Total != 1 || rule.Anomalies[0].Class != BudgetMissed || !strings.Contains(rule.Skipped, "not judged: recover_within") {
		t.Errorf("verdict %s, rule %+v", r.Verdict, rule)
	}
	if want := "max_outage of produce is at most 200ms, and 400 ms was the longest: orders/0 from 1.005 s (kill node-0)"; rule.Anomalies[0].Text != want {
		t.Errorf("the anomaly is %q, want %q", rule.Anomalies[0].Text, want)
	}
	if got := rule.Anomalies[0].Partition.String(); got != "orders/0" {
		t.Errorf("the anomaly is of %s", got)
	}
	x.Budgets = x.Budgets[:1]
	x.Rules = []Rule{ProducerOrder} // it judges nothing, as producers are not idempotent
	if r := checked(t, x, outaged()); r.Verdict != Fail {
		t.Errorf("verdict %s", r.Verdict)
	}
}

func TestBudgetsThatPromiseNothing(t *testing.T) {
	for _, c := range []struct {
		budget Budget
		want   string
	}{
		{Budget{Name: "min_outage", Within: 1}, `unknown budget "min_outage"`},
		{Budget{Name: MaxOutage, Of: history.Produce}, "promises nothing"},
		{Budget{Name: ProgressDuringFault, Of: history.Produce, Within: 1}, "promises nothing"},
		{Budget{Name: MaxOutage, Within: 1}, "about produce or about fetch"},
		{Budget{Name: RecoverWithin, Of: history.Scan, Within: 1}, "about produce or about fetch"},
	} {
		if err := (Expect{Budgets: []Budget{c.budget}}).Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %s", c.budget, err, c.want)
		}
	}
}

// Progress is exact to a few milliseconds while it is kept, and known to be unknown after.
func TestProgressIsBounded(t *testing.T) {
	var s sum
	for at := history.Time(0); at < 200_000*ms; at += ms {
		s.add(at, 1)
	}
	if len(s.steps) > progressMax {
		t.Fatalf("%d steps are kept", len(s.steps))
	}
	if n, known := s.upTo(190_000 * ms); !known || n < 189_990 || n > 190_001 {
		t.Errorf("up to 190 s there were %d, known %v", n, known)
	}
	if _, known := s.upTo(ms); known {
		t.Error("the first step is still known")
	}
	var few sum
	few.add(10*ms, 5)
	few.add(12*ms, 7)
	for at, want := range map[history.Time]int64{9 * ms: 0, 12 * ms: 12, 2000 * ms: 12} {
		if n, known := few.upTo(at); n != want || !known {
			t.Errorf("up to %v there were %d, want %d", time.Duration(at), n, want)
		}
	}
}

func TestHealings(t *testing.T) {
	stage := func(index, at int, name string) []string {
		return []string{fmt.Sprintf("nemesis fault ok %d..%d %d:kill:node-%d:%s", at, at, index, index, name)}
	}
	src, err := history.ReadText(strings.NewReader(inOrder(
		stage(0, 10, "inject"), stage(1, 20, "inject"), stage(0, 30, "prove-healed"), stage(1, 40, "prove-healed"),
		stage(2, 50, "inject"), stage(2, 60, "prove-healed"), stage(3, 90, "inject"),
	)))
	if err != nil {
		t.Fatal(err)
	}
	f := &faults{}
	for {
		entry, err := src.Next()
		if err != nil {
			break
		}
		f.observe(entry.Operation)
	}
	got := fmt.Sprint(f.healings())
	if want := fmt.Sprint([]healing{{40 * ms, 50 * ms, "kill node-0; kill node-1"}, {60 * ms, 90 * ms, "kill node-2"}}); got != want {
		t.Errorf("healings are %s, want %s", got, want)
	}
}
