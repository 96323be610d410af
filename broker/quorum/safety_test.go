package quorum

import (
	"flag"
	"strings"
	"testing"
)

var seeds = flag.Int("seeds", 0, "run TestSafety with at least so many seeds of each size")

// Everything that can go wrong goes wrong: no voter ever contradicts another.
func TestSafety(t *testing.T) {
	seeded(t)
	marks, committed, steps := map[string]int{}, 0, 0
	for _, size := range []struct{ voters, seeds, steps int }{{1, 5, 1000}, {3, 50, 2500}, {5, 15, 2500}} {
		for seed := range uint64(max(size.seeds, *seeds)) {
			c, err := trial(seed, size.voters, size.steps, false)
			if err != nil {
				t.Fatalf("%d voters, seed %d, step %d: %v", size.voters, seed, c.steps, err)
			}
			committed += len(c.committed)
			steps += c.steps
			for mark, n := range c.marks {
				marks[mark] += n
			}
		}
	}
	t.Logf("%d steps, %d entries committed, %v", steps, committed, marks)
	if committed < 3000 {
		t.Errorf("%d entries were committed: there was not enough traffic to prove anything", committed)
	}
	for _, mark := range []string{"crash", "crash within a call", "crash within a recovery", "snapshot installed", "restart from a snapshot"} {
		if marks[mark] == 0 {
			t.Errorf("no seed has reached %q", mark)
		}
	}
}

// The same harness finds votes and acknowledgements that leave before they are synced: raft itself
// stops over entries that it acknowledged and lost, or two voters contradict one another.
func TestVoteUnsyncedIsFound(t *testing.T) {
	seeded(t)
	stopped, contradicted := 0, 0
	for seed := range uint64(60) {
		_, err := trial(seed, 3, 2500, true)
		switch {
		case err == nil:
		case strings.Contains(err.Error(), "is out of range"):
			stopped++
		default:
			contradicted++
			t.Logf("seed %d: %v", seed, err)
		}
	}
	if stopped == 0 || contradicted == 0 {
		t.Errorf("60 seeds with the planted bug: %d stopped, %d contradicted one another; want some of both", stopped, contradicted)
	}
}

// One seed is one run.
func TestDeterminism(t *testing.T) {
	seeded(t)
	for seed := range uint64(5) {
		first, err := trial(seed, 3, 1500, false)
		if err != nil {
			t.Fatal(err)
		}
		second, err := trial(seed, 3, 1500, false)
		if err != nil {
			t.Fatal(err)
		}
		if first.trace != second.trace || len(first.committed) != len(second.committed) {
			t.Errorf("seed %d: traces %x and %x", seed, first.trace, second.trace)
		}
	}
}
