package controller

import (
	"slices"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
)

// DamagedReplica takes a replica out of ISR and ELR, and out of the lead, whose broker has found part of it not
// to be as it was written. A new term begins, if for the same leader: fetches that the broker sent before are of
// an older one, and cannot bring it back into the ISR when it has set the damaged part aside.
//
//   - STALE_BROKER_EPOCH: the broker has registered again
//   - UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION
//   - INVALID_REQUEST: it holds no replica
//   - ELIGIBLE_LEADERS_NOT_AVAILABLE: nobody else has what this replica has, damaged as it is
func (m *Machine) DamagedReplica(req *wire.DamagedReplicaRequest) ([]metadata.Record, *wire.DamagedReplicaResponse) {
	resp := req.ResponseKind().(*wire.DamagedReplicaResponse)
	b, id := m.image.Broker(req.BrokerID), metadata.TopicID(req.TopicID)
	topic, p := m.image.Partition(id, req.Partition)
	var refused *kerr.Error
	switch {
	case b == nil || b.Epoch != req.BrokerEpoch:
		refused = kerr.StaleBrokerEpoch
	case m.image.TopicByID(id) == nil:
		refused = kerr.UnknownTopicID
	case p == nil:
		refused = kerr.UnknownTopicOrPartition
	case !slices.Contains(p.Replicas, b.ID):
		refused = kerr.InvalidRequest
	}
	if refused != nil {
		resp.ErrorCode = refused.Code
		return nil, resp
	}
	t := m.targetOf(m.image, topic, p)
	t.settle(only(p.ISR, func(member int32) bool { return member != b.ID }), b.ID)
	if led := t.elect(false, false); !led && (p.Leader == b.ID || len(t.isr)+len(t.elr) == 0) {
		resp.ErrorCode = kerr.EligibleLeadersNotAvailable.Code
		return nil, resp
	}
	change := &metadata.PartitionChangeRecord{TopicID: id, Index: p.Index}
	if changes := t.changes(); len(changes) > 0 {
		change = changes[0].PartitionChange
	}
	change.Leader = &t.leader
	resp.LeaderEpoch = p.LeaderEpoch + 1
	return []metadata.Record{{PartitionChange: change}}, resp
}
