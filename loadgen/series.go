package loadgen

import (
	"time"

	"github.com/logproof/logproof/verify/history"
)

// seriesWidth is the width of a bucket at first; seriesMax the number of buckets beyond which two
// become one. 36000 buckets are an hour at 100 ms, and two weeks at half a minute.
const (
	seriesWidth = 100 * time.Millisecond
	seriesMax   = 36_000
)

// Series counts events over time in buckets of equal width, with bounded memory: a run that outlives
// the buckets gets coarser ones. The zero value is empty and ready.
type Series struct {
	// Start of the first bucket.
	Start history.Time
	// Width of every bucket; 0 while there is none.
	Width time.Duration
	// Counts of events, one per bucket; events before Start are in the first.
	Counts []uint64
}

// add counts an event.
func (s *Series) add(at history.Time, n uint64) {
	if s.Width == 0 {
		s.Width = seriesWidth
	}
	bucket := int64(max(at-s.Start, 0)) / int64(s.Width)
	for bucket >= seriesMax {
		s.coarsen()
		bucket /= 2
	}
	for int64(len(s.Counts)) <= bucket {
		s.Counts = append(s.Counts, 0)
	}
	s.Counts[bucket] += n
}

// coarsen makes one bucket of every two.
func (s *Series) coarsen() {
	half := (len(s.Counts) + 1) / 2
	for i := range half {
		sum := s.Counts[2*i]
		if 2*i+1 < len(s.Counts) {
			sum += s.Counts[2*i+1]
		}
		s.Counts[i] = sum
	}
	s.Counts = s.Counts[:half]
	s.Width *= 2
}

// merge adds the events of another series of the same start.
func (s *Series) merge(from *Series) {
	for i, n := range from.Counts {
		if n > 0 {
			s.add(from.Start+history.Time(i)*history.Time(from.Width), n)
		}
	}
}

// Total is the number of events.
func (s *Series) Total() uint64 {
	var total uint64
	for _, n := range s.Counts {
		total += n
	}
	return total
}

// window counts the events of the last second in ten slots, whatever the width of a series became.
type window struct {
	slots [windowSlots + 1]struct {
		number int64
		count  uint64
	}
}

const windowSlots = int64(time.Second / seriesWidth)

func (w *window) add(at history.Time) {
	number := int64(at) / int64(seriesWidth)
	slot := &w.slots[number%int64(len(w.slots))]
	if slot.number != number {
		slot.number, slot.count = number, 0
	}
	slot.count++
}

// sum counts the events of the ten whole slots before now.
func (w *window) sum(now history.Time) uint64 {
	current := int64(now) / int64(seriesWidth)
	var total uint64
	for _, slot := range w.slots {
		if slot.number < current && slot.number >= current-windowSlots {
			total += slot.count
		}
	}
	return total
}
