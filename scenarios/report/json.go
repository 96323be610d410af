package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/linearize"
)

// Schemas of the JSON files. A field may be added within a version; none is renamed or removed.
const (
	VerdictSchema = "logproof.verdict/v1"
	ResultSchema  = "logproof.result/v1"
)

// identity says which run a file is about.
type identity struct {
	Schema    string    `json:"schema"`
	Run       string    `json:"run"`
	Scenario  string    `json:"scenario"`
	Seed      int64     `json:"seed"`
	System    string    `json:"system"`
	Placement string    `json:"placement"`
	Started   time.Time `json:"started"`
}

// verdictFile is verdict.json.
type verdictFile struct {
	identity
	// Verdict of the run: that of the history and of the run's own assumptions.
	Verdict     verify.Verdict      `json:"verdict"`
	Headline    string              `json:"headline"`
	Assumptions []verify.Assumption `json:"assumptions"`
	// History is the judgement of the recorded history alone.
	History verify.Report `json:"history"`
	// Linearizable lists the windows that porcupine judged.
	Linearizable linearize.Result `json:"linearizable"`
}

// resultFile is result.json. Durations are in nanoseconds, as the names say.
type resultFile struct {
	identity
	Verdict     verify.Verdict      `json:"verdict"`
	Headline    string              `json:"headline"`
	DurationNS  time.Duration       `json:"duration_ns"`
	Dir         string              `json:"dir"`
	Rules       []ruleLine          `json:"rules"`
	Assumptions []verify.Assumption `json:"assumptions"`
	// Contradictions between porcupine and the rules: each is a bug of logproof.
	Contradictions []string `json:"contradictions"`
	Faults         []Fault  `json:"faults"`
	// Outages of every partition; Distributions are of those that a repeated fault caused, Baselines say from
	// what length on a wait is one.
	Outages       []Outage              `json:"outages"`
	Distributions []Distribution        `json:"outage_distributions"`
	Baselines     []verify.Baseline     `json:"baselines"`
	Budgets       []verify.BudgetResult `json:"budgets"`
	Throughput    Throughput            `json:"throughput"`
	Transactions  *Transactions         `json:"transactions,omitempty"`
	Latency       []Latency             `json:"latency"`
	Accounting    []Identity            `json:"accounting"`
	// Groups of consumers, from the history.
	Groups []course.Group `json:"groups,omitempty"`
	Next   []string       `json:"next"`
	// RunAssumptions are those of the run itself: Assumptions has them beside those of the history.
	RunAssumptions []verify.Assumption `json:"run_assumptions"`
	Environment    []Fact              `json:"environment"`
	// NodeLogs are there where a phase of the run failed.
	NodeLogs []NodeLog `json:"node_logs,omitempty"`
}

// ruleLine is a rule's result without its anomalies, which are in verdict.json.
type ruleLine struct {
	Rule      verify.Rule    `json:"rule"`
	Asked     bool           `json:"asked"`
	Verdict   verify.Verdict `json:"verdict"`
	Checked   int64          `json:"checked"`
	Unit      string         `json:"unit"`
	Anomalies int64          `json:"anomalies"`
	// Allowed are anomalies that the claim of the run allows, beside Anomalies.
	Allowed int64 `json:"allowed,omitempty"`
}

// VerdictJSON writes verdict.json: the judgement, with every anomaly that was kept.
func VerdictJSON(w io.Writer, r Run) error {
	return encode(w, verdictFile{
		identity: r.identity(VerdictSchema), Verdict: r.Verdict(), Headline: r.Headline(),
		Assumptions: some(r.AllAssumptions()), History: r.Report, Linearizable: r.Linearizable,
	})
}

// ResultJSON writes result.json: the verdict and every measurement. It is what --json prints.
func ResultJSON(w io.Writer, r Run) error {
	file := resultFile{
		identity: r.identity(ResultSchema), Verdict: r.Verdict(), Headline: r.Headline(),
		DurationNS: r.Duration, Dir: r.Dir, Rules: []ruleLine{}, Assumptions: some(r.AllAssumptions()),
		Contradictions: some(r.Linearizable.Contradictions), Faults: some(r.Faults), Outages: some(r.Outages),
		Distributions: some(r.Distributions()), Baselines: some(r.Report.Baselines), Budgets: some(r.Report.Budgets), Throughput: r.Throughput, Transactions: r.Transactions,
		Latency: some(r.Latency), Accounting: some(r.Accounting), Groups: r.Page.Course.Groups, Next: some(r.Next),
		RunAssumptions: some(r.Assumptions), Environment: some(r.Environment), NodeLogs: r.NodeLogs,
	}
	for _, rule := range r.Report.Rules {
		line := ruleLine{Rule: rule.Rule, Asked: rule.Asked, Verdict: rule.Verdict, Checked: rule.Checked, Unit: rule.Unit, Anomalies: rule.Total}
		for _, a := range rule.Allowed {
			line.Allowed += a.Total
		}
		file.Rules = append(file.Rules, line)
	}
	return encode(w, file)
}

func (r Run) identity(schema string) identity {
	return identity{schema, r.RunID, r.Scenario, r.Seed, r.System, r.Placement, r.Started.UTC()}
}

// some makes an empty list of none, so that programs always find an array.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// encode writes JSON for people and programs: indented, and with < and > as they are.
func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
