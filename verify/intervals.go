package verify

import (
	"slices"
	"sort"
)

// interval is the numbers first <= x < end.
type interval struct{ first, end int64 }

func (i interval) size() int64 { return i.end - i.first }

// intervals is a set of numbers as sorted intervals that neither overlap nor touch. Dense input
// keeps it at one interval, whatever the order. The zero value is the empty set.
type intervals []interval

// from is the index of the first interval that ends after x.
func (s intervals) from(x int64) int {
	if n := len(s); n == 0 || s[n-1].end <= x {
		return n
	}
	return sort.Search(len(s), func(i int) bool { return s[i].end > x })
}

// add puts first <= x < end into the set.
func (s *intervals) add(first, end int64) {
	if first >= end {
		return
	}
	lo := s.from(first - 1) // an interval that ends at first touches
	hi := lo
	for hi < len(*s) && (*s)[hi].first <= end {
		first, end = min(first, (*s)[hi].first), max(end, (*s)[hi].end)
		hi++
	}
	if hi == lo+1 {
		(*s)[lo] = interval{first, end}
		return
	}
	*s = slices.Replace(*s, lo, hi, interval{first, end})
}

// remove takes first <= x < end out of the set.
func (s *intervals) remove(first, end int64) {
	lo := s.from(first)
	hi := lo
	var rest []interval
	for hi < len(*s) && (*s)[hi].first < end {
		if i := (*s)[hi]; i.first < first {
			rest = append(rest, interval{i.first, first})
		}
		if i := (*s)[hi]; i.end > end {
			rest = append(rest, interval{end, i.end})
		}
		hi++
	}
	if hi > lo {
		*s = slices.Replace(*s, lo, hi, rest...)
	}
}

// within lists the parts of first <= x < end that are in the set.
func (s intervals) within(first, end int64) []interval {
	var parts []interval
	for _, i := range s[s.from(first):] {
		if i.first >= end || first >= end {
			break
		}
		parts = append(parts, interval{max(i.first, first), min(i.end, end)})
	}
	return parts
}

// without lists the parts of first <= x < end that are not in the set.
func (s intervals) without(first, end int64) []interval {
	var parts []interval
	for _, i := range s[s.from(first):] {
		if i.first >= end {
			break
		}
		if i.first > first {
			parts = append(parts, interval{first, i.first})
		}
		first = i.end
	}
	if first < end {
		parts = append(parts, interval{first, end})
	}
	return parts
}

// minus lists what is in s and not in other.
func (s intervals) minus(other intervals) []interval {
	var parts []interval
	for _, i := range s {
		parts = append(parts, other.without(i.first, i.end)...)
	}
	return parts
}

// and lists what is in both.
func (s intervals) and(other intervals) []interval {
	var parts []interval
	for _, i := range s {
		parts = append(parts, other.within(i.first, i.end)...)
	}
	return parts
}

// size is the number of numbers.
func (s intervals) size() int64 {
	var n int64
	for _, i := range s {
		n += i.size()
	}
	return n
}
