package loadgen

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/logproof/logproof/verify/history"
)

// The range of every latency histogram: below a microsecond nothing here is meaningful, above an hour
// nothing is worth telling apart. Values are nanoseconds with three significant digits.
const (
	latencyLowest  = int64(time.Microsecond)
	latencyHighest = int64(time.Hour)
	latencyDigits  = 3
)

// tailSamples is how many samples must lie above a percentile for it to be reported: with fewer it
// says more about luck than about the system.
const tailSamples = 10

// Latency is a distribution of durations. The zero value is empty.
type Latency struct {
	h *hdrhistogram.Histogram
	// negative counts samples that ended before they began, which are in no percentile; capped
	// counts those over an hour, which stand in it as an hour.
	negative, capped uint64
}

// record adds the time from one moment to another. It is not for concurrent use.
func (l *Latency) record(from, to history.Time) {
	d := int64(to - from)
	if d < 0 {
		l.negative++
		return
	}
	if d > latencyHighest {
		d = latencyHighest
		l.capped++
	}
	if l.h == nil {
		l.h = hdrhistogram.New(latencyLowest, latencyHighest, latencyDigits)
	}
	// The value is within the range, so there is no error.
	_ = l.h.RecordValue(d)
}

// merge adds the samples of another distribution.
func (l *Latency) merge(from *Latency) {
	l.negative += from.negative
	l.capped += from.capped
	if from.h == nil {
		return
	}
	if l.h == nil {
		l.h = hdrhistogram.New(latencyLowest, latencyHighest, latencyDigits)
	}
	l.h.Merge(from.h)
}

// Count is the number of samples, without negative ones.
func (l Latency) Count() uint64 {
	if l.h == nil {
		return 0
	}
	return uint64(l.h.TotalCount())
}

// Negative is the number of samples that ended before they began. They are in no other number.
func (l Latency) Negative() uint64 { return l.negative }

// Capped is the number of samples over an hour; they count as an hour.
func (l Latency) Capped() uint64 { return l.capped }

// Min is the smallest sample, 0 without samples.
func (l Latency) Min() time.Duration {
	if l.h == nil {
		return 0
	}
	return time.Duration(l.h.Min())
}

// Max is the largest sample, 0 without samples.
func (l Latency) Max() time.Duration {
	if l.h == nil {
		return 0
	}
	return time.Duration(l.h.Max())
}

// Mean of all samples, 0 without samples.
func (l Latency) Mean() time.Duration {
	if l.h == nil {
		return 0
	}
	return time.Duration(l.h.Mean())
}

// Percentile returns the duration that p percent of the samples do not exceed, within 0.1 %. It is
// not ok when fewer than 10 samples lie above it: p99 needs 1000 samples, p99.9 needs 10000.
func (l Latency) Percentile(p float64) (d time.Duration, ok bool) {
	const rounding = 1e-6
	if p < 0 || p >= 100 || float64(l.Count())*(100-p)/100 < tailSamples-rounding {
		return 0, false
	}
	return time.Duration(l.h.ValueAtPercentile(p)), true
}

// Histogram returns a copy in nanoseconds for other tools; it is empty without samples, never nil.
func (l Latency) Histogram() *hdrhistogram.Histogram {
	c := hdrhistogram.New(latencyLowest, latencyHighest, latencyDigits)
	if l.h != nil {
		c.Merge(l.h)
	}
	return c
}

// String shows the usual percentiles with the number of samples: "p50 1.2ms p99 4.1ms max 9ms (60000 samples)".
func (l Latency) String() string {
	text := ""
	for _, p := range []float64{50, 90, 99, 99.9, 99.99} {
		if d, ok := l.Percentile(p); ok {
			text += fmt.Sprintf("p%v %v ", p, d.Round(time.Microsecond))
		}
	}
	return fmt.Sprintf("%smax %v (%d samples)", text, l.Max().Round(time.Microsecond), l.Count())
}
