package chart

import (
	"math"
	"slices"
)

// folded is a time axis on which order is exact and long waits are short: between two neighbouring moments there
// are as many pixels as the logarithm of their distance asks for.
type folded struct {
	moments []float64
	pixels  []float64
	ticks   []Tick
}

// Folded makes a scale of the moments that matter, in seconds: between two of them there is room at least for a
// hair, and a wait a hundred times as long as the shortest gets a few times its room. Marks have at least apart
// pixels between them.
func Folded(moments []float64, low, high, apart float64) Scale {
	m := slices.Clone(moments)
	slices.Sort(m)
	m = slices.Compact(m)
	if len(m) == 0 {
		m = []float64{0}
	}
	f := folded{moments: m, pixels: make([]float64, len(m))}
	weights, sum := make([]float64, len(m)), 0.0
	unit := f.unit()
	for i := 1; i < len(m); i++ {
		weights[i] = math.Log1p((m[i] - m[i-1]) / unit)
		sum += weights[i]
	}
	at := low
	for i := range m {
		if sum > 0 {
			at += weights[i] / sum * (high - low)
		}
		f.pixels[i] = min(at, high)
	}
	f.mark(apart)
	return f
}

// unit is the typical distance of neighbours: their median.
func (f folded) unit() float64 {
	var gaps []float64
	for i := 1; i < len(f.moments); i++ {
		gaps = append(gaps, f.moments[i]-f.moments[i-1])
	}
	if len(gaps) == 0 {
		return 1
	}
	slices.Sort(gaps)
	return max(gaps[len(gaps)/2], 1e-9)
}

// mark puts a tick at the first moment, and at each that is far enough from the tick before.
func (f *folded) mark(apart float64) {
	for i, m := range f.moments {
		if n := len(f.ticks); n == 0 || f.pixels[i]-f.ticks[n-1].At >= apart {
			f.ticks = append(f.ticks, Tick{f.pixels[i], Moment(m, 0.001)})
		}
	}
}

// At implements Scale: between two moments it is linear.
func (f folded) At(value float64) float64 {
	i, found := slices.BinarySearch(f.moments, value)
	switch {
	case found:
		return f.pixels[i]
	case i == 0:
		return f.pixels[0]
	case i == len(f.moments):
		return f.pixels[i-1]
	}
	part := (value - f.moments[i-1]) / (f.moments[i] - f.moments[i-1])
	return f.pixels[i-1] + part*(f.pixels[i]-f.pixels[i-1])
}

// Ticks implements Scale.
func (f folded) Ticks() []Tick { return f.ticks }
