package sim_test

import (
	"testing"

	"github.com/logproof/logproof/chaos/sim"
)

// Records are deleted, and retention takes segments, whatever fails meanwhile: no log starts above its high watermark,
// no start goes back, nobody loses what is judged, and no node stops.
func TestRecordsArePurged(t *testing.T) {
	purged := 0
	for _, cluster := range []sim.Cluster{
		{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 1}, {Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2}, {Brokers: 2, Controllers: 1, Replication: 2, MinISR: 1},
	} {
		for seed := range int64(2) {
			j := simulate(t, sim.Config{Seed: 21 + seed, Cluster: cluster, Purge: true})
			j.clean(t)
			purged += j.Purged
		}
	}
	t.Logf("%d times", purged)
	if purged < 100 {
		t.Errorf("records were deleted %d times in 6 minutes", purged)
	}
}
