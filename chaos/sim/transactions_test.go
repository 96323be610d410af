package sim_test

import (
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
)

// Transactions of every kind, under every fault: no violation, and every mark of transactions reached.
func TestTransactionSeeds(t *testing.T) {
	var marks sim.Marks
	for seed := int64(2000); seed < 2008 || seed < 2080 && len(missedOfTransactions(marks)) > 0; seed++ {
		j := simulate(t, sim.Config{Seed: seed, Transactions: sim.WithTransactions})
		j.clean(t)
		marks.Add(j.Marks)
	}
	for m := sim.CoordinatorEndedOngoing; m <= sim.MarkerRepeated; m++ {
		t.Logf("%8d  %s", marks[m], m)
	}
	for _, m := range missedOfTransactions(marks) {
		t.Errorf("no seed reached the mark %q", m)
	}
}

func missedOfTransactions(marks sim.Marks) (missed []sim.Mark) {
	for _, m := range marks.Missed() {
		if m >= sim.CoordinatorEndedOngoing && m <= sim.MarkerRepeated {
			missed = append(missed, m)
		}
	}
	return missed
}

// A truncation that could not be synced ends the process: its log cannot be read there any more, and what was on its disk
// below the cut is there all the same.
func TestALogThatFailedInATruncation(t *testing.T) {
	simulate(t, sim.Config{Seed: 5358, Duration: 30 * time.Second, Transactions: sim.WithTransactions}).clean(t)
}
