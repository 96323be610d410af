package course

import (
	"maps"
	"math/bits"
	"slices"
	"time"
)

// parts of each power of two: a duration is known within a 32nd of itself.
const parts = 32

// Distribution of durations. The zero value is empty.
type Distribution struct {
	counts map[uint16]int64 // sparse: a tenth of a second has few different latencies
	n      int64
	max    time.Duration
}

// Add counts a duration n times; one that is negative is 0.
func (d *Distribution) Add(took time.Duration, n int64) {
	if d.counts == nil {
		d.counts = map[uint16]int64{}
	}
	d.counts[slot(uint64(max(took, 0)))] += n
	d.n += n
	d.max = max(d.max, took)
}

// Merge adds the durations of another distribution.
func (d *Distribution) Merge(other *Distribution) {
	if d.counts == nil {
		d.counts = map[uint16]int64{}
	}
	for s, n := range other.counts {
		d.counts[s] += n
	}
	d.n += other.n
	d.max = max(d.max, other.max)
}

// Count of durations.
func (d *Distribution) Count() int64 { return d.n }

// Max is the longest one, exactly.
func (d *Distribution) Max() time.Duration { return d.max }

// Percentile is what that percentage of the durations do not exceed, at most a 32nd too high; 0 of nothing.
func (d *Distribution) Percentile(percent float64) time.Duration {
	var sum int64
	for _, s := range slices.Sorted(maps.Keys(d.counts)) {
		if sum += d.counts[s]; float64(sum) >= float64(d.n)*percent/100 {
			return min(top(s), d.max)
		}
	}
	return d.max
}

// slot of a value: its exponent and the five bits after the leading one.
func slot(v uint64) uint16 {
	if v < 2*parts {
		return uint16(v)
	}
	e := bits.Len64(v) - 6 // v>>e is in parts..2*parts-1
	return uint16(e*parts) + uint16(v>>e)
}

// top is the greatest value of a slot.
func top(s uint16) time.Duration {
	if s < 2*parts {
		return time.Duration(s)
	}
	e, leading := uint(s/parts-1), uint64(s%parts+parts)
	return time.Duration((leading+1)<<e - 1)
}
