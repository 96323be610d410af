package report

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/logproof/logproof/verify/figure"
)

// count writes a number with commas: 1,234,567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// bytesPerSecond writes a rate in decimal units: "1.28 MB/s".
func bytesPerSecond(rate float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "GB/s"}, {1e6, "MB/s"}, {1e3, "kB/s"}} {
		if rate >= unit.size {
			return figure.Digits(rate/unit.size) + " " + unit.name
		}
	}
	return figure.Digits(rate) + " B/s"
}

// percentName writes "p99.9", and "max" for 100.
func percentName(percent float64) string {
	if percent >= 100 {
		return "max"
	}
	return "p" + strconv.FormatFloat(percent, 'f', -1, 64)
}

// value writes a percentile, or "-" where there are too few samples.
func (p Percentile) value() string {
	if !p.OK {
		return "-"
	}
	return figure.Span(p.Value)
}

// wrap breaks text into lines of at most width characters, at spaces. A word longer than that gets
// a line of its own: a path must stay whole to be copied.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// table lays rows out in columns; the first column is flush left, the others right.
func table(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + space)
			} else {
				line.WriteString("  " + space + cell)
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}
