package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/linearize"
)

// view is the page as its template takes it: texts and tables in their order, pictures as SVG.
type view struct {
	Policy         string
	Style          template.CSS
	Script         template.JS
	Scenario, Run  string
	Word, Headline string
	Caution        string // about the figures of a run that proves nothing
	Description    string
	Started        string
	Tiles          []tile
	Why            []reason
	Logs           []nodeLog // what the nodes said last, where a phase failed
	Broken         []violation
	Opinions       []string // pictures of the second opinion, by their files
	BrokenMore     []string
	Allowed        []string // what was found and the claim of the run allows
	Course         pair
	Leaders        string // why they are not known
	CourseTable    sheet
	FaultTable     sheet
	BudgetTable    sheet
	Distributions  sheet
	OutageTable    sheet
	GroupTable     sheet
	OutageNotes    []string
	Splits         pair
	Spectrum       pair
	LatencyTable   sheet
	LatencyNotes   []string
	NoNumbers      string // why latencies are not shown
	Accounting     []equation
	RuleTable      sheet
	Assumptions    sheet
	Again, Plan    string
	Next           []string
	Environment    []Fact
	Files          []string
}

// tile is one figure of the head of the page.
type tile struct{ Name, Value, Note string }

// reason is one line of why the verdict is what it is.
type reason struct {
	Name, Text string
	// Link is the id of the part of the page that says more.
	Link string
}

// violation is one anomaly with its picture and the same as a table.
type violation struct {
	ID, Class, Rule, Text string
	Cause                 string // from the broker's own events; "" if nobody knows
	Picture               pair
	Table                 sheet
	Note                  string
}

// nodeLog is the end of a node's log.
type nodeLog struct {
	Node       int32
	File, Text string
}

// logs are the ends of the nodes' logs, each line short enough for a page.
func (r Run) logs() []nodeLog {
	var logs []nodeLog
	for _, l := range r.NodeLogs {
		lines := make([]string, len(l.Lines))
		for i, line := range l.Lines {
			lines[i] = shorten(chart.Clean(line), 400)
		}
		logs = append(logs, nodeLog{l.Node, strings.TrimPrefix(l.File, r.Dir+"/"), strings.Join(lines, "\n")})
	}
	return logs
}

// pair is a picture for wide windows and one for narrow ones.
type pair struct{ Wide, Narrow template.HTML }

// equation is one identity of the accounting.
type equation struct {
	Identity
	Text  string
	Holds bool
}

// Widths of the pictures in pixels.
const (
	wideWidth   = 1040
	narrowWidth = 360
)

// draw makes both pictures. The pictures escape every text that they are given.
func draw(id string, one func(id, class string, width float64) string) pair {
	return pair{
		Wide:   template.HTML(one(id+"-wide", "chart wide", wideWidth)),
		Narrow: template.HTML(one(id+"-narrow", "chart narrow", narrowWidth)),
	}
}

// view arranges the page, with the pictures of the first excerpts.
func (r Run) view(excerpts int) view {
	v := view{
		Policy: policy(), Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Scenario: r.Scenario, Run: r.RunID, Word: r.Verdict().String(), Headline: r.pageHeadline(), Description: r.Page.Description,
		Tiles: r.tiles(), Why: r.why(), Logs: r.logs(),
		Leaders: r.Page.LeadersUnknown, CourseTable: courseTable(r.Page.Course), FaultTable: r.faultTable(),
		GroupTable: r.groupTable(), RuleTable: r.ruleTable(), Assumptions: r.assumptionTable(),
		Again: r.Page.Again, Plan: r.Page.Plan, Next: r.Next, Environment: r.facts(), Files: r.Page.Files,
	}
	if r.Verdict() == verify.Inconclusive {
		v.Caution = "Measured, but not proved: the figures are of an inconclusive run."
	}
	if !r.Started.IsZero() {
		v.Started = r.Started.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	v.Broken, v.BrokenMore = r.violations(excerpts)
	v.Allowed = r.allowedLines()
	for _, name := range r.Page.Files {
		if strings.HasPrefix(name, string(linearize.Rule)+"-") {
			v.Opinions = append(v.Opinions, name)
		}
	}
	if len(r.Page.Course.Buckets) > 0 {
		v.Course = draw("course", r.course().Draw)
	}
	v.BudgetTable, v.Distributions = r.budgetTable(), r.distributionTable()
	v.OutageTable, v.OutageNotes = r.outageTable()
	if splits := r.splits(); splits.Draw("", "", wideWidth) != "" {
		v.Splits = draw("splits", splits.Draw)
	}
	r.numbers(&v)
	for _, identity := range r.Accounting {
		v.Accounting = append(v.Accounting, equation{identity, identity.String(), identity.Holds()})
	}
	return v
}

// numbers adds what was measured, unless a promise was broken: then the page says why not.
func (r Run) numbers(v *view) {
	switch {
	case r.broken():
		v.NoNumbers = "A run that broke its promises is not measured by them: throughput and percentiles are in result.json."
		return
	case len(r.Latency) == 0 && len(r.Page.Spectrum) == 0:
		v.NoNumbers = "No latency was measured, or the run did not get so far."
		return
	}
	if len(r.Page.Spectrum) > 0 {
		v.Spectrum = draw("spectrum", r.Page.Spectrum.Draw)
	}
	if len(r.Latency) > 0 {
		v.LatencyTable = latencyTable(r.Latency)
		v.LatencyNotes = []string{"Response counts from the intended send time of each record, not from when the client got round to it; service counts from the call; slip is what lies between; end to end is until a reader has it."}
		if thin(r.Latency) {
			v.LatencyNotes = append(v.LatencyNotes, "“-”: fewer than 10 samples lie above that percentile.")
		}
	} else {
		v.LatencyNotes = []string{"From the history: the time from call to acknowledgement of each record."}
	}
}

// facts are who ran what where, and when.
func (r Run) facts() []Fact {
	facts := []Fact{{"run", r.RunID}, {"seed", fmt.Sprint(r.Seed)}, {"system", r.System}, {"placement", r.Placement}}
	if r.Duration > 0 {
		facts = append(facts, Fact{"took", r.Duration.Round(time.Millisecond).String()})
	}
	facts = append(facts, r.Environment...)
	for i := range facts {
		facts[i].Value = chart.Clean(facts[i].Value)
	}
	return facts
}
