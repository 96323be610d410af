package report

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
)

// Style of the text for a terminal.
type Style struct {
	// Width in characters; 0 means 100. Less than 40 is treated as 40.
	Width int
	// Colour marks the verdicts. It is for terminals only: see Colours.
	Colour bool
}

// Colours decides whether text may be coloured: on a terminal that can, and not if NO_COLOR is set
// to anything (no-color.org). getenv is os.Getenv.
func Colours(terminal bool, getenv func(string) string) bool {
	return terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// labelWidth is the column of names on the left.
const labelWidth = 14

// Text writes the result for people: the verdict, what was judged, what was broken or in doubt, and
// only then what was measured. An error is that of the writer.
func Text(w io.Writer, r Run, style Style) error {
	p := page{run: r, width: max(style.Width, 40), colour: style.Colour}
	if style.Width == 0 {
		p.width = 100
	}
	p.verdict()
	p.anomalies()
	p.allowed()
	p.doubts()
	p.nodeLogs()
	p.judged()
	p.faults()
	p.numbers()
	p.where()
	_, err := w.Write(p.out.Bytes())
	return err
}

// page collects the lines of a text.
type page struct {
	run    Run
	width  int
	colour bool
	out    bytes.Buffer
}

// line writes text under a label, wrapped beside it.
func (p *page) line(label, text string) {
	for _, part := range wrap(text, p.width-labelWidth) {
		fmt.Fprintf(&p.out, "%-*s%s\n", labelWidth, label, part)
		label = ""
	}
}

// block writes the lines of a table under a label.
func (p *page) block(label string, lines []string) {
	for _, text := range lines {
		fmt.Fprintf(&p.out, "%-*s%s\n", labelWidth, label, text)
		label = ""
	}
}

func (p *page) blank() { p.out.WriteByte('\n') }

// paint colours a word as the verdict that it stands for.
func (p *page) paint(v verify.Verdict, word string) string {
	if !p.colour {
		return word
	}
	colour := map[verify.Verdict]string{verify.Pass: "32", verify.Fail: "31"}[v]
	if colour == "" {
		colour = "33"
	}
	return "\x1b[1;" + colour + "m" + word + "\x1b[0m"
}

func (p *page) verdict() {
	p.headline(p.run.Verdict(), p.run.Scenario+": "+p.run.Headline())
}

// headline writes a verdict and what it is about.
func (p *page) headline(verdict verify.Verdict, text string) {
	word := strings.ToUpper(verdict.String())
	lines := wrap(text, p.width-labelWidth)
	fmt.Fprintf(&p.out, "%s%s%s\n", p.paint(verdict, word), strings.Repeat(" ", max(labelWidth-len(word), 1)), lines[0])
	p.block("", lines[1:])
	p.blank()
}

// anomaliesShown limits what a terminal shows of one rule; verdict.json has more of them.
const anomaliesShown = 5

func (p *page) anomalies() {
	for _, rule := range p.run.Report.Rules {
		if rule.Total == 0 {
			continue
		}
		shown := rule.Anomalies[:min(len(rule.Anomalies), anomaliesShown)]
		label := string(rule.Rule)
		for _, anomaly := range shown {
			if len(label) >= labelWidth {
				p.out.WriteString(label + "\n")
				label = ""
			}
			p.line(label, string(anomaly.Class)+": "+anomaly.Text)
			if anomaly.Cause != "" {
				p.line("", "why: "+anomaly.Cause)
			}
			label = ""
		}
		if more := rule.Total - int64(len(shown)); more > 0 {
			p.line("", "and "+count(more)+" more: see verdict.json")
		}
		p.blank()
	}
}

func (p *page) doubts() {
	doubts := p.run.doubts()
	if len(doubts) == 0 {
		return
	}
	label := "in doubt"
	for _, doubt := range doubts {
		p.line(label, doubt.name+": "+doubt.reason)
		label = ""
	}
	p.blank()
}

// nodeLogLines is how many of the last lines of a node a terminal shows; result.json has more.
const nodeLogLines = 3

// nodeLogs writes what each node said last.
func (p *page) nodeLogs() {
	if len(p.run.NodeLogs) == 0 {
		return
	}
	label := "last words"
	for _, log := range p.run.NodeLogs {
		lines := log.Lines[max(0, len(log.Lines)-nodeLogLines):]
		if len(lines) == 0 {
			lines = []string{"nothing"}
		}
		for i, text := range lines {
			name := fmt.Sprintf("node %d: ", log.Node)
			if i > 0 {
				name = ""
			}
			p.line(label, name+text)
			label = ""
		}
	}
	p.blank()
}

func (p *page) judged() {
	report := p.run.Report
	p.line("judged", fmt.Sprintf("%s operations and %s attempts; records: %s acknowledged, %s unknown, %s failed, %s read, %s in the final scan",
		count(report.Operations), count(report.Attempts), count(report.RecordsAcked), count(report.RecordsUnknown),
		count(report.RecordsFailed), count(report.RecordsRead), count(report.RecordsScanned)))
	p.rules()
	p.budgets()
	all := p.run.AllAssumptions()
	held := 0
	var names []string
	for _, assumption := range all {
		if assumption.Verdict == verify.Pass {
			held++
		}
		names = append(names, assumption.Name)
	}
	p.line("assumptions", fmt.Sprintf("%d of %d hold: %s", held, len(all), strings.Join(names, ", ")))
}

// rules writes one line for each rule.
func (p *page) rules() {
	names, words := 0, 0
	for _, rule := range p.run.Report.Rules {
		names = max(names, len(rule.Rule))
		words = max(words, len(ruleWord(rule)))
	}
	for _, rule := range p.run.Report.Rules {
		word := ruleWord(rule)
		head := fmt.Sprintf("%-*s%-*s  %s%s  ", labelWidth, "", names, rule.Rule, p.paint(rule.Verdict, word), strings.Repeat(" ", words-len(word)))
		indent := labelWidth + names + 2 + words + 2
		for _, text := range wrap(judged(rule), max(p.width-indent, 16)) {
			p.out.WriteString(head + text + "\n")
			head = strings.Repeat(" ", indent)
		}
	}
}

// ruleWord is the rule's verdict, or "-" for a rule that was not asked.
func ruleWord(rule verify.RuleResult) string {
	if !rule.Asked {
		return "-"
	}
	return rule.Verdict.String()
}

func (p *page) faults() {
	for i, fault := range p.run.Faults[:min(listed, len(p.run.Faults))] {
		p.line([2]string{"faults", ""}[min(i, 1)], fmt.Sprintf("%s at %s, healed at %s", fault.Text, figure.Moment(fault.From), figure.Moment(fault.To)))
	}
	if more := len(p.run.Faults) - listed; more > 0 {
		p.line("", fmt.Sprintf("and %d more: see result.json", more))
	}
	p.outages()
	for i, g := range p.run.Page.Course.Groups {
		p.line([2]string{"groups", ""}[min(i, 1)], groupLine(g))
	}
}

// listed is how many faults, and outages, stand in the text; the files have all.
const listed = 3

// numbers writes what was measured. A run that broke a promise has no throughput worth a line.
func (p *page) numbers() {
	if p.run.broken() {
		p.line("not shown", "throughput and latency: a run that broke its promises is not measured by them; result.json has them")
		return
	}
	if p.run.Throughput.Over == 0 && len(p.run.Latency) == 0 {
		p.line("not shown", "throughput and latency: they are not in the history; the result.json of the run has them, if it got so far")
		return
	}
	if p.run.Verdict() == verify.Inconclusive {
		p.line("measured", "but not proved: the figures below are of an inconclusive run")
	}
	t := p.run.Throughput
	records, size := t.acked()
	p.line("throughput", fmt.Sprintf("%s records/s acknowledged of %s records/s intended, %s, over %s",
		records, count(int64(perSecond(t.Intended, t.Over)+0.5)), size, figure.Span(t.AckedOver)))
	if p.run.Transactions != nil {
		p.line("transactions", p.run.Transactions.String())
	}
	p.latency()
	for i, identity := range p.run.Accounting {
		p.line([2]string{"accounting", ""}[min(i, 1)], identity.String())
	}
}

func (p *page) where() {
	p.blank()
	line := fmt.Sprintf("%s, seed %d, system %s, placement %s", p.run.RunID, p.run.Seed, p.run.System, p.run.Placement)
	if p.run.Duration > 0 { // judged again, it took no time worth telling
		line += ", " + figure.Span(p.run.Duration)
	}
	p.line("run", line)
	if p.run.Dir != "" {
		p.line("files", p.run.Dir)
		p.line("in a browser", path.Join(p.run.Dir, PageFile))
	}
	for i, command := range p.run.Next {
		p.block([2]string{"next", ""}[min(i, 1)], []string{command})
	}
}
