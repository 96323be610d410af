package run

import (
	"testing"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
)

// The claim of a plan is that of its settings.
func TestClaimOfAPlan(t *testing.T) {
	base := plan.Plan{
		System: spec.SystemReference, Load: plan.Load{Acks: spec.AcksAll},
		Topics: []plan.Topic{{Name: "orders", Partitions: 1, ReplicationFactor: 3, MinISR: 2}},
		Groups: []plan.Group{{Name: "workers", Commit: "before"}},
		Nodes:  []plan.Node{{Flush: "commit", Disk: "lose-unsynced"}},
	}
	for _, c := range []struct {
		name   string
		change func(p *plan.Plan)
		want   func(c *verify.Claim) bool
	}{
		{"as it is", func(*plan.Plan) {}, func(c *verify.Claim) bool {
			return c.Profile == "reference" && c.Producer == verify.AllAcks && c.Groups["workers"] == verify.CommitBefore && !c.Unsynced &&
				c.Topics["orders"] == verify.TopicClaim{Replicas: 3, MinISR: 2, InSync: 3}
		}},
		{"idempotent", func(p *plan.Plan) { p.Load.Idempotent = true }, func(c *verify.Claim) bool { return c.Producer == verify.IdempotentProducer }},
		{"acks=1", func(p *plan.Plan) { p.Load.Acks = spec.AcksLeader }, func(c *verify.Claim) bool { return c.Producer == verify.LeaderAcks }},
		{"acks=0", func(p *plan.Plan) { p.Load.Acks = spec.AcksNone }, func(c *verify.Claim) bool { return c.Producer == verify.NoAcks }},
		{"no sync", func(p *plan.Plan) { p.Nodes[0].Flush = "none" }, func(c *verify.Claim) bool { return c.Unsynced }},
		{"faults over one another", func(p *plan.Plan) {
			p.Timeline = timeline.Timeline{{Kind: timeline.DiskLoss}, {Kind: timeline.DiskLoss, Overlap: true}}
		},
			func(c *verify.Claim) bool { return c.Topics["orders"].InSync == 0 }},
		{"kafka", func(p *plan.Plan) { p.System = "kafka" }, func(c *verify.Claim) bool { return c.Profile == "kafka-4" }},
	} {
		p := base
		p.Nodes = []plan.Node{base.Nodes[0]}
		c.change(&p)
		if got := claim(p); !c.want(got) {
			t.Errorf("%s: the claim is %+v", c.name, got)
		}
		if err := expectation(p).Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Keys are judged where the load has them, and compaction where a topic is compacted; not in what groups write.
func TestKeysOfAPlan(t *testing.T) {
	p := plan.Plan{
		Load:   plan.Load{Keys: 10},
		Topics: []plan.Topic{{Name: "orders", Partitions: 3}, {Name: "totals", Partitions: 2, CleanupPolicy: "compact,delete", MinCompactionLag: spec.Duration(5e9)}, {Name: "copies", Partitions: 1}},
		Groups: []plan.Group{{Name: "copiers", To: "copies"}},
	}
	keyed, compacted := keys(p)
	if len(keyed) != 2 || keyed[0].Topic != "orders" || keyed[0].Counts[0].Count != 3 || keyed[1].Topic != "totals" {
		t.Errorf("keyed topics are %+v", keyed)
	}
	if len(compacted) != 1 || compacted[0] != (verify.CompactedTopic{Topic: "totals", MinLag: 5e9}) {
		t.Errorf("compacted topics are %+v", compacted)
	}
	p.Load.Keys = 0
	if keyed, compacted = keys(p); keyed != nil || compacted != nil {
		t.Errorf("without keys there are %v and %v", keyed, compacted)
	}
}
