package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// line is one comparison with its floor.
type line struct {
	name        string
	what        string
	ours, other rate
	ratios      []float64
	floor       float64
}

// ratio is the median of the paired ratios.
func (l line) ratio() float64 { return median(l.ratios) }

// missed says that the ratio is below its floor, or that there is none.
func (l line) missed() bool { return len(l.ratios) == 0 || l.ratio() < l.floor }

// limit is a single figure with its upper bound.
type limit struct {
	name       string
	value, max float64
	unit       string
}

func (l limit) missed() bool { return l.value > l.max }

// write prints the comparisons and the limits, and says how many missed their bound.
func write(out io.Writer, lines []line, limits []limit) (missed int, err error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "case\twhat\tours MB/s\trecords/s\tother MB/s\trecords/s\tratio\tlowest\thighest\tfloor\t\t")
	for _, l := range lines {
		mark := "ok"
		if l.missed() {
			mark = "MISSED"
			missed++
		}
		lowest, highest := 0.0, 0.0
		if len(l.ratios) > 0 {
			lowest, highest = slices.Min(l.ratios), slices.Max(l.ratios)
		}
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t\n", l.name, l.what,
			l.ours.bytesPerSecond/1e6, l.ours.recordsPerSecond, l.other.bytesPerSecond/1e6, l.other.recordsPerSecond,
			l.ratio(), lowest, highest, l.floor, mark)
	}
	if err := w.Flush(); err != nil {
		return missed, err
	}
	for _, l := range limits {
		mark := "ok"
		if l.missed() {
			mark = "MISSED"
			missed++
		}
		if _, err := fmt.Fprintf(out, "%s: %.1f %s, at most %.0f: %s\n", l.name, l.value, l.unit, l.max, mark); err != nil {
			return missed, err
		}
	}
	return missed, nil
}
