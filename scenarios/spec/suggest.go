package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Suggest ends an error about a value that is not among the known ones: with the nearest one if
// it is near enough for a slip of the fingers, else with all of them.
func Suggest(found string, known []string) string {
	if best := nearest(found, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known are " + strings.Join(known, ", ")
}

// nearest of the known values; "" when none is near enough.
func nearest(found string, known []string) string {
	// A third of the characters may be wrong, one in any case, but not all of them.
	best, distance := "", min(max(len(found)/3, 1)+1, len(found))
	for _, k := range known {
		if d := edits(found, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// edits is the number of characters to insert, delete, replace or swap with their neighbour to turn
// a into b (optimal string alignment).
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	before := make([]int, len(y)+1)
	last := make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		now := make([]int, len(y)+1)
		now[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			now[j+1] = min(last[j+1]+1, now[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
		before, last = last, now
	}
	return last[len(y)]
}

// choice reports a value that is not among the known ones.
func choice(what, value string, known []string) (string, bool) {
	if slices.Contains(known, value) {
		return "", false
	}
	return fmt.Sprintf("unknown %s %q: %s", what, value, Suggest(value, known)), true
}
