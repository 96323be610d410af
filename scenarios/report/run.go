package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/linearize"
)

// Run is everything that a report says about one finished run.
type Run struct {
	// Scenario and Seed make the run again; RunID names this one.
	Scenario string
	Seed     int64
	RunID    string
	// Dir is the run directory, as the user can type it.
	Dir string
	// System and Placement say what was tested and where it ran: "reference", "process".
	System, Placement string
	// Started is wall time, for people; Duration is the whole run.
	Started  time.Time
	Duration time.Duration

	// Report is the judgement of the recorded history.
	Report verify.Report
	// Linearizable is what porcupine said of windows of the history; its line stands among the Report's rules.
	Linearizable linearize.Result
	// Assumptions of the run itself, beside those of the history: their verdicts count like those.
	Assumptions []verify.Assumption
	// Accounting lists the identities of the load generator's books.
	Accounting []Identity

	Throughput Throughput
	// Transactions of the load; nil where nobody wrote in any.
	Transactions *Transactions
	Latency      []Latency
	Faults       []Fault
	// Outages are those of the Report, with what they were spent on.
	Outages []Outage
	// Environment is what the run ran on, name by name.
	Environment []Fact
	// Page is what only report.html shows.
	Page Page
	// NodeLogs are what each node said last before a phase of the run failed; none if none did.
	NodeLogs []NodeLog
	// Next lists commands to try, the best first.
	Next []string
}

// Fact is a named property of the machine or of the programs.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NodeLog is the end of the log of one node.
type NodeLog struct {
	Node  int32    `json:"node"`
	File  string   `json:"file"`
	Lines []string `json:"lines"`
}

// Identity is one equation of the load generator's books, in records: Left = sum of Right.
type Identity struct {
	Left  Amount   `json:"left"`
	Right []Amount `json:"right"`
}

// Amount is a named number of records.
type Amount struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
}

// Holds reports whether the equation is true.
func (i Identity) Holds() bool {
	var sum int64
	for _, amount := range i.Right {
		sum += amount.Records
	}
	return i.Left.Records == sum
}

// String is the equation for people: "intended 100 = sent 90 + dropped 10".
func (i Identity) String() string {
	text := i.Left.Name + " " + count(i.Left.Records)
	for n, amount := range i.Right {
		text += [2]string{" = ", " + "}[min(n, 1)] + amount.Name + " " + count(amount.Records)
	}
	return text
}

// Throughput of the load, over the time in which it was applied.
type Throughput struct {
	// Intended, Acked and Received count records; Received counts every reader's.
	Intended int64 `json:"intended_records"`
	Acked    int64 `json:"acked_records"`
	Received int64 `json:"received_records"`
	// AckedBytes are the values and keys of the acknowledged records.
	AckedBytes int64 `json:"acked_bytes"`
	// Over is how long the load was applied, from the first intended record to the last.
	Over time.Duration `json:"over_ns"`
	// AckedOver is longer than Over if the last acknowledgement came after the load had ended.
	AckedOver time.Duration `json:"acked_over_ns"`
}

// acked is the rate of acknowledgements and of their bytes, for people.
func (t Throughput) acked() (records, size string) {
	return count(int64(perSecond(t.Acked, t.AckedOver) + 0.5)), bytesPerSecond(perSecond(t.AckedBytes, t.AckedOver))
}

// perSecond is a total over a time; 0 if there was none.
func perSecond(total int64, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return float64(total) / over.Seconds()
}

// Transactions of a load, by what became of them.
type Transactions struct {
	// Committed and Aborted were acknowledged, Failed certainly not committed, and of Unknown nobody was told.
	Committed int64 `json:"committed"`
	Aborted   int64 `json:"aborted"`
	Failed    int64 `json:"failed"`
	Unknown   int64 `json:"unknown"`
	// Instances is how often clients began anew because of an error, Fenced how often one was told that another has
	// its transactional id.
	Instances int64 `json:"instances"`
	Fenced    int64 `json:"fenced"`
	// Over is how long the load was applied.
	Over time.Duration `json:"over_ns"`
}

// String is the line for people: "38.2/s: 412 committed, 45 aborted (9.8 %), 0 failed, 1 unknown".
func (t Transactions) String() string {
	all := t.Committed + t.Aborted + t.Failed + t.Unknown
	share := 0.0
	if all > 0 {
		share = 100 * float64(t.Aborted) / float64(all)
	}
	text := fmt.Sprintf("%.1f/s: %s committed, %s aborted (%.1f %%), %s failed, %s unknown",
		perSecond(all, t.Over), count(t.Committed), count(t.Aborted), share, count(t.Failed), count(t.Unknown))
	if t.Instances > 0 {
		text += fmt.Sprintf("; clients began anew %s times", count(t.Instances))
	}
	if t.Fenced > 0 {
		text += fmt.Sprintf(", were fenced %s times", count(t.Fenced))
	}
	return text
}

// Latency is one distribution.
type Latency struct {
	// Name says from where to where: "response" is from the intended send time to the acknowledgement.
	Name string `json:"name"`
	// Count of samples.
	Count int64 `json:"count"`
	// Percentiles in rising order.
	Percentiles []Percentile `json:"percentiles"`
}

// Percentile of a distribution.
type Percentile struct {
	// Percent is 50 for the median, 100 for the maximum.
	Percent float64       `json:"percent"`
	Value   time.Duration `json:"value_ns"`
	// OK is false where too few samples lie above it to say: the value is then not shown.
	OK bool `json:"ok"`
}

// Fault that the run injected.
type Fault struct {
	// Text is the fault with its resolved target: "kill node 0".
	Text string `json:"text"`
	// From is when it was injected, To when its heal was proved, since the start of the run.
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
	// Nodes that it struck, ascending.
	Nodes []int32 `json:"nodes"`
}

// accountingName is the assumption that stands for the load generator's books.
const accountingName = "accounting"

// AllAssumptions are those of the history, those of the run, and the load generator's books.
func (r Run) AllAssumptions() []verify.Assumption {
	all := slices.Concat(r.Report.Assumptions, r.Assumptions)
	if len(r.Accounting) == 0 {
		return all
	}
	books := verify.Assumption{Name: accountingName, Verdict: verify.Pass, Detail: "the load generator's books add up"}
	for _, identity := range r.Accounting {
		if !identity.Holds() {
			books.Verdict = verify.Inconclusive
			books.Detail = fmt.Sprintf("the load generator's books do not add up: %s", identity)
			break
		}
	}
	return append(all, books)
}

// Verdict is that of the history, made inconclusive by an assumption of the run that does not hold.
func (r Run) Verdict() verify.Verdict {
	verdict := r.Report.Verdict
	for _, assumption := range r.AllAssumptions() {
		if assumption.Verdict != verify.Pass {
			verdict = verify.Worst(verdict, verify.Inconclusive)
		}
	}
	return verdict
}

// Headline says in one line what came out.
func (r Run) Headline() string {
	switch r.Verdict() {
	case verify.Fail:
		return r.failure()
	case verify.Pass:
		return "every promise that was judged was kept" + r.worthKnowing()
	default:
		var names []string
		for _, doubt := range r.doubts() {
			if !slices.Contains(names, doubt.name) { // the history and the run itself may doubt the same
				names = append(names, doubt.name)
			}
		}
		if names == nil {
			return "nothing is proved"
		}
		return "nothing is proved, in doubt: " + strings.Join(names, ", ")
	}
}

// classes counts the anomalies of each class in the order in which the rules found them:
// "2 lost-write, 1 duplicate". What a rule found beyond what it lists has no class here.
func (r Run) classes() string {
	var order []string
	totals := map[string]int64{}
	for _, rule := range r.Report.Rules {
		if rule.Rule == verify.Availability {
			continue // its budgets have names
		}
		for _, anomaly := range rule.Anomalies {
			class := string(anomaly.Class)
			if totals[class] == 0 {
				order = append(order, class)
			}
			totals[class]++
		}
		if more := rule.Total - int64(len(rule.Anomalies)); more > 0 {
			name := "more of " + string(rule.Rule)
			order = append(order, name)
			totals[name] = more
		}
	}
	for i, class := range order {
		order[i] = count(totals[class]) + " " + class
	}
	return strings.Join(order, ", ")
}

// doubt is a reason why the run proves nothing, or less than it was asked for.
type doubt struct{ name, reason string }

// doubts lists them: assumptions first, because without them no rule says anything.
func (r Run) doubts() []doubt {
	var doubts []doubt
	for _, assumption := range r.AllAssumptions() {
		if assumption.Verdict != verify.Pass {
			doubts = append(doubts, doubt{assumption.Name, assumption.Detail})
		}
	}
	for _, rule := range r.Report.Rules {
		if rule.Rule == verify.Availability {
			continue // its budgets follow
		}
		if rule.Asked && rule.Verdict == verify.Inconclusive {
			doubts = append(doubts, doubt{string(rule.Rule), judged(rule)})
		}
	}
	for _, b := range r.Report.Budgets {
		if b.Verdict == verify.Inconclusive {
			doubts = append(doubts, doubt{b.Title(), b.Detail})
		}
	}
	return doubts
}

// judged says what a rule looked at, what it found, and what it left out.
func judged(rule verify.RuleResult) string {
	if !rule.Asked {
		return "not asked"
	}
	text := count(rule.Checked) + " " + units(rule.Checked, rule.Unit)
	if rule.Total > 0 {
		text += ", anomalies: " + count(rule.Total)
	}
	if allowed := allowedShort(rule.Allowed); allowed != "" {
		text += "; " + allowed
	}
	if rule.Skipped != "" {
		text += "; " + rule.Skipped
	}
	if rule.Detail != "" {
		text += "; " + rule.Detail
	}
	return text
}

// units puts what a rule counts into the plural: rules name one of it, "record read".
func units(n int64, unit string) string {
	if n == 1 {
		return unit
	}
	for _, noun := range []string{"record", "watermark", "operation", "budget", "key", "offset", "transaction"} {
		if strings.Contains(unit, noun) && !strings.Contains(unit, noun+"s") {
			return strings.Replace(unit, noun, noun+"s", 1)
		}
	}
	return unit
}
