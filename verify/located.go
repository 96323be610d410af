package verify

import (
	"slices"
	"sort"

	"github.com/logproof/logproof/verify/history"
)

// locatedMax is the number of stretches at which a located set forgets offsets of its lower half.
const locatedMax = 512

// stretch is consecutive sequences first to end-1; the first stands at offset, the others after it.
// The offset is Unset where it is not known, or was forgotten.
type stretch struct {
	interval
	offset int64
}

// part cuts the stretch down to some of its sequences.
func (s stretch) part(first, end int64) stretch {
	if s.offset != history.Unset {
		s.offset += first - s.first
	}
	s.interval = interval{first, end}
	return s
}

// continues reports whether next goes on where s ends, in sequence and offset.
func (s stretch) continues(next stretch) bool {
	if s.end != next.first {
		return false
	}
	if s.offset == history.Unset || next.offset == history.Unset {
		return s.offset == next.offset
	}
	return s.offset+s.size() == next.offset
}

// located is a set of sequences that remembers at which offsets they stood, as far as that is cheap:
// with several producers in a partition their batches interleave and every batch is a stretch. Past
// locatedMax it forgets the offsets of the lower half and keeps the sequences.
type located []stretch

// add puts a stretch into the set; sequences that it holds already keep their offset.
func (l *located) add(n stretch) {
	if k := len(*l) - 1; k >= 0 && (*l)[k].continues(n) {
		(*l)[k].end = n.end // the usual case
		return
	}
	lo := sort.Search(len(*l), func(i int) bool { return (*l)[i].end >= n.first })
	hi, at := lo, n.first
	var out []stretch
	for ; hi < len(*l) && (*l)[hi].first <= n.end; hi++ {
		s := (*l)[hi]
		if s.first > at {
			out = append(out, n.part(at, s.first))
		}
		out = append(out, s)
		at = max(at, s.end)
	}
	if at < n.end {
		out = append(out, n.part(at, n.end))
	}
	joined := out[:0]
	for _, s := range out {
		if k := len(joined) - 1; k >= 0 && joined[k].continues(s) {
			joined[k].end = s.end
			continue
		}
		joined = append(joined, s)
	}
	*l = slices.Replace(*l, lo, hi, joined...)
	if len(*l) > locatedMax {
		l.forget()
	}
}

// forget joins touching stretches of the lower half without their offsets.
func (l *located) forget() {
	half := len(*l) / 2
	kept := (*l)[:0]
	for i, s := range *l {
		if k := len(kept) - 1; i < half && k >= 0 && kept[k].end == s.first {
			kept[k] = stretch{interval{kept[k].first, s.end}, history.Unset}
			continue
		}
		kept = append(kept, s)
	}
	*l = kept
}

// remove takes sequences out.
func (l *located) remove(first, end int64) {
	var kept located
	for _, s := range *l {
		if low := min(s.end, first); s.first < low {
			kept = append(kept, s.part(s.first, low))
		}
		if high := max(s.first, end); high < s.end {
			kept = append(kept, s.part(high, s.end))
		}
	}
	*l = kept
}

// minus lists what is in the set and not in other.
func (l located) minus(other intervals) []stretch {
	var parts []stretch
	for _, s := range l {
		for _, i := range other.without(s.first, s.end) {
			parts = append(parts, s.part(i.first, i.end))
		}
	}
	return parts
}

// sequences is the set without offsets.
func (l located) sequences() intervals {
	var s intervals
	for _, p := range l {
		s.add(p.first, p.end)
	}
	return s
}
