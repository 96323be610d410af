package sim_test

import (
	"testing"

	"github.com/logproof/logproof/chaos/sim"
)

// What groups commit is compacted while they commit and coordinators move: each begins with what was committed.
func TestOffsetsOfGroupsAreCompacted(t *testing.T) {
	marks := sim.Marks{}
	for seed := range int64(4) {
		j := simulate(t, sim.Config{Seed: 51 + seed, Groups: sim.WithGroups, Compact: true})
		j.clean(t)
		marks.Add(j.Marks)
	}
	t.Logf("%d passes, coordinators moved %d times", marks[sim.OffsetsCompacted], marks[sim.CoordinatorMoved])
	if marks[sim.OffsetsCompacted] < 100 || marks[sim.CoordinatorMoved] < 10 {
		t.Errorf("%d passes, and coordinators moved %d times, in 4 minutes", marks[sim.OffsetsCompacted], marks[sim.CoordinatorMoved])
	}
}

// A topic is compacted on every replica while everything else goes on and fails: what a reader makes of any of them is
// what was committed, and nothing that is judged is lost.
func TestATopicIsCompacted(t *testing.T) {
	compacted, marks := 0, sim.Marks{}
	for _, cluster := range []sim.Cluster{
		{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 1}, {Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2}, {Brokers: 2, Controllers: 1, Replication: 2, MinISR: 1},
	} {
		for seed := range int64(2) {
			j := simulate(t, sim.Config{Seed: 31 + seed, Cluster: cluster, Compact: true})
			j.clean(t)
			compacted += j.Compacted
			marks.Add(j.Marks)
		}
	}
	t.Logf("%d records, %d passes, %d tombstones", compacted, marks[sim.LogCompacted], marks[sim.TombstoneGone])
	if compacted < 5000 || marks[sim.LogCompacted] < 200 || marks[sim.TombstoneGone] == 0 || marks[sim.CompactedWhileSyncing] == 0 {
		t.Errorf("%d records went in %d passes in 6 minutes, tombstones %d times, %d times beside a sync", compacted,
			marks[sim.LogCompacted], marks[sim.TombstoneGone], marks[sim.CompactedWhileSyncing])
	}
}
