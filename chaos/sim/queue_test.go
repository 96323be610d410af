package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The heap gives events in the order in which sorting puts them, whatever is pushed in between.
func TestQueueGivesEventsInOrder(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var q queue
		var kept []event
		for id := range uint64(1 + rng.IntN(300)) {
			e := event{at: time.Duration(rng.IntN(20)), tie: rng.Uint64N(3), id: id}
			q.push(e)
			kept = append(kept, e)
			if rng.IntN(3) > 0 {
				continue
			}
			first := slices.MinFunc(kept, compare)
			if got := q.pop(); got.id != first.id {
				t.Fatalf("seed %d: event %d comes first, want %d", seed, got.id, first.id)
			}
			kept = slices.DeleteFunc(kept, func(e event) bool { return e.id == first.id })
		}
		slices.SortFunc(kept, compare)
		for _, want := range kept {
			if got := q.pop(); got.id != want.id {
				t.Fatalf("seed %d: event %d comes next, want %d", seed, got.id, want.id)
			}
		}
		if len(q) > 0 {
			t.Fatalf("seed %d: %d events are left", seed, len(q))
		}
	}
}

func compare(a, b event) int {
	if a.before(&b) {
		return -1
	}
	return 1
}
