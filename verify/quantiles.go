package verify

import (
	"cmp"
	"math/bits"
	"slices"
	"time"
)

// quantiles counts durations in buckets of at most an eighth of their value: enough for a limit. It keeps
// the buckets that something is in, which are few.
type quantiles struct {
	counts []bucketCount // ascending
	n      int64
}

type bucketCount struct {
	bucket int
	n      int64
}

func (q *quantiles) add(d time.Duration) { q.put(bucket(uint64(max(d, 1))), 1) }

func (q *quantiles) put(bucket int, n int64) {
	q.n += n
	at, found := slices.BinarySearchFunc(q.counts, bucket, func(c bucketCount, b int) int { return cmp.Compare(c.bucket, b) })
	if !found {
		q.counts = slices.Insert(q.counts, at, bucketCount{bucket: bucket})
	}
	q.counts[at].n += n
}

// merge adds what another one has counted.
func (q *quantiles) merge(other quantiles) {
	for _, c := range other.counts {
		q.put(c.bucket, c.n)
	}
}

// clone can be added to without a change of the original.
func (q *quantiles) clone() quantiles { return quantiles{slices.Clone(q.counts), q.n} }

// bucket is the exponent and the three bits after the leading one.
func bucket(v uint64) int {
	e := bits.Len64(v) - 1
	if e < 3 {
		return e * 8
	}
	return e*8 + int(v>>(e-3)&7)
}

// p99 is an upper bound of the 99th percentile, 0 of nothing. Of fewer than 100 it is the longest.
func (q *quantiles) p99() time.Duration {
	var sum int64
	for _, c := range q.counts {
		if sum += c.n; sum*100 >= q.n*99 {
			e, part := c.bucket/8, c.bucket%8
			if e >= 3 {
				return time.Duration(uint64(8+part+1)<<(e-3)) - 1
			}
			return time.Duration(1<<(e+1)) - 1
		}
	}
	return 0
}
