package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/logproof/logproof/verify"
)

// Markdown writes the summary for a pull request: a table of the rules, the anomalies, and what was
// measured, unless a promise was broken.
func Markdown(w io.Writer, r Run) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "### logproof %s: %s\n\n%s\n\n", cell(r.Scenario), r.Verdict(), cell(r.Headline()))
	for _, rule := range r.Report.Rules {
		for i, anomaly := range rule.Anomalies {
			if i == anomaliesShown {
				fmt.Fprintf(&out, "- and %s more of %s, see verdict.json\n", count(rule.Total-anomaliesShown), rule.Rule)
				break
			}
			fmt.Fprintf(&out, "- **%s**: %s\n", cell(string(anomaly.Class)), cell(anomaly.Text))
		}
	}
	for _, doubt := range r.doubts() {
		fmt.Fprintf(&out, "- in doubt: %s\n", cell(doubt.name+": "+doubt.reason))
	}
	fmt.Fprintf(&out, "\n| rule | verdict | judged |\n|---|---|---|\n")
	for _, rule := range r.Report.Rules {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", cell(string(rule.Rule)), ruleWord(rule), cell(judged(rule)))
	}
	out.WriteString("\n")
	for _, fault := range r.Faults {
		fmt.Fprintf(&out, "- fault: %s at %s, healed at %s\n", cell(fault.Text), moment(fault.From), moment(fault.To))
	}
	for _, outage := range r.Outages {
		text := outageText(outage)
		if split := splitText(outage.Split); split != "" {
			text += ": " + split
		}
		fmt.Fprintf(&out, "- outage: %s\n", cell(text))
	}
	if r.Verdict() != verify.Fail {
		markdownNumbers(&out, r)
	}
	fmt.Fprintf(&out, "\nRun %s, seed %d, system %s, placement %s, %s.\n", cell(r.RunID), r.Seed, cell(r.System), cell(r.Placement), span(r.Duration))
	_, err := w.Write(out.Bytes())
	return err
}

// markdownNumbers writes throughput and the table of latencies.
func markdownNumbers(out *bytes.Buffer, r Run) {
	t := r.Throughput
	records, size := t.acked()
	fmt.Fprintf(out, "- throughput: %s records/s acknowledged, %s, over %s\n", records, size, span(t.AckedOver))
	if len(r.Latency) == 0 {
		return
	}
	out.WriteString("- latency, response from the intended send time:\n\n")
	for i, row := range latencyRows(r.Latency) {
		out.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
}

// cell makes text safe inside a Markdown line or table: no markup, no line break, no column.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\r", " ", "\n", " ", "*", `\*`, "`", "\\`").Replace(text)
}
