package proxy

import (
	"sync"
	"time"
)

// bucket limits the bytes of one link, all of its connections together: a token bucket that holds what
// flows in fiftieth of a second.
type bucket struct {
	mu     sync.Mutex
	rate   float64 // bytes a second
	tokens float64
	filled time.Time
}

func newBucket(rate int64, now time.Time) *bucket {
	return &bucket{rate: float64(rate), filled: now}
}

// take gives the number of bytes, of those wanted, that may go now; where it is 0, wait says for how
// long there will be none.
func (b *bucket) take(now time.Time, want int) (n int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := max(b.rate/50, 1)
	if passed := now.Sub(b.filled); passed > 0 {
		b.tokens = min(size, b.tokens+b.rate*passed.Seconds())
		b.filled = now
	}
	// A piece is worth its write: at least half a bucket, unless less is wanted.
	piece := min(float64(want), max(size/2, 1))
	if b.tokens < piece {
		return 0, time.Duration((piece-b.tokens)/b.rate*float64(time.Second)) + time.Microsecond
	}
	n = min(want, int(b.tokens))
	b.tokens -= float64(n)
	return n, 0
}
