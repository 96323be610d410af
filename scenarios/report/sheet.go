package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// sheet is a table of the page. One without rows is not shown.
type sheet struct {
	ID, Caption string
	Head        []column
	Rows        [][]field
	// More says what was left out, "" if nothing.
	More string
}

// column of a table; numbers stand at its right.
type column struct {
	Name   string
	Number bool
}

// field is a text with a class for the style sheet.
type field struct{ Text, Class string }

// rowsMax bounds the tables of a page: the files have everything.
const rowsMax = 200

// texts makes a row of plain fields.
func texts(all ...string) []field {
	row := make([]field, len(all))
	for i, text := range all {
		row[i].Text = text
	}
	return row
}

// add appends a row, or counts it where the table is full.
func (s *sheet) add(limit int, row []field) {
	if len(s.Rows) < limit {
		s.Rows = append(s.Rows, row)
		return
	}
	s.More = "There are more: result.json has all of them."
}

// faultTable lists what was broken.
func (r Run) faultTable() sheet {
	s := sheet{ID: "fault-table", Caption: "Faults, from injection to the proof of the heal", Head: []column{{"fault", false}, {"injected", true}, {"healed", true}, {"in force", true}}}
	for _, f := range r.Faults {
		healed, took := "not healed", "-"
		if f.To > 0 {
			healed, took = figure.Moment(f.To), figure.Span(f.To-f.From)
		}
		s.add(rowsMax, texts(f.Text, figure.Moment(f.From), healed, took))
	}
	return s
}

// placeOf says where nothing succeeded, for a table: "writes to orders/0", "reads of any partition".
func placeOf(o Outage) string {
	return operationsOf(o.Kind) + anyOf(o.Partition)
}

// operationsOf names a kind before a place: "writes to ", "reads of ".
func operationsOf(k history.Kind) string {
	if k == history.Fetch {
		return "reads of "
	}
	return "writes to "
}

// budgetTable lists what was promised of availability, and what came of it.
func (r Run) budgetTable() sheet {
	s := sheet{ID: "budget-table", Caption: "Budgets", Head: []column{{"budget", false}, {"verdict", false}, {"promised", false}, {"measured", false}}}
	for _, b := range r.Report.Budgets {
		word := b.Verdict.String()
		s.add(rowsMax, []field{{b.Title(), ""}, {word, "verdict-" + word}, {promised(b.Budget), ""}, {b.Detail, ""}})
	}
	return s
}

// distributionsFrom is how many outages are summed up before they are listed.
const distributionsFrom = 3

// distributionTable sums up outages that came again and again.
func (r Run) distributionTable() (s sheet) {
	if len(worst(r.Outages)) <= distributionsFrom {
		return s
	}
	rows := distributionRows(r.Distributions())
	s = sheet{ID: "distribution-table", Caption: "Outages over all repeats, with what they were spent on", Head: []column{{"of", false}}}
	for _, name := range rows[0][1:] {
		s.Head = append(s.Head, column{name, true})
	}
	for _, row := range rows[1:] {
		fields := texts(row...)
		if strings.HasPrefix(row[0], " ") {
			fields[0].Class = "inset"
		}
		s.add(rowsMax, fields)
	}
	return s
}

// outageTable lists times without success, and what they were spent on where that is known. Of those of a topic
// that overlap it lists the longest: the others have the same cause.
func (r Run) outageTable() (s sheet, notes []string) {
	s = sheet{ID: "outage-table", Caption: "Outages, as clients saw them", Head: []column{{"no successful", false}, {"from", true}, {"to", true}, {"took", true}}}
	outages := worst(r.Outages)
	var names []string
	for _, o := range outages {
		for i, part := range o.Split {
			if i == len(names) {
				names = append(names, part.Name)
				s.Head = append(s.Head, column{part.Name, true})
			}
		}
	}
	s.Head = append(s.Head, column{"fault", false})
	for _, o := range outages {
		s.add(rowsMax, outageRow(o, len(names)))
		for _, part := range o.Split {
			note := part.Reason
			if note != "" && !slices.Contains(notes, note) && len(notes) < notesMax {
				notes = append(notes, note)
			}
		}
	}
	if left := len(r.Outages) - len(outages); left > 0 {
		s.More = strings.TrimSpace(fmt.Sprintf("%d more, of other partitions at the same time, are in result.json. %s", left, s.More))
	}
	for i, note := range notes {
		notes[i] = "Where “-” or 0 stands: " + note + "."
	}
	if rule := outageRule(r.Report.Baselines); rule != "" {
		notes = append([]string{strings.ToUpper(rule[:1]) + rule[1:] + "."}, notes...)
	}
	return s, notes
}

// notesMax is how many reasons stand below the outages.
const notesMax = 8

// outageRow is one outage with as many parts as the table has columns for them.
func outageRow(o Outage, parts int) []field {
	to := figure.Moment(time.Duration(o.To))
	if o.Open {
		to = "the end"
	}
	row := append(texts(placeOf(o), figure.Moment(time.Duration(o.From)), to), field{figure.Span(o.Duration()), "strong"})
	for i := range parts {
		text := "-"
		if i < len(o.Split) && o.Split[i].OK {
			text = spanOrZero(o.Split[i].Took)
		}
		row = append(row, field{text, ""})
	}
	return append(row, field{o.Fault, "wide-text"})
}

// ruleTable lists what each rule looked at and found.
func (r Run) ruleTable() sheet {
	s := sheet{ID: "rule-table", Caption: "Rules", Head: []column{{"rule", false}, {"verdict", false}, {"judged", false}}}
	for _, rule := range r.Report.Rules {
		word := ruleWord(rule)
		s.add(rowsMax, []field{{string(rule.Rule), ""}, {word, "verdict-" + word}, {judged(rule), ""}})
	}
	return s
}

// assumptionTable lists what must hold for the rules to be believed.
func (r Run) assumptionTable() sheet {
	s := sheet{ID: "assumption-table", Caption: "Assumptions", Head: []column{{"assumption", false}, {"verdict", false}, {"seen", false}}}
	for _, a := range r.AllAssumptions() {
		s.add(rowsMax, []field{{a.Name, ""}, {a.Verdict.String(), "verdict-" + a.Verdict.String()}, {a.Detail, ""}})
	}
	return s
}

// latencyTable has the usual percentiles.
func latencyTable(latencies []Latency) sheet {
	rows := latencyRows(latencies)
	s := sheet{ID: "latency-table", Caption: "Latency", Head: []column{{"from – to", false}}}
	for _, name := range rows[0][1:] {
		s.Head = append(s.Head, column{name, true})
	}
	for _, row := range rows[1:] {
		s.add(rowsMax, texts(row...))
	}
	return s
}

// courseTable is the picture over time as numbers: who cannot see it reads them, and the pointer shows them.
func courseTable(c course.Course) sheet {
	s := sheet{ID: "course-table", Caption: fmt.Sprintf("Throughput and latency, in spans of %v", c.Width), Head: []column{
		{"from", true}, {"acknowledged/s", true}, {"read/s", true}, {"unknown/s", true}, {"failed/s", true}, {"p50", true}, {"p99", true}, {"max", true},
	}}
	rate := func(n int64) string { return count(int64(float64(n)/c.Width.Seconds() + 0.5)) }
	for i, b := range c.Buckets {
		row := []string{fmt.Sprintf("%.1f s", (time.Duration(i) * c.Width).Seconds()), rate(b.Acked), rate(b.Read), rate(b.Unknown), rate(b.Failed), "-", "-", "-"}
		if b.Produce != nil {
			row[5], row[6], row[7] = figure.Span(b.Produce.Percentile(50)), figure.Span(b.Produce.Percentile(99)), figure.Span(b.Produce.Max())
		}
		s.add(course.BucketsMax, texts(row...))
	}
	return s
}
