package sim_test

import (
	"testing"

	"github.com/logproof/logproof/chaos/sim"
)

// Groups of every kind, under every fault: no violation, and every mark of groups reached.
func TestGroupSeeds(t *testing.T) {
	var marks sim.Marks
	for seed := int64(1000); seed < 1016 || seed < 1060 && len(missedOfGroups(marks)) > 0; seed++ {
		j := simulate(t, sim.Config{Seed: seed, Groups: sim.WithGroups})
		j.clean(t)
		if len(j.Groups) == 0 {
			t.Fatalf("seed %d has no groups", seed)
		}
		marks.Add(j.Marks)
	}
	for m := sim.CoordinatorMoved; m <= sim.PartitionKept; m++ {
		t.Logf("%8d  %s", marks[m], m)
	}
	for _, m := range missedOfGroups(marks) {
		t.Errorf("no seed reached the mark %q", m)
	}
}

func missedOfGroups(marks sim.Marks) (missed []sim.Mark) {
	for _, m := range marks.Missed() {
		if m >= sim.CoordinatorMoved && m <= sim.PartitionKept {
			missed = append(missed, m)
		}
	}
	return missed
}
