package sim_test

import (
	"testing"

	"github.com/logproof/logproof/chaos/sim"
)

// The partitions of the topic that is judged move over more brokers than they have replicas, whatever
// fails meanwhile. Every fifth seed has an administrator who does that.
func TestReassignment(t *testing.T) {
	var marks sim.Marks
	for _, cluster := range []sim.Cluster{
		{Brokers: 4, Controllers: 3, Replication: 3, MinISR: 2}, {Brokers: 3, Controllers: 1, Replication: 1, MinISR: 1},
		{Brokers: 5, Controllers: 3, Replication: 2, MinISR: 2}, {Brokers: 4, Replication: 3, MinISR: 1},
	} {
		for seed := range int64(4) {
			j := simulate(t, sim.Config{Seed: 5*seed + 4, Cluster: cluster})
			j.clean(t)
			marks.Add(j.Marks)
		}
	}
	t.Logf("%d moved, %d cancelled", marks[sim.Reassigned], marks[sim.ReassignmentCancelled])
	if marks[sim.Reassigned] == 0 || marks[sim.ReassignmentCancelled] == 0 {
		t.Error("nothing was moved or cancelled")
	}
}
