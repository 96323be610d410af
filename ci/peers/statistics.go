package main

import "slices"

// samples are the rates of one system in one case, one per repeat.
type samples struct {
	produce, consume []rate
}

// median of the values; the mean of the middle two where their number is even, 0 for none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ratios divides the rates of neighbours in time: what slowed the machine slowed both.
func ratios(a, b []rate) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		out = append(out, a[i].bytesPerSecond/b[i].bytesPerSecond)
	}
	return out
}

// medianRate is the median of bytes and of records per second.
func medianRate(rates []rate) rate {
	var bytes, records []float64
	for _, r := range rates {
		bytes = append(bytes, r.bytesPerSecond)
		records = append(records, r.recordsPerSecond)
	}
	return rate{median(bytes), median(records)}
}
