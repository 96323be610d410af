package verify

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

// The interval set is compared with a set of single numbers over random operations.
func TestIntervalsAreSets(t *testing.T) {
	const size = 60
	rng := rand.New(rand.NewPCG(1, 1))
	var set, other intervals
	dumb, dumbOther := map[int64]bool{}, map[int64]bool{}
	for step := range 20_000 {
		first := rng.Int64N(size)
		end := min(size, first+rng.Int64N(8))
		switch rng.IntN(3) {
		case 0:
			set.remove(first, end)
			for x := first; x < end; x++ {
				delete(dumb, x)
			}
		case 1:
			other.add(first, end)
			for x := first; x < end; x++ {
				dumbOther[x] = true
			}
		default:
			set.add(first, end)
			for x := first; x < end; x++ {
				dumb[x] = true
			}
		}
		if step%2000 == 0 {
			set, other = nil, nil
			clear(dumb)
			clear(dumbOther)
		}
		same(t, "set", set, func(x int64) bool { return dumb[x] })
		same(t, "within", set.within(first, end), func(x int64) bool { return dumb[x] && x >= first && x < end })
		same(t, "without", set.without(first, end), func(x int64) bool { return !dumb[x] && x >= first && x < end })
		same(t, "minus", set.minus(other), func(x int64) bool { return dumb[x] && !dumbOther[x] })
		same(t, "and", set.and(other), func(x int64) bool { return dumb[x] && dumbOther[x] })
	}
}

// same checks that sorted, disjoint intervals hold exactly the numbers below 60 for which want is true.
func same(t *testing.T, what string, got []interval, want func(int64) bool) {
	t.Helper()
	next := int64(0)
	var n int64
	for _, i := range got {
		if i.first < next || i.first >= i.end {
			t.Fatalf("%s is not sorted: %v", what, got)
		}
		for x := i.first; x < i.end; x++ {
			if !want(x) {
				t.Fatalf("%s holds %d: %v", what, x, got)
			}
			n++
		}
		next = i.end
	}
	for x := range int64(60) {
		if want(x) {
			n--
		}
	}
	if n != 0 {
		t.Fatalf("%s lacks %d numbers: %v", what, -n, got)
	}
}

func TestDenseInputIsOneInterval(t *testing.T) {
	var set intervals
	for _, x := range rand.New(rand.NewPCG(2, 2)).Perm(1000) {
		set.add(int64(x), int64(x)+1)
	}
	if !reflect.DeepEqual(set, intervals{{0, 1000}}) {
		t.Errorf("the numbers 0..999 in random order are %v", set)
	}
}

// A located set keeps offsets while it is small, forgets some when it grows, and never a sequence.
func TestLocatedForgetsOffsetsNotSequences(t *testing.T) {
	var set located
	offset := func(sequence int64) int64 { return sequence*3 + 7 } // never consecutive
	for i := range int64(5 * locatedMax) {
		set.add(stretch{interval{i, i + 1}, offset(i)})
		if len(set) > locatedMax {
			t.Fatalf("after %d sequences the set has %d stretches, the limit is %d", i+1, len(set), locatedMax)
		}
	}
	if got := set.sequences(); !reflect.DeepEqual(got, intervals{{0, 5 * locatedMax}}) {
		t.Errorf("sequences are %v", got)
	}
	last := set[len(set)-1]
	if last.offset != offset(last.first) {
		t.Errorf("the last stretch stands at %d, want %d", last.offset, offset(last.first))
	}
	if set[0].offset != history.Unset {
		t.Errorf("the first stretch of %d sequences has one offset, %d", set[0].size(), set[0].offset)
	}
	set.remove(10, 20)
	if got := set.sequences().without(0, 5*locatedMax); !reflect.DeepEqual(got, []interval{{10, 20}}) {
		t.Errorf("after the removal of 10..19 the set lacks %v", got)
	}
	missing := set.minus(intervals{{0, 5*locatedMax - 1}})
	if len(missing) != 1 || missing[0].offset != offset(missing[0].first) {
		t.Errorf("the missing last sequence is %v", missing)
	}
}

func TestLocatedJoinsWhatContinues(t *testing.T) {
	var set located
	set.add(stretch{interval{5, 8}, 105})
	set.add(stretch{interval{0, 2}, 100})
	set.add(stretch{interval{1, 6}, 101}) // fills 2..4 and knows the rest
	if want := (located{{interval{0, 8}, 100}}); !reflect.DeepEqual(set, want) {
		t.Errorf("set is %v, want %v", set, want)
	}
	set.add(stretch{interval{8, 9}, history.Unset})
	set.add(stretch{interval{9, 10}, 300})
	if len(set) != 3 {
		t.Errorf("an unknown offset and a jump were joined: %v", set)
	}
}
