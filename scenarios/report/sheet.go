package report

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/course"
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
			healed, took = moment(f.To), span(f.To-f.From)
		}
		s.add(rowsMax, texts(f.Text, moment(f.From), healed, took))
	}
	return s
}

// outageTable lists times without success, and what they were spent on where that is known.
func (r Run) outageTable() (s sheet, notes []string) {
	s = sheet{ID: "outage-table", Caption: "Outages, as clients saw them", Head: []column{{"without a successful write to", false}, {"from", true}, {"to", true}, {"took", true}}}
	var names []string
	for _, o := range r.Outages {
		for i, part := range o.Split {
			if i == len(names) {
				names = append(names, part.Name)
				s.Head = append(s.Head, column{part.Name, true})
			}
		}
	}
	s.Head = append(s.Head, column{"fault", false})
	seen := map[string]bool{}
	for _, o := range r.Outages {
		place, to := o.Partition, moment(time.Duration(o.To))
		if place == verify.AllPartitions {
			place = "any partition"
		}
		if o.Open {
			to = "end of the load"
		}
		row := texts(place, moment(time.Duration(o.From)), to)
		row = append(row, field{span(o.Duration()), "strong"})
		for i := range names {
			text := "-"
			if i < len(o.Split) && o.Split[i].OK {
				text = "0 s"
				if o.Split[i].Took > 0 {
					text = span(o.Split[i].Took)
				}
			}
			row = append(row, texts(text)...)
		}
		s.add(rowsMax, append(row, texts(o.Fault)...))
		for _, part := range o.Split {
			note := part.Name + " of " + place + ": " + part.Reason
			if part.Reason != "" && !seen[note] && len(notes) < 12 {
				seen[note] = true
				notes = append(notes, note)
			}
		}
	}
	return s, notes
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
			row[5], row[6], row[7] = span(b.Produce.Percentile(50)), span(b.Produce.Percentile(99)), span(b.Produce.Max())
		}
		s.add(course.BucketsMax, texts(row...))
	}
	return s
}
