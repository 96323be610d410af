package sim

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/chaos/timeline"
)

// In the simulator as on processes, any draws a broker: a controller that lost its disk would forget its
// votes, and the N-1 that may fail are brokers.
func TestAnyDrawsABroker(t *testing.T) {
	s := newSimulation(Config{Seed: 1, Cluster: Cluster{Brokers: 2, Controllers: 5, Replication: 1, MinISR: 1}}.withDefaults(), nil)
	line := slices.Repeat(timeline.Timeline{{Kind: timeline.Kill, Target: timeline.Any}}, 200)
	line = append(line, timeline.Fault{Kind: timeline.Kill, Target: timeline.NodeTarget(firstController)})
	e, struck := executor{n: &s.nemesis, line: line}, map[int32]bool{}
	aim := func(i int) {
		f, err := e.aim(i)
		if err != nil {
			t.Fatal(err)
		}
		struck[f.ends[0].ID] = true
	}
	for i := range 200 {
		aim(i)
	}
	if len(struck) != 2 || !struck[0] || !struck[1] {
		t.Errorf("any struck %v, want both brokers and nobody else", struck)
	}
	aim(200)
	if !struck[firstController] {
		t.Error("a controller cannot be named by its id")
	}
}
