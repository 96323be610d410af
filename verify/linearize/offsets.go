package linearize

import (
	"slices"
	"sort"
)

// interval is the offsets first to end-1.
type interval struct{ first, end int64 }

// offsets is a set of offsets: sorted intervals that do not touch.
type offsets []interval

// add puts first to end-1 into the set.
func (o *offsets) add(first, end int64) {
	if first >= end {
		return
	}
	lo := sort.Search(len(*o), func(i int) bool { return (*o)[i].end >= first })
	hi := lo
	for ; hi < len(*o) && (*o)[hi].first <= end; hi++ {
		first, end = min(first, (*o)[hi].first), max(end, (*o)[hi].end)
	}
	*o = slices.Replace(*o, lo, hi, interval{first, end})
}

// within lists what the set has of first to end-1.
func (o offsets) within(first, end int64) []interval {
	i := sort.Search(len(o), func(i int) bool { return o[i].end > first })
	var parts []interval
	for ; i < len(o) && o[i].first < end; i++ {
		parts = append(parts, interval{max(first, o[i].first), min(end, o[i].end)})
	}
	return parts
}

// has reports whether an offset is in the set.
func (o offsets) has(offset int64) bool {
	i := sort.Search(len(o), func(i int) bool { return o[i].end > offset })
	return i < len(o) && o[i].first <= offset
}

// size is the number of offsets.
func (o offsets) size() int64 {
	var n int64
	for _, i := range o {
		n += i.end - i.first
	}
	return n
}

// joined closes holes of at most that many offsets.
func (o offsets) joined(hole int64) offsets {
	var all offsets
	for _, i := range o {
		if n := len(all); n > 0 && i.first-all[n-1].end <= hole {
			i.first = all[n-1].end
		}
		all.add(i.first, i.end)
	}
	return all
}
