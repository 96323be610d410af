package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
)

// check holds the invariants against every partition.
func (m *model) check() {
	for _, p := range m.parts {
		topic, s := m.state(p)
		m.checkShape(topic, s)
		m.checkHistory(p, topic, s)
		for _, id := range union(s.ISR, s.ELR) {
			if log := p.logs[id]; len(log) < len(p.committed) || !slices.Equal(log[:len(p.committed)], p.committed) {
				m.fault("committed: %s: %d may lead, with %d records of %d committed", describe(topic, s), id, len(log), len(p.committed))
			}
		}
		p.before = *s
	}
}

func (m *model) checkShape(topic *metadata.Topic, s *metadata.Partition) {
	inISR := func(id int32) bool { return slices.Contains(s.ISR, id) }
	inELR := func(id int32) bool { return slices.Contains(s.ELR, id) }
	for name, broken := range map[string]bool{
		"leader outside of the ISR": s.Leader != metadata.NoLeader && !inISR(s.Leader),
		"ISR of others than live replicas": slices.ContainsFunc(s.ISR, func(id int32) bool {
			return !slices.Contains(s.Replicas, id) || !m.m.Image().Broker(id).Active()
		}),
		"ISR without a leader":                   s.Leader == metadata.NoLeader && len(s.ISR) > 0,
		"ELR and ISR overlap":                    slices.ContainsFunc(s.ELR, inISR),
		"ELR beside a full ISR":                  len(s.ELR) > 0 && len(s.ISR) >= topic.MinISR(s, 1),
		"a reassignment of others than replicas": slices.ContainsFunc(slices.Concat(s.Adding, s.Removing), func(id int32) bool { return !slices.Contains(s.Replicas, id) }),
		"a replica that stands twice":            !distinctReplicas(s.Replicas, s.Replicas),
		"a reassignment that is over":            s.Reassigned() && !slices.ContainsFunc(s.Target(), func(id int32) bool { return !inISR(id) }),
		"nothing left of a reassignment":         len(s.Target()) == 0 || len(s.Original()) == 0,
		"last known are eligible":                slices.ContainsFunc(s.LastKnownELR, func(id int32) bool { return inISR(id) || inELR(id) }),
		"recovering without being unclean":       s.Recovering && !m.cfg.LastKnownLeader,
		"an eligible live replica is waiting":    s.Leader == metadata.NoLeader && slices.ContainsFunc(s.ELR, func(id int32) bool { return m.m.Image().Broker(id).Active() }),
	} {
		if broken {
			m.fault("shape: %s: %s", name, describe(topic, s))
		}
	}
}

// checkHistory compares with the state before: epochs only rise, a leader epoch has one leader, and
// ISR and ELR together keep min.insync.replicas members except where one restarted uncleanly, which
// is then last known.
func (m *model) checkHistory(p *part, topic *metadata.Topic, s *metadata.Partition) {
	if leader, ok := p.leaders[s.LeaderEpoch]; ok && leader != s.Leader {
		m.fault("history: leader epoch %d of %s had leader %d", s.LeaderEpoch, describe(topic, s), leader)
	}
	p.leaders[s.LeaderEpoch] = s.Leader
	b := p.before
	if b.Replicas == nil {
		return
	}
	if s.LeaderEpoch < b.LeaderEpoch || s.PartitionEpoch < b.PartitionEpoch {
		m.fault("history: %s after %s", describe(topic, s), describe(topic, &b))
	}
	minISR := topic.MinISR(s, 1)
	all := union(union(s.ISR, s.ELR), s.LastKnownELR)
	if had := union(union(b.ISR, b.ELR), b.LastKnownELR); len(had) >= minISR && len(all) < minISR {
		m.fault("history: %s forgot members of %s", describe(topic, s), describe(topic, &b))
	}
	if len(union(b.ISR, b.ELR)) >= minISR && len(union(s.ISR, s.ELR)) < minISR {
		if len(s.LastKnownELR) == 0 {
			m.fault("history: %s dropped members of %s", describe(topic, s), describe(topic, &b))
		}
		m.marks["ISR and ELR below the minimum after an unclean restart"]++
	}
	if len(b.ISR) == 0 && len(s.ISR) == 1 {
		m.marks["an election from the ELR"]++
	}
}

// heal restarts everything, those that are stopping when they have stopped; whoever may lead then
// does.
func (m *model) heal() {
	for range 12 {
		for id := int32(1); id <= int32(len(m.nodes)); id++ {
			if m.nodes[id].up {
				m.brokers[id].silent = false
			}
			m.restart(id)
		}
		m.pass(2 * time.Second)
		m.commitRecords()
		m.check()
	}
	for _, p := range m.parts {
		if topic, s := m.state(p); s.Leader == metadata.NoLeader && len(union(s.ISR, s.ELR)) > 0 {
			m.fault("liveness: %s", describe(topic, s))
		} else if s.Leader == metadata.NoLeader {
			m.marks["a partition that waits for its records"]++
			if m.cfg.LastKnownLeader {
				m.fault("liveness: %s", describe(m.state(p)))
			}
		}
	}
}

const modelSteps = 500

// runSteps gives the first violation of a seed, "" if there is none.
func (m *model) runSteps() string {
	for i := 0; i < modelSteps && m.wrong == ""; i++ {
		m.step()
	}
	if m.wrong == "" {
		m.heal()
	}
	return m.wrong
}

func TestModel(t *testing.T) {
	marks := map[string]int{}
	for seed := range uint64(150) {
		m := newModel(t, seed, Config{})
		if wrong := m.runSteps(); wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
		m.checkReplay()
		for mark, n := range m.marks {
			marks[mark] += n
		}
	}
	for _, mark := range []string{
		"a restart without the ends of logs", "a broker that may stop", "an election from the ELR",
		"ISR and ELR below the minimum after an unclean restart", "a partition that waits for its records",
		fmt.Sprint("proposal: ", error(nil)), fmt.Sprint("proposal: ", kerr.FencedLeaderEpoch),
		fmt.Sprint("proposal: ", kerr.InvalidUpdateVersion), fmt.Sprint("proposal: ", kerr.IneligibleReplica),
		fmt.Sprint("proposal: ", kerr.StaleBrokerEpoch), fmt.Sprint("proposal: ", kerr.NewLeaderElected),
		"reassignment, cancelled false: <nil>", "reassignment, cancelled true: <nil>",
		fmt.Sprint("reassignment, cancelled true: ", kerr.InvalidReplicaAssignment), "a replica that was deleted",
	} {
		if marks[mark] == 0 {
			t.Errorf("never reached: %s", mark)
		}
	}
	t.Logf("reached: %v", marks)
}

// Where partitions may lose records rather than have no leader, all of them are led in the end, and
// what an unclean election left is then as safe as ever.
func TestModelWithUncleanElections(t *testing.T) {
	unclean := 0
	for seed := range uint64(100) {
		m := newModel(t, seed, Config{LastKnownLeader: true})
		if wrong := m.runSteps(); wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
		m.checkReplay()
		unclean += m.marks["an unclean election"]
	}
	if unclean == 0 {
		t.Error("never reached: an unclean election")
	}
}

// Each planted bug lets somebody lead who lacks committed records.
func TestModelFindsPlantedBugs(t *testing.T) {
	for name, bugs := range map[string]Bugs{
		"Unclean": {Unclean: true}, "LastReplica": {LastReplica: true},
		"RebornReplica": {RebornReplica: true}, "IsrABA": {IsrABA: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(250) {
				m := newModel(t, seed, Config{Bugs: bugs})
				m.lossOnly = true
				if wrong := m.runSteps(); wrong != "" {
					t.Logf("seed %d: %s", seed, wrong)
					return
				}
			}
			t.Error("no seed loses a committed record")
		})
	}
}
