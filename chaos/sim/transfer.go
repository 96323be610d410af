package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// operatorFaults are the timeline's faults that an operator of the cluster makes.
func operatorFaults() map[timeline.Kind]*effect {
	return map[timeline.Kind]*effect{
		timeline.TransferLeader: {
			inject: func(f *firing) { f.give(f.to) },
			prove:  func(f *firing) string { return f.leads(f.to) },
			heal:   func(f *firing) { f.give(f.end.id) },
			healed: func(f *firing) string { return f.leads(f.end.id) },
		},
		timeline.Reassign: {
			inject: func(f *firing) { f.move(f.during) },
			prove:  func(f *firing) string { return f.moves() },
			heal:   func(f *firing) { f.move(f.before) },
			healed: func(f *firing) string { return f.moved() },
		},
	}
}

// transferEvery is how long the nemesis waits between two requests of a transfer.
const transferEvery = 50 * time.Millisecond

// successor finds who may lead a partition in the place of a node: the first other of its replicas.
func (f *firing) successor(target timeline.Target) error {
	s, err := target.Selector()
	if err != nil || s.Role != timeline.Leader {
		return fmt.Errorf("target %s is not the leader of a partition", target)
	}
	f.partition = int(s.Partition)
	replicas, err := locator{f.sim}.partition(s.Topic, s.Partition)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(replicas.Replicas), func(id int32) bool { return id == f.end.id })
	if len(others) == 0 {
		return fmt.Errorf("target %s: node %d is the only replica, nobody else can lead", target, f.end.id)
	}
	f.to = others[0]
	return nil
}

// give asks brokers, again and again, to put a replica first and then to elect it, until it leads or another is
// to be given the lead.
func (f *firing) give(to int32) {
	f.goal = to
	var ask func()
	ask = func() {
		p := f.sim.checker.partition(f.partition)
		if f.goal != to || p != nil && p.Leader == to {
			return
		}
		again := func(bool, string) { f.sim.after(transferEvery, kindFault, ask) }
		brokers := f.sim.hosts[:f.sim.terrain.cluster.Brokers]
		asked := brokers[f.sim.rng.IntN(len(brokers))]
		var req kmsg.Request
		if p != nil && p.Replicas[0] == to {
			elect := kmsg.NewPtrElectLeadersRequest()
			topic := kmsg.NewElectLeadersRequestTopic()
			topic.Topic, topic.Partitions = Topic, []int32{int32(f.partition)}
			elect.Topics, elect.TimeoutMillis = append(elect.Topics, topic), int32(pingTimeout.Milliseconds())
			req = elect
		} else {
			assign := kmsg.NewPtrAlterPartitionAssignmentsRequest()
			topic, part := kmsg.NewAlterPartitionAssignmentsRequestTopic(), kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
			part.Partition, part.Replicas = int32(f.partition), f.order(to)
			topic.Topic, topic.Partitions = Topic, append(topic.Partitions, part)
			assign.Topics, assign.TimeoutMillis = append(assign.Topics, topic), int32(pingTimeout.Milliseconds())
			req = assign
		}
		versions, _ := wire.Served(wire.Clients, req.Key())
		req.SetVersion(versions.Max)
		f.sim.nemesis.knock(f.sim.nemesis.end, asked, wire.Clients, req, again)
	}
	ask()
}

// order is the replicas of the partition with one of them first.
func (f *firing) order(first int32) []int32 {
	order := []int32{first}
	if p := f.sim.checker.partition(f.partition); p != nil {
		order = append(order, slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return id == first })...)
	}
	return order
}

// leads proves who leads the partition, by what the controllers have committed.
func (f *firing) leads(node int32) string {
	if p := f.sim.checker.partition(f.partition); p == nil || p.Leader != node {
		return ""
	}
	return fmt.Sprintf("node %d leads %s", node, place(f.partition))
}
