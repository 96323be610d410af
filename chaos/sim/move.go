package sim

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// elsewhere finds which replicas the partition of a node that leads it may have instead: a broker that has none in
// the node's place, or the others alone.
func (f *firing) elsewhere(target timeline.Target) error {
	s, err := target.Selector()
	if err != nil || s.Role != timeline.Leader {
		return fmt.Errorf("target %s is not the leader of a partition", target)
	}
	f.partition = int(s.Partition)
	p, err := locator{f.sim}.partition(s.Topic, s.Partition)
	if err != nil {
		return err
	}
	f.before = slices.Clone(p.Replicas)
	f.during = slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return id == f.end.id })
	for _, h := range f.sim.hosts[:f.sim.terrain.cluster.Brokers] {
		if !slices.Contains(p.Replicas, h.id) {
			f.during = append(f.during, h.id)
			break
		}
	}
	if len(f.during) == 0 {
		return fmt.Errorf("target %s: node %d is the only replica, and there is no other broker", target, f.end.id)
	}
	return nil
}

// move asks brokers, again and again, to give the partition other replicas, until those are on their way or others are
// asked for.
func (f *firing) move(to []int32) {
	f.shall = to
	var ask func()
	ask = func() {
		p := f.sim.checker.partition(f.partition)
		if !slices.Equal(f.shall, to) || p != nil && slices.Equal(p.Target(), to) {
			return
		}
		brokers := f.sim.hosts[:f.sim.terrain.cluster.Brokers]
		asked := brokers[f.sim.rng.IntN(len(brokers))]
		req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		topic, part := kmsg.NewAlterPartitionAssignmentsRequestTopic(), kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		part.Partition, part.Replicas = int32(f.partition), to
		topic.Topic, topic.Partitions = Topic, append(topic.Partitions, part)
		req.Topics, req.TimeoutMillis = append(req.Topics, topic), int32(pingTimeout.Milliseconds())
		versions, _ := wire.Served(wire.Clients, req.Key())
		req.SetVersion(versions.Max)
		again := func(bool, string) { f.sim.after(transferEvery, kindFault, ask) }
		f.sim.nemesis.knock(f.sim.nemesis.end, asked, wire.Clients, req, again)
	}
	ask()
}

// moves proves that the replicas are not those of before, by what the controllers have committed.
func (f *firing) moves() string {
	p := f.sim.checker.partition(f.partition)
	if p == nil || !p.Reassigned() && slices.Equal(p.Replicas, f.before) {
		return ""
	}
	return fmt.Sprintf("%s has the replicas %v, of which %v come and %v go", place(f.partition), p.Replicas, p.Adding, p.Removing)
}

// moved proves that they are again, and that nothing is being moved.
func (f *firing) moved() string {
	p := f.sim.checker.partition(f.partition)
	if p == nil || p.Reassigned() || !slices.Equal(p.Replicas, f.before) {
		return ""
	}
	return fmt.Sprintf("%s has the replicas %v", place(f.partition), p.Replicas)
}
