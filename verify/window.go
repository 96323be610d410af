package verify

import (
	"slices"
	"sort"

	"github.com/logproof/logproof/verify/history"
)

// windowMax is the number of settled claims that one partition keeps. Older ones are compared by
// chain hash only, once per history.ChainBlock records.
const windowMax = 1024

// Who told that a record stands at an offset. The order is also how far each is believed.
const (
	byAck uint8 = 1 << iota
	byRead
	byScan
)

// claim says that the records of one producer from sequence on stand at offsets first to end-1.
type claim struct {
	interval // of offsets
	producer uint32
	sequence int64
	told     uint8
	process  string // who told it first
}

// same reports whether both put the same record at each offset.
func (c claim) same(other claim) bool {
	return c.producer == other.producer && c.sequence-c.first == other.sequence-other.first
}

// part cuts the claim down to some of its offsets.
func (c claim) part(first, end int64) claim {
	c.sequence += first - c.first
	c.first, c.end = first, end
	return c
}

// content names the claim's records for people: "sequences 3..5 of producer 0".
func (c claim) content() string {
	if c.producer == history.BarrierProducer {
		return "the barrier"
	}
	return span("sequence", c.sequence, c.size()) + " of " + who(c.producer)
}

// settled reports whether nothing more is due: the scan has passed, or a reader and the
// acknowledgement agree.
func (c claim) settled() bool { return c.told&byScan != 0 || c.told&(byAck|byRead) == byAck|byRead }

// window is what is known of a partition's offsets: all claims that are still open, and the newest
// settled ones.
type window struct {
	claims  []claim // sorted, without overlap
	floor   int64   // below it settled claims were forgotten
	pruneAt int     // length at which to prune again
	scratch []claim
}

// tell takes a new claim. It returns on how many offsets it agrees with an older one, and calls
// conflict for each part where it does not; there the more believed one stays.
func (w *window) tell(n claim, conflict func(old, new claim)) (agreed int64) {
	lo := w.from(n.first)
	hi, at := lo, n.first
	out := w.scratch[:0]
	if lo > 0 {
		out = append(out, w.claims[lo-1]) // the new claim may continue it
	}
	for ; hi < len(w.claims) && w.claims[hi].first < n.end; hi++ {
		c := w.claims[hi]
		from, to := max(c.first, n.first), min(c.end, n.end)
		if from > at {
			out = w.fresh(out, n.part(at, from))
		}
		if c.first < from {
			out = append(out, c.part(c.first, from))
		}
		old, new := c.part(from, to), n.part(from, to)
		switch {
		case old.same(new):
			agreed += to - from
			old.told |= new.told
			out = append(out, old)
		case new.told > old.told:
			conflict(old, new)
			out = append(out, new)
		default:
			conflict(old, new)
			out = append(out, old)
		}
		if c.end > to {
			out = append(out, c.part(to, c.end))
		}
		at = to
	}
	if at < n.end {
		out = w.fresh(out, n.part(at, n.end))
	}
	w.put(lo, hi, out)
	return agreed
}

// from is the index of the first claim that ends after the offset.
func (w *window) from(offset int64) int {
	if n := len(w.claims); n == 0 || w.claims[n-1].end <= offset {
		return n
	}
	return sort.Search(len(w.claims), func(i int) bool { return w.claims[i].end > offset })
}

// fresh appends a claim about offsets that the window does not hold. What a slow reader reads below
// the floor is not kept: it was settled and forgotten, and would be open for ever.
func (w *window) fresh(out []claim, n claim) []claim {
	if n.told == byRead && n.first < w.floor {
		if n.end <= w.floor {
			return out
		}
		n = n.part(w.floor, n.end)
	}
	return append(out, n)
}

// put replaces claims[lo:hi] and the one before, which out begins with, by out, joining claims that
// continue each other.
func (w *window) put(lo, hi int, out []claim) {
	w.scratch = out
	lo = max(0, lo-1)
	if hi < len(w.claims) {
		out = append(out, w.claims[hi])
		hi++
	}
	joined := out[:0]
	for _, c := range out {
		if k := len(joined) - 1; k >= 0 && joined[k].end == c.first && joined[k].told == c.told && joined[k].same(c) {
			joined[k].end = c.end
			continue
		}
		joined = append(joined, c)
	}
	w.claims = slices.Replace(w.claims, lo, hi, joined...)
	if len(w.claims) > max(w.pruneAt, 2*windowMax) {
		w.prune()
	}
}

// prune forgets the settled claims with the lowest offsets, down to half a window of them.
func (w *window) prune() {
	settled := 0
	for _, c := range w.claims {
		if c.settled() {
			settled++
		}
	}
	kept := w.claims[:0]
	for _, c := range w.claims {
		if c.settled() && settled > windowMax/2 {
			settled--
			w.floor = max(w.floor, c.end)
			continue
		}
		kept = append(kept, c)
	}
	w.claims = kept
	w.pruneAt = len(kept) + windowMax
}

// source is the bit for an operation's kind.
func source(op *history.Operation, isScan bool) uint8 {
	switch {
	case isScan:
		return byScan
	case op.Kind == history.Fetch || op.Kind == history.Scan:
		return byRead
	}
	return byAck
}
