package sim_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
)

// longEnv makes the test of orders go through all of them.
const longEnv = "LOGPROOF_TEST_LONG"

// orders lists every way to pick n of the brokers 0..of-1, one after the other.
func orders(of, n int) (all [][]int32) {
	if n == 0 {
		return [][]int32{nil}
	}
	for _, shorter := range orders(of, n-1) {
		for id := range int32(of) {
			if !slices.Contains(shorter, id) {
				all = append(all, append(slices.Clone(shorter), id))
			}
		}
	}
	return all
}

// overlapping ends one broker after the other; all of them stay down until the last has been down for a
// while. There is time between two for the leaders that are left to take over.
func overlapping(kind timeline.Kind, ids []int32) (line timeline.Timeline) {
	const gap, together = 2 * time.Second, 3 * time.Second
	for i, id := range ids {
		f := timeline.Fault{
			Kind: kind, Target: timeline.NodeTarget(id), After: gap, Overlap: i > 0,
			Hold: time.Duration(len(ids)-1-i)*gap + together,
		}
		line = append(line, f)
	}
	return line
}

// After any N-1 failures of N brokers no acknowledged record is lost, in whatever order they come, by the
// end of the process or by a power cut. At min ISR 1 the last broker takes records; at 2 it takes none,
// and what it refuses is not promised.
func TestEveryOrderOfNMinusOne(t *testing.T) {
	refused := map[int]uint64{}
	runs := 0
	for _, factor := range []int{1, 2, 3, 5} {
		for minISR := 1; minISR <= min(2, factor); minISR++ {
			for i, ids := range orders(factor, factor-1) {
				if factor == 5 && i%40 != 0 && os.Getenv(longEnv) == "" {
					continue // 3 of the 120
				}
				for _, kind := range []timeline.Kind{timeline.Kill, sim.PowerLoss} {
					line := overlapping(kind, ids)
					j := simulate(t, sim.Config{
						Seed: int64(i), Timeline: line, Duration: line.Duration() + 4*time.Second,
						Load: sim.Load{
							Partitions: 2, Producers: 1, Readers: 1, Rate: pace.PerSecond(20), RecordSize: 120, Linger: 5 * time.Millisecond,
						},
						Cluster: sim.Cluster{Brokers: factor, Controllers: 3, Replication: factor, MinISR: minISR},
					})
					if j.clean(t); t.Failed() {
						t.Fatalf("%s of brokers %v of %d in that order, min ISR %d", kind, ids, factor, minISR)
					}
					runs++
					refused[minISR] += j.Marks[sim.NotEnoughReplicas]
				}
			}
		}
	}
	t.Logf("%d runs; refused for lack of replicas: %d batches at min ISR 1, %d at 2", runs, refused[1], refused[2])
	if refused[1] != 0 || refused[2] == 0 {
		t.Error(fmt.Sprint("min ISR 1 must refuse nothing and 2 must refuse what the last broker alone cannot promise: ", refused))
	}
}
