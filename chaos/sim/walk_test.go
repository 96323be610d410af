package sim_test

import (
	"fmt"
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
	for version := 1; version <= 2; version++ {
		t.Run(fmt.Sprintf("version=%d", version), func(t *testing.T) { walkEveryStep(t, version, stride) })
	}
}

func walkEveryStep(t *testing.T, version, stride int) {
	began := time.Now()
	calm := simulate(t, sim.Walk{Version: version}.Config())
	if calm.clean(t); t.Failed() || calm.Steps < 100 {
		t.Fatalf("a story of %d steps in which nothing happens", calm.Steps)
	}
	runs := 0
	for i, victim := range sim.Victims() {
		for _, power := range []bool{false, true} {
			if power && victim == sim.TheClient {
				continue // it keeps nothing that could be lost
			}
			for step := 1 + i*stride/len(sim.Victims()); step <= calm.Steps; step += stride {
				w := sim.Walk{Version: version, Step: step, Victim: victim, Power: power}
				j := simulate(t, w.Config())
				if j.clean(t); t.Failed() {
					t.Fatalf("%s ends (power %v) after step %d", victim, power, step)
				}
				runs++
			}
		}
	}
	t.Logf("%d runs over %d steps, %v", runs, calm.Steps, time.Since(began))
}
