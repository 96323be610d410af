package report

import (
	"slices"
	"unicode/utf8"
)

// latency writes one row per distribution, or one line each where the table is too wide.
func (p *page) latency() {
	if len(p.run.Latency) == 0 {
		return
	}
	p.rows("latency", latencyRows(p.run.Latency))
	p.line("", "response counts from the intended send time of each record, not from when the client got round to it")
	if thin(p.run.Latency) {
		p.line("", "- : fewer than 10 samples lie above that percentile")
	}
}

// rows writes a table under a label, or one line for each row where the table is too wide.
func (p *page) rows(label string, rows [][]string) {
	lines := table(rows)
	widest := 0
	for _, text := range lines {
		widest = max(widest, utf8.RuneCountInString(text))
	}
	if widest <= p.width-labelWidth {
		p.block(label, lines)
		return
	}
	for _, row := range rows[1:] {
		text := row[0]
		for i, cell := range row[1:] {
			text += ", " + rows[0][i+1] + " " + cell
		}
		p.line(label, text)
		label = ""
	}
}

// latencyRows is the table of latencies with its head. Every percentile that any row has is a column.
func latencyRows(latencies []Latency) [][]string {
	var percents []float64
	for _, latency := range latencies {
		for _, p := range latency.Percentiles {
			percents = append(percents, p.Percent)
		}
	}
	slices.Sort(percents)
	percents = slices.Compact(percents)
	head := []string{"", "samples"}
	for _, percent := range percents {
		head = append(head, percentName(percent))
	}
	rows := [][]string{head}
	for _, latency := range latencies {
		row := []string{latency.Name, count(latency.Count)}
		for _, percent := range percents {
			i := slices.IndexFunc(latency.Percentiles, func(p Percentile) bool { return p.Percent == percent })
			if i < 0 {
				row = append(row, "")
			} else {
				row = append(row, latency.Percentiles[i].value())
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// thin reports whether a percentile was refused for want of samples.
func thin(latencies []Latency) bool {
	for _, latency := range latencies {
		if slices.ContainsFunc(latency.Percentiles, func(p Percentile) bool { return !p.OK }) {
			return true
		}
	}
	return false
}
