package sim_test

import (
	"os"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
)

// walkStride is how many steps lie between two that are walked where not all are.
const walkStride = 997

// A kill of the coordinator, of a leader, of the group's coordinator, of everybody or of the producer between any two
// steps of the transaction protocol loses nothing and hangs nothing. Every step is walked with LOGPROOF_TEST_LONG.
func TestEveryStepOfATransaction(t *testing.T) {
	stride := walkStride
	if os.Getenv(longEnv) != "" {
		stride = 1
	}
	began := time.Now()
	for version := 1; version <= 2; version++ {
		calm := simulate(t, sim.Walk{Version: version}.Config())
		if calm.clean(t); t.Failed() || calm.Steps < 100 {
			t.Fatalf("version %d: a story of %d steps in which nothing happens", version, calm.Steps)
		}
		runs := 0
		for i, victim := range sim.Victims() {
			for step := 1 + i*stride/len(sim.Victims()); step <= calm.Steps; step += stride {
				for _, power := range []bool{false, true}[:1+len(victim)%2] {
					w := sim.Walk{Version: version, Step: step, Victim: victim, Power: power}
					j := simulate(t, w.Config())
					if j.clean(t); t.Failed() {
						t.Fatalf("%s ends (power %v) after step %d of version %d", victim, power, step, version)
					}
					runs++
				}
			}
		}
		t.Logf("version %d: %d runs over %d steps, %v", version, runs, calm.Steps, time.Since(began))
	}
}
