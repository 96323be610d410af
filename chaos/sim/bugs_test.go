package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/verify"
)

// catch is how a planted bug is found: with which seed, as which anomaly of the history or which broken
// invariant, or both.
type catch struct {
	seed      int64
	span      time.Duration
	class     verify.Class
	invariant string
	// plot that is its story; "" for the swarm.
	plot string
	// cluster in which it shows; the zero value is what the seed draws.
	cluster sim.Cluster
}

// allInSync commits nothing unless every replica has it: what a replica had when it was lost is then
// still all that is committed when it comes back.
var allInSync = sim.Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 3}

var catches = map[bug.Name]catch{
	bug.AckBeforeWrite:             {seed: 1, span: 20 * time.Second, class: verify.LostWrite, invariant: "ack"},
	bug.NoDedupe:                   {span: 20 * time.Second, class: verify.Duplicate},
	bug.RecoveryDropsTail:          {seed: 6, span: 20 * time.Second, class: verify.LostWrite, invariant: "durability"},
	bug.FlipOrder:                  {span: 20 * time.Second, class: verify.NonmonotonicSend},
	bug.CorruptPayload:             {span: 20 * time.Second, class: verify.CorruptRecord},
	bug.AckEarly:                   {seed: 1, span: 20 * time.Second, class: verify.LostWrite, invariant: "ack"},
	bug.HWTruncate:                 {span: 20 * time.Second, class: verify.LostWrite, invariant: "committed"},
	bug.Unclean:                    {seed: 6, span: time.Minute, class: verify.LostWrite, invariant: "durability"},
	bug.UnsyncedFollower:           {seed: 4, span: time.Minute, invariant: "committed"},
	bug.IsrExpandEarlyWatermark:    {seed: 20, span: 20 * time.Second, invariant: "committed"},
	bug.IsrExpandEarlyEpochStart:   {seed: 3, span: time.Minute, invariant: "committed"},
	bug.IsrExpandEarlyOtherEpoch:   {seed: 51, span: 30 * time.Second, invariant: "join", plot: "confuse"},
	bug.IsrExpandEarlyFenced:       {span: 20 * time.Second, invariant: "join"},
	bug.IsrExpandEarlyShuttingDown: {seed: 4, span: 20 * time.Second, invariant: "join"},
	bug.IsrABA:                     {span: 20 * time.Second, invariant: "isr"},
	bug.RebornReplica:              {span: 20 * time.Second, invariant: "committed", cluster: allInSync, plot: "reborn"},
	bug.VoteUnsynced:               {seed: 66, span: time.Minute, invariant: "quorum", plot: "forgetful"},
	bug.IsrNotMaximal:              {seed: 5, span: time.Minute, invariant: "committed"},
	bug.LastReplica:                {span: time.Minute, class: verify.LostWrite, invariant: "durability", plot: "last-replica"},
	bug.StaleLeaderServes:          {seed: 21, span: time.Minute, class: verify.StaleRead, invariant: "leader", plot: "confuse"},
}

// searchMax is how many seeds are tried from the kept one on: another draw anywhere in the node makes
// other runs of the same seeds.
const searchMax = 150

// Each planted bug is found, as what it is, and by the invariant that it breaks.
func TestPlantedBugs(t *testing.T) {
	for _, name := range bug.Names() {
		want, ok := catches[name]
		t.Run(string(name), func(t *testing.T) {
			if !ok {
				t.Fatal("nobody says how it is found")
			}
			for seed := want.seed; seed < want.seed+searchMax; seed++ {
				j := simulate(t, sim.Config{
					Seed: seed, Duration: want.span, Settle: 10 * time.Second, Bugs: bug.Set{name: true}, Cluster: want.cluster, Plot: want.plot,
				})
				broken := slices.ContainsFunc(j.Violations, func(v sim.Violation) bool { return v.Invariant == want.invariant })
				found := classes(j.report)
				if (want.class == "" || slices.Contains(found, want.class)) && (want.invariant == "" || broken) {
					if seed != want.seed {
						t.Logf("keep seed %d in place of %d", seed, want.seed)
					}
					t.Logf("seed %d finds %v and %d broken invariants", seed, found, len(j.Violations))
					return
				}
			}
			t.Errorf("%d seeds from %d on did not find %s by verify and %q inside", searchMax, want.seed, want.class, want.invariant)
		})
	}
}
