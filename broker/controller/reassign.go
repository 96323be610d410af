package controller

import (
	"slices"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AlterPartitionReassignments gives partitions other replicas (KIP-455), or cancels that: each partition
// of the request on its own.
//
//	asked for [1 2 3], had [0 1 2] ──> replicas [1 2 3 0], adding [3], removing [0]
//	                                     │ 1, 2 and 3 are all in the ISR    │ cancelled
//	                                     v                                  v
//	                                   replicas [1 2 3]                   replicas [1 2 0]
//
// What needs nobody new in the ISR, as another order, takes effect at once. A new reassignment of a
// partition takes the place of the one under way; what that one had added stays until the new one is
// over. Where a replica goes, a new leadership term begins.
//
// The errors of a partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST if it is named twice,
// INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR where the request wants the factor to stay
// (KIP-860), NO_REASSIGNMENT_IN_PROGRESS.
func (m *Machine) AlterPartitionReassignments(req *kmsg.AlterPartitionAssignmentsRequest) ([]metadata.Record, *kmsg.AlterPartitionAssignmentsResponse) {
	resp := req.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	resp.AllowReplicationFactorChange = req.AllowReplicationFactorChange
	var records []metadata.Record
	once := onlyOnce{}
	for i := range req.Topics {
		asked := &req.Topics[i]
		answer := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		answer.Topic = asked.Topic
		for _, p := range asked.Partitions {
			one := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			one.Partition = p.Partition
			changes, err := m.reassignOne(once, asked.Topic, p, req.AllowReplicationFactorChange)
			if err != nil {
				one.ErrorCode, one.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
			}
			records = append(records, changes...)
			answer.Partitions = append(answer.Partitions, one)
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return records, resp
}

func (m *Machine) reassignOne(once onlyOnce, name string, asked kmsg.AlterPartitionAssignmentsRequestTopicPartition, otherFactor bool) ([]metadata.Record, *failure) {
	topic := m.image.Topic(name)
	switch {
	case topic == nil || asked.Partition < 0 || int(asked.Partition) >= len(topic.Partitions):
		return nil, fail(kerr.UnknownTopicOrPartition, "there is no partition %s-%d", name, asked.Partition)
	case !once.first(topic.ID, asked.Partition):
		return nil, fail(kerr.InvalidRequest, "%s-%d is named twice", name, asked.Partition)
	}
	p := &topic.Partitions[asked.Partition]
	t := m.targetOf(m.image, topic, p)
	var err *failure
	switch {
	case asked.Replicas == nil:
		err = t.cancel()
	default:
		if err = m.checkReassignment(t, asked.Replicas, otherFactor); err == nil {
			t.reassign(asked.Replicas)
		}
	}
	if err != nil {
		return nil, err
	}
	return t.changes(), nil
}

// checkReassignment refuses what can be nobody's replicas.
func (m *Machine) checkReassignment(t *target, replicas []int32, otherFactor bool) *failure {
	name, index := t.topic.Name, t.from.Index
	if len(replicas) == 0 {
		return fail(kerr.InvalidReplicaAssignment, "%s-%d: no replicas: want at least 1, or null to cancel", name, index)
	}
	for i, id := range replicas {
		if m.image.Broker(id) == nil {
			return fail(kerr.InvalidReplicaAssignment, "%s-%d: there is no broker %d", name, index, id)
		}
		if slices.Contains(replicas[:i], id) {
			return fail(kerr.InvalidReplicaAssignment, "%s-%d: broker %d stands twice in %v", name, index, id, replicas)
		}
	}
	if was := len(t.from.Target()); !otherFactor && was != len(replicas) {
		return fail(kerr.InvalidReplicationFactor, "%s-%d: the replication factor would change from %d to %d", name, index, was, len(replicas))
	}
	return nil
}

// reassign begins to give the partition other replicas. Whoever holds one keeps it until it is over.
func (t *target) reassign(replicas []int32) {
	original := t.from.Original()
	t.removing = slices.Sorted(slices.Values(only(t.from.Replicas, func(id int32) bool { return !slices.Contains(replicas, id) })))
	t.replicas = slices.Concat(replicas, t.removing)
	t.adding = slices.Sorted(slices.Values(only(t.replicas, func(id int32) bool { return !slices.Contains(original, id) })))
	t.settle(t.isr, nobody)
	t.elect(false, false)
}

// cancel gives the partition the replicas back that it had, if what is committed stays on as many of them
// as min.insync.replicas wants, where there are so many now, and one of them can lead. Apache Kafka is
// content with one. A topic that prefers a leader that lacks records to none gets what it prefers.
func (t *target) cancel() *failure {
	if !t.from.Reassigned() {
		return fail(kerr.NoReassignmentInProgress, "%s-%d is not reassigned", t.topic.Name, t.from.Index)
	}
	t.replicas, t.adding, t.removing = t.from.Original(), nil, nil
	t.settle(only(t.isr, t.holds), nobody)
	need := max(1, min(t.minISR, len(t.from.ISR)+len(t.from.ELR)))
	safe := len(t.isr)+len(t.elr) >= need
	led := t.elect(false, t.topic.Unclean(t.unclean))
	if !led && t.from.Leader != metadata.NoLeader || !safe && !t.topic.Unclean(t.unclean) {
		return fail(kerr.InvalidReplicaAssignment, "%s-%d: ISR %v and ELR %v have records that too few of %v have: cancel it when %d of them are in sync",
			t.topic.Name, t.from.Index, t.from.ISR, t.from.ELR, t.replicas, need)
	}
	return nil
}

// complete ends a reassignment as soon as all replicas that shall be are in the ISR: the others go, out
// of the ISR too.
func (t *target) complete() {
	shall := only(t.replicas, func(id int32) bool { return !slices.Contains(t.removing, id) })
	missing := func(id int32) bool { return !slices.Contains(t.isr, id) }
	if len(t.adding)+len(t.removing) == 0 || slices.ContainsFunc(shall, missing) {
		return
	}
	t.replicas, t.adding, t.removing = shall, nil, nil
	t.isr = only(t.isr, t.holds)
	t.minISR = t.topic.MinISR(&metadata.Partition{Replicas: t.replicas}, t.byDefault)
}

// ListPartitionReassignments tells which partitions are reassigned (KIP-455): of the topics asked for,
// or of all where those are null. Partitions that are not, or that do not exist, are not mentioned.
func (m *Machine) ListPartitionReassignments(req *kmsg.ListPartitionReassignmentsRequest) *kmsg.ListPartitionReassignmentsResponse {
	resp := req.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	asked := req.Topics
	if asked == nil {
		for _, name := range m.image.Names() {
			topic := kmsg.NewListPartitionReassignmentsRequestTopic()
			topic.Topic = name
			for i := range m.image.Topic(name).Partitions {
				topic.Partitions = append(topic.Partitions, int32(i))
			}
			asked = append(asked, topic)
		}
	}
	for _, one := range asked {
		topic := m.image.Topic(one.Topic)
		answer := kmsg.NewListPartitionReassignmentsResponseTopic()
		answer.Topic = one.Topic
		for _, index := range one.Partitions {
			if topic == nil || index < 0 || int(index) >= len(topic.Partitions) || !topic.Partitions[index].Reassigned() {
				continue
			}
			from, p := &topic.Partitions[index], kmsg.NewListPartitionReassignmentsResponseTopicPartition()
			p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas = index, from.Replicas, from.Adding, from.Removing
			answer.Partitions = append(answer.Partitions, p)
		}
		if len(answer.Partitions) > 0 {
			resp.Topics = append(resp.Topics, answer)
		}
	}
	return resp
}
