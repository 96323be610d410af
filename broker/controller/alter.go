package controller

import (
	"slices"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AlterPartition takes the ISR that the leader of a partition proposes (KIP-497), version 3 (KIP-903):
// the ISR is given with the epochs of the brokers that the leader found caught up.
//
// STALE_BROKER_EPOCH stands for the whole request if the leader has registered again. For each
// partition, in this order:
//   - UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION
//   - NOT_CONTROLLER: the leader is ahead of this machine, which so cannot be the controller
//   - FENCED_LEADER_EPOCH: another leadership term has begun
//   - INVALID_REQUEST: not the leader; not in the ISR itself; an ISR that is no set of replicas; a
//     recovery state that cannot follow; named twice in the request
//   - INVALID_UPDATE_VERSION: the partition has changed since
//   - INELIGIBLE_REPLICA: a member is fenced, shutting down, or of another epoch
//   - NEW_LEADER_ELECTED: taken, and it completed a reassignment by which another leads
//
// The answer to a proposal that was taken holds the partition as it becomes, at partition epoch + 1;
// where it completed a reassignment, perhaps in a new leader epoch.
// One that changes nothing is answered with the partition as it is.
func (m *Machine) AlterPartition(req *kmsg.AlterPartitionRequest) ([]metadata.Record, *kmsg.AlterPartitionResponse) {
	resp := req.ResponseKind().(*kmsg.AlterPartitionResponse)
	leader := m.image.Broker(req.BrokerID)
	switch {
	case req.Version < 3:
		resp.ErrorCode = kerr.UnsupportedVersion.Code
		return nil, resp
	case leader == nil || leader.Epoch != req.BrokerEpoch:
		resp.ErrorCode = kerr.StaleBrokerEpoch.Code
		return nil, resp
	}
	var records []metadata.Record
	once := onlyOnce{}
	for i := range req.Topics {
		asked := &req.Topics[i]
		answer := kmsg.NewAlterPartitionResponseTopic()
		answer.TopidID = asked.TopicID // the name is misspelt in the library
		for j := range asked.Partitions {
			changes, one := m.alterOne(once, req.BrokerID, asked.TopicID, &asked.Partitions[j])
			records = append(records, changes...)
			answer.Partitions = append(answer.Partitions, one)
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return records, resp
}

// onlyOnce notes which partitions a request has named: the second time would be decided without
// sight of the first.
type onlyOnce map[metadata.TopicID]map[int32]bool

func (o onlyOnce) first(id metadata.TopicID, index int32) bool {
	if o[id] == nil {
		o[id] = map[int32]bool{}
	}
	first := !o[id][index]
	o[id][index] = true
	return first
}

func (m *Machine) alterOne(once onlyOnce, from int32, id metadata.TopicID, asked *kmsg.AlterPartitionRequestTopicPartition) ([]metadata.Record, kmsg.AlterPartitionResponseTopicPartition) {
	answer := kmsg.NewAlterPartitionResponseTopicPartition()
	answer.Partition = asked.Partition
	topic, p := m.image.Partition(id, asked.Partition)
	err := kerr.UnknownTopicID
	switch {
	case topic != nil && !once.first(id, asked.Partition):
		err = kerr.InvalidRequest
	case topic != nil:
		err = m.checkAlteration(p, from, asked)
	case m.image.TopicByID(id) != nil:
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		answer.ErrorCode = err.Code
		return nil, answer
	}
	t := m.targetOf(m.image, topic, p)
	t.settle(proposed(asked), nobody)
	t.elect(false, false) // it may complete a reassignment, and the leader go with that
	t.recovering = asked.LeaderRecoveryState == recoveringState
	changes, next := t.changes(), *p
	if len(changes) == 0 {
		// Also a proposal that changes nothing ends the partition epoch: an earlier one of this epoch
		// that is still on its way can then not be taken any more, and its leader may forget it.
		changes = []metadata.Record{{PartitionChange: &metadata.PartitionChangeRecord{TopicID: id, Index: p.Index, ISR: slices.Clone(p.ISR)}}}
	}
	for _, r := range changes {
		next = next.With(r.PartitionChange)
	}
	if next.Leader != p.Leader {
		// It is taken, and the leader must look at what has become of the partition (KIP-455).
		answer.ErrorCode = kerr.NewLeaderElected.Code
		return changes, answer
	}
	answer.LeaderID, answer.LeaderEpoch, answer.PartitionEpoch = next.Leader, next.LeaderEpoch, next.PartitionEpoch
	answer.ISR = slices.Clone(next.ISR)
	if next.Recovering {
		answer.LeaderRecoveryState = recoveringState
	}
	return changes, answer
}

// recoveringState of a leader that was elected uncleanly, on the wire (KIP-704).
const recoveringState = 1

func proposed(asked *kmsg.AlterPartitionRequestTopicPartition) []int32 {
	isr := make([]int32, 0, len(asked.NewEpochISR))
	for _, member := range asked.NewEpochISR {
		isr = append(isr, member.BrokerID)
	}
	return isr
}

// checkAlteration gives the error of a proposal, nil if it can be taken. The conditions stand in
// the order of AlterPartition's comment.
func (m *Machine) checkAlteration(p *metadata.Partition, from int32, asked *kmsg.AlterPartitionRequestTopicPartition) *kerr.Error {
	isr := proposed(asked)
	recovering := asked.LeaderRecoveryState == recoveringState
	switch {
	case asked.LeaderEpoch > p.LeaderEpoch, asked.PartitionEpoch > p.PartitionEpoch:
		return kerr.NotController
	case asked.LeaderEpoch < p.LeaderEpoch:
		return kerr.FencedLeaderEpoch
	case from != p.Leader, !slices.Contains(isr, from), !distinctReplicas(isr, p.Replicas):
		return kerr.InvalidRequest
	case asked.LeaderRecoveryState != 0 && !recovering, recovering && (!p.Recovering || len(isr) > 1):
		return kerr.InvalidRequest
	case asked.PartitionEpoch < p.PartitionEpoch && !m.cfg.Bugs.IsrABA:
		return kerr.InvalidUpdateVersion
	}
	for _, member := range asked.NewEpochISR {
		b := m.image.Broker(member.BrokerID)
		if !b.Active() || b.Epoch != member.BrokerEpoch && !m.cfg.Bugs.RebornReplica {
			return kerr.IneligibleReplica
		}
	}
	return nil
}

// distinctReplicas says that the list is a set of replicas.
func distinctReplicas(list, replicas []int32) bool {
	for i, id := range list {
		if !slices.Contains(replicas, id) || slices.Contains(list[:i], id) {
			return false
		}
	}
	return true
}
