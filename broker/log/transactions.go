package log

import (
	"cmp"
	"math"
	"slices"
)

// endedMax transactions that have ended are remembered until their markers are known to be committed. After a crash
// nobody knows which are, so there may be many more.
const endedMax = 4096

// open is a transaction without a marker: the offset of its first record here, and whose it is.
type open struct{ first, producer int64 }

// ended is a transaction with a marker, which may not be committed yet.
type ended struct{ first, marker int64 }

// transactions of a log that some reader must not see yet. Its zero value has none.
//
//	offset ──►    first  first      marker    high watermark
//	open             ├──────────────────────────── …           by first offset
//	ended    ├───────────────────────┤                         rising in both
//
// A transaction is visible once its marker is below the high watermark: until then a new leader may not have the
// marker.
type transactions struct {
	open  []open
	ended []ended
	// forgotten is the marker of the last one that is not in ended any more; 0 if there is none.
	forgotten int64
	// told is the last answer of stable.
	told int64
}

// begin notes the first record of a transaction; it comes after those of all others.
func (t *transactions) begin(first, producer int64) { t.open = append(t.open, open{first, producer}) }

// end notes a marker.
func (t *transactions) end(first, marker int64) {
	i, found := slices.BinarySearchFunc(t.open, first, func(o open, first int64) int { return cmp.Compare(o.first, first) })
	if found {
		t.open = slices.Delete(t.open, i, i+1)
	}
	// Those that began later and ended before hold nothing back that this one does not.
	for n := len(t.ended); n > 0 && t.ended[n-1].first >= first; n = len(t.ended) {
		t.ended = t.ended[:n-1]
	}
	if len(t.ended) == endedMax {
		t.forget(endedMax / 2)
	}
	t.ended = append(t.ended, ended{first, marker})
}

// forget drops the n oldest that have ended.
func (t *transactions) forget(n int) {
	if n > 0 {
		t.forgotten = max(t.forgotten, t.ended[n-1].marker)
		t.ended = slices.Delete(t.ended, 0, n)
	}
}

// undecided is the first offset of the oldest open transaction, math.MaxInt64 if none is open.
func (t *transactions) undecided() int64 {
	if len(t.open) == 0 {
		return math.MaxInt64
	}
	return t.open[0].first
}

// stable is the last stable offset under a high watermark, which has not been higher before. Where that is not known, it is
// what it was.
func (t *transactions) stable(highWatermark int64) int64 {
	n := 0
	for n < len(t.ended) && t.ended[n].marker < highWatermark {
		n++
	}
	t.forget(n)
	if t.forgotten > 0 && highWatermark <= t.forgotten {
		return min(t.told, highWatermark)
	}
	t.told = min(highWatermark, t.undecided())
	if len(t.ended) > 0 {
		t.told = min(t.told, t.ended[0].first)
	}
	return t.told
}

// LastStableOffset is the offset below which every transaction has ended, with its marker below a high watermark; at
// most that high watermark, and at least StartOffset. High watermarks that are given do not fall.
func (l *Log) LastStableOffset(highWatermark int64) int64 {
	return max(l.start, l.producers.transactions.stable(highWatermark))
}
