package figure

import (
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	for want, got := range map[string]string{
		"0 ns": Span(0), "812 ns": Span(812), "1.00 µs": Span(1000), "53.1 µs": Span(53100), "812 ms": Span(812 * time.Millisecond),
		"1.24 s": Span(1240 * time.Millisecond), "10.0 s": Span(9999 * time.Millisecond), "3600 s": Span(time.Hour),
		"3.215 s": Moment(3214567 * time.Microsecond), "0.000 s": Moment(0),
		"9.99": Digits(9.994), "10.0": Digits(9.996), "1235": Digits(1234.9),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
