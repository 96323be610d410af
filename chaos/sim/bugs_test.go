package sim_test

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/verify"
)

// searchMax is how many seeds are tried from the kept one on.
const searchMax = 150

// Each planted bug is found, as what it is, and by the invariant that it breaks.
func TestPlantedBugs(t *testing.T) {
	for _, name := range bug.Names() {
		want, ok := sim.HuntOf(name)
		t.Run(string(name), func(t *testing.T) {
			if !ok {
				t.Fatal("nobody says how it is found")
			}
			for seed := want.Seed; seed < want.Seed+searchMax; seed++ {
				j := simulate(t, want.Config(seed, bug.Set{name: true}))
				broken := slices.ContainsFunc(j.Violations, func(v sim.Violation) bool { return v.Invariant == want.Invariant })
				found := classes(j.report)
				if (want.Class == "" || slices.Contains(found, verify.Class(want.Class))) && (want.Invariant == "" || broken) {
					if seed != want.Seed {
						t.Errorf("seed %d finds it, and not %d any more: keep that one in hunt.go", seed, want.Seed)
					}
					t.Logf("seed %d finds %v and %d broken invariants", seed, found, len(j.Violations))
					return
				}
			}
			t.Errorf("%d seeds from %d on did not find %s by verify and %q inside", searchMax, want.Seed, want.Class, want.Invariant)
		})
	}
}
