package figure

import (
	"fmt"
	"strconv"
	"time"
)

// Span writes a duration with three digits: "812 ms", "1.24 s", "0 ns".
func Span(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if d >= unit.size {
			return Digits(float64(d)/float64(unit.size)) + " " + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

// Moment writes a time since the start of the run, in seconds to the millisecond: "3.214 s".
func Moment(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// Digits writes a number with three significant digits, and all before the point.
func Digits(x float64) string {
	switch {
	case x < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 99.95:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
}
