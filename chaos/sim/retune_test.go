package sim_test

import (
	"testing"

	"github.com/logproof/logproof/chaos/sim"
)

// min.insync.replicas of the topic that is judged rises and falls, whatever fails meanwhile: a leader that does
// not know of it yet must not commit what nobody else has, nor be followed by one that lacks what it has committed.
func TestMinISRIsRetuned(t *testing.T) {
	retuned := 0
	for _, cluster := range []sim.Cluster{
		{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 1}, {Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2}, {Brokers: 2, Controllers: 1, Replication: 2, MinISR: 1},
	} {
		for seed := range int64(2) {
			j := simulate(t, sim.Config{Seed: 1 + seed, Cluster: cluster, Retune: true})
			j.clean(t)
			retuned += j.Retuned
		}
	}
	t.Logf("%d times", retuned)
	if retuned < 100 {
		t.Errorf("retuned %d times in 6 minutes", retuned)
	}
}
