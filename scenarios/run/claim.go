package run

import (
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
)

// claim is what the settings of a plan promise.
func claim(p plan.Plan) *verify.Claim {
	c := &verify.Claim{Profile: profile(p.System), Producer: delivery(p.Load), Groups: map[string]verify.Level{}, Topics: map[string]verify.TopicClaim{}}
	for _, g := range p.Groups {
		c.Groups[g.Name] = verify.Level(g.Commit)
	}
	// The nemesis lets a fault strike only where all replicas are in sync, unless another one is in force.
	alone := !slices.ContainsFunc(p.Timeline, func(f timeline.Fault) bool { return f.Overlap })
	for _, t := range p.Topics {
		topic := verify.TopicClaim{Replicas: int(t.ReplicationFactor), MinISR: int(t.MinISR), Unclean: t.Unclean}
		if alone {
			topic.InSync = topic.Replicas
		}
		c.Topics[t.Name] = topic
	}
	for _, n := range p.Nodes {
		c.Unsynced = c.Unsynced || n.Flush != string(partition.FlushCommit) && strings.Contains(n.Disk, "lose-unsynced")
	}
	return c
}

// delivery is the level of the plan's producers.
func delivery(l plan.Load) verify.Level {
	switch {
	case l.Transactions != nil:
		return verify.TransactionalProducer
	case l.Acks == spec.AcksNone:
		return verify.NoAcks
	case l.Acks == spec.AcksLeader:
		return verify.LeaderAcks
	case l.Idempotent:
		return verify.IdempotentProducer
	}
	return verify.AllAcks
}

// profile is that of a system as scenarios name it: one that does not say its version is taken for the newest.
func profile(system string) string {
	if system == "kafka" {
		return "kafka-4"
	}
	return system
}

// keys are the topics whose records have numbered keys, and those of them that are compacted. What groups write is
// not numbered.
func keys(p plan.Plan) (keyed []verify.KeyedTopic, compacted []verify.CompactedTopic) {
	if p.Load.Keys == 0 {
		return nil, nil
	}
	for _, t := range p.Topics {
		if slices.ContainsFunc(p.Groups, func(g plan.Group) bool { return g.To == t.Name }) {
			continue
		}
		keyed = append(keyed, verify.KeyedTopic{Topic: t.Name, Counts: []verify.PartitionCount{{Count: t.Partitions}}})
		if strings.Contains(t.CleanupPolicy, "compact") {
			compacted = append(compacted, verify.CompactedTopic{Topic: t.Name, MinLag: time.Duration(t.MinCompactionLag)})
		}
	}
	return keyed, compacted
}
