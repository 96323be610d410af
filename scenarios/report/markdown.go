package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify/figure"
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
			if anomaly.Cause != "" {
				fmt.Fprintf(&out, "  - why: %s\n", cell(anomaly.Cause))
			}
		}
	}
	markdownAllowed(&out, r)
	for _, doubt := range r.doubts() {
		fmt.Fprintf(&out, "- in doubt: %s\n", cell(doubt.name+": "+doubt.reason))
	}
	for _, log := range r.NodeLogs {
		if n := len(log.Lines); n > 0 {
			fmt.Fprintf(&out, "- node %d said last: %s\n", log.Node, cell(log.Lines[n-1]))
		}
	}
	fmt.Fprintf(&out, "\n| rule | verdict | judged |\n|---|---|---|\n")
	for _, rule := range r.Report.Rules {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", cell(string(rule.Rule)), ruleWord(rule), cell(judged(rule)))
	}
	for _, b := range r.Report.Budgets {
		fmt.Fprintf(&out, "| budget %s | %s | %s |\n", cell(b.Title()), b.Verdict, cell(budgetText(b)))
	}
	out.WriteString("\n")
	for i, fault := range r.Faults {
		if i == anomaliesShown {
			fmt.Fprintf(&out, "- and %s more faults, see result.json\n", count(int64(len(r.Faults)-i)))
			break
		}
		fmt.Fprintf(&out, "- fault: %s at %s, healed at %s\n", cell(fault.Text), figure.Moment(fault.From), figure.Moment(fault.To))
	}
	markdownOutages(&out, r)
	for _, g := range r.Page.Course.Groups {
		fmt.Fprintf(&out, "- group %s\n", cell(groupLine(g)))
	}
	if !r.broken() {
		markdownNumbers(&out, r)
	}
	fmt.Fprintf(&out, "\nRun %s, seed %d, system %s, placement %s, %s.\n", cell(r.RunID), r.Seed, cell(r.System), cell(r.Placement), figure.Span(r.Duration))
	_, err := w.Write(out.Bytes())
	return err
}

// markdownOutages writes how long the outages took: each while they are few, else their distributions and
// the longest.
func markdownOutages(out *bytes.Buffer, r Run) {
	outages := worst(r.Outages)
	title := "outage"
	if len(outages) > anomaliesShown {
		out.WriteString("- outages:\n\n")
		markdownTable(out, distributionRows(r.Distributions()))
		out.WriteString("\n")
		title = "one of the longest"
		slices.SortStableFunc(outages, func(a, b Outage) int { return cmp.Compare(b.Duration(), a.Duration()) })
		outages = outages[:listed]
	}
	for _, outage := range outages {
		text := outageText(outage)
		if split := splitText(outage.Split); split != "" {
			text += ": " + split
		}
		fmt.Fprintf(out, "- %s: %s\n", title, cell(text))
	}
	if rule := outageRule(r.Report.Baselines); rule != "" {
		fmt.Fprintf(out, "- %s\n", cell(rule))
	}
}

// markdownTable writes rows, the first of which is the head.
func markdownTable(out *bytes.Buffer, rows [][]string) {
	for i, row := range rows {
		for k, text := range row {
			row[k] = cell(strings.TrimSpace(text))
			if k == 0 && strings.HasPrefix(text, " ") {
				row[k] = "&nbsp;&nbsp;" + row[k]
			}
		}
		out.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
}

// markdownNumbers writes throughput and the table of latencies.
func markdownNumbers(out *bytes.Buffer, r Run) {
	t := r.Throughput
	records, size := t.acked()
	fmt.Fprintf(out, "- throughput: %s records/s acknowledged, %s, over %s\n", records, size, figure.Span(t.AckedOver))
	if len(r.Latency) == 0 {
		return
	}
	out.WriteString("- latency, response from the intended send time:\n\n")
	markdownTable(out, latencyRows(r.Latency))
}

// cell makes text safe inside a Markdown line or table: no markup, no line break, no column.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\r", " ", "\n", " ", "*", `\*`, "`", "\\`").Replace(text)
}
