package chart

import (
	"math"
	"sort"
)

// Tick is a marked value of a scale.
type Tick struct {
	// At is in pixels.
	At float64
	// Label is "" for a mark without a text.
	Label string
}

// Scale maps values to pixels, and knows round values to mark.
type Scale interface {
	At(value float64) float64
	Ticks() []Tick
}

// scale is a monotonic function to 0..1, stretched over low..high.
type scale struct {
	part      func(value float64) float64
	low, high float64
	marks     []mark
}

type mark struct {
	value float64
	label string
}

// At implements Scale. Values outside of the domain stand at its ends.
func (s scale) At(value float64) float64 {
	return s.low + (s.high-s.low)*min(1, max(0, s.part(value)))
}

// Ticks implements Scale.
func (s scale) Ticks() []Tick {
	ticks := make([]Tick, len(s.marks))
	for i, m := range s.marks {
		ticks[i] = Tick{s.At(m.value), m.label}
	}
	return ticks
}

func linear(from, to float64) func(float64) float64 {
	if to <= from {
		to = from + 1
	}
	return func(v float64) float64 { return (v - from) / (to - from) }
}

// FromZero maps 0 to low, and the first round value at or above max to high, with at most n+1 steps of 1, 2
// or 5 times a power of ten.
func FromZero(max, low, high float64, n int, label func(float64) string) Scale {
	if !(max > 0) || math.IsInf(max, 0) {
		max = 1
	}
	step := roundUp(max / float64(n))
	count := math.Ceil(max/step - 1e-9)
	s := scale{part: linear(0, count*step), low: low, high: high}
	for i := range int(count) + 1 {
		s.marks = append(s.marks, mark{float64(i) * step, label(float64(i) * step)})
	}
	return s
}

// roundUp is the smallest 1, 2 or 5 times a power of ten that is not below a positive value.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= v*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// Log maps decades to equal lengths. The domain grows to the powers of ten around min and max; where it has few
// of them twice and five times of each is marked too.
func Log(min, max, low, high float64, label func(float64) string) Scale {
	if !(min > 0) || math.IsInf(min, 0) {
		min = 1 // nothing was measured
	}
	if !(max > min) || math.IsInf(max, 0) {
		max = min
	}
	first, last := math.Floor(math.Log10(min)+1e-9), math.Ceil(math.Log10(max)-1e-9)
	if last <= first {
		last = first + 1
	}
	s := scale{low: low, high: high}
	part := linear(first, last)
	s.part = func(v float64) float64 { return part(math.Log10(math.Max(v, 1e-300))) }
	for power := first; power <= last; power++ {
		value := math.Pow(10, power)
		s.marks = append(s.marks, mark{value, label(value)})
		if last-first <= 2 && power < last {
			s.marks = append(s.marks, mark{2 * value, label(2 * value)}, mark{5 * value, label(5 * value)})
		}
	}
	return s
}

// clockSteps are distances between marks of a time axis, in seconds.
var clockSteps = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400}

// Clock maps seconds since the start of a run; at most n marks stand between its ends.
func Clock(from, to, low, high float64, n int) Scale {
	s := scale{part: linear(from, to), low: low, high: high}
	span := to - from
	step := roundUp(span / float64(n))
	if step >= 1 {
		i := sort.SearchFloat64s(clockSteps, span/float64(n))
		step = clockSteps[min(i, len(clockSteps)-1)]
		for span/step > float64(n) { // days
			step *= 2
		}
	}
	if !(step > 0) || math.IsInf(span, 0) {
		return s
	}
	for v := math.Ceil(from/step-1e-9) * step; v <= to+step*1e-9; v += step {
		s.marks = append(s.marks, mark{v, Moment(v, step)})
	}
	return s
}

// Nines maps percentiles as HdrHistogram plots them: each further nine is as long as the one before. It ends at
// the given percent, below 100; 100 itself stands there too.
func Nines(last, low, high float64) Scale {
	nines := func(percent float64) float64 { return -math.Log10(max(1-percent/100, 1e-12)) }
	end := nines(min(max(last, 90), 99.99999))
	s := scale{low: low, high: high, part: func(percent float64) float64 { return nines(percent) / end }}
	for _, m := range []mark{{0, "0"}, {50, "p50"}, {90, "p90"}, {99, "p99"}, {99.9, "p99.9"}, {99.99, "p99.99"}, {99.999, "p99.999"}, {99.9999, "p99.9999"}} {
		if nines(m.value) <= end+1e-9 {
			s.marks = append(s.marks, m)
		}
	}
	return s
}
