package sim

import (
	"testing"

	"github.com/logproof/logproof/chaos/timeline"
)

// In the simulator as on processes, any draws a broker: a controller that lost its disk would forget its
// votes, and the N-1 that may fail are brokers.
func TestAnyDrawsABroker(t *testing.T) {
	s := newSimulation(Config{Seed: 1, Cluster: Cluster{Brokers: 2, Controllers: 5, Replication: 1, MinISR: 1}}.withDefaults(), nil)
	struck := map[int32]bool{}
	for range 200 {
		s.nemesis.aim(timeline.Fault{Kind: timeline.Kill, Target: timeline.Any}, func(targets []int32) { struck[targets[0]] = true })
	}
	if len(struck) != 2 || !struck[0] || !struck[1] {
		t.Errorf("any struck %v, want both brokers and nobody else", struck)
	}
	s.nemesis.aim(timeline.Fault{Kind: timeline.Kill, Target: timeline.NodeTarget(firstController)}, func(targets []int32) { struck[targets[0]] = true })
	if !struck[firstController] {
		t.Error("a controller cannot be named by its id")
	}
}
