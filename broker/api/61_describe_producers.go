package api

import (
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeProducers (key 61, KIP-664): the idempotent producers that a partition remembers.
//
// Behaviour
//   - every replica answers with what its own log has, leader or not; any other broker has NOT_LEADER_OR_FOLLOWER. Each
//     partition has its own error
//   - a producer has the sequence of its last record and the largest timestamp of its last batch; by producer id
//   - with an open transaction comes its first offset, -1 without; the coordinator's epoch is that of the producer's last
//     marker, -1 before the first
//
// Versions
//   - 0
type describeProducers struct {
	resp    *kmsg.DescribeProducersResponse
	parts   []*kmsg.DescribeProducersResponseTopicPartition
	waiting int
}

func (h *describeProducers) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.DescribeProducersRequest)
	h.resp = req.ResponseKind().(*kmsg.DescribeProducersResponse)
	h.resp.Topics = make([]kmsg.DescribeProducersResponseTopic, len(req.Topics))
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.image.Topic(asked.Topic)
		out := &h.resp.Topics[i]
		out.Topic = asked.Topic
		out.Partitions = make([]kmsg.DescribeProducersResponseTopicPartition, len(asked.Partitions))
		for j, index := range asked.Partitions {
			p := &out.Partitions[j]
			p.Partition = index
			if err := s.elsewhere(topic, index); err != nil {
				p.ErrorCode, p.ErrorMessage = err.Code, kmsg.StringPtr(err.Description)
			} else {
				h.waiting++
				replica := Replica{topic.ID, index}
				fx.Send(ShardOf(replica, s.cfg.Shards), ProducerQuery{
					Ticket: partition.Ticket{To: s.self, Call: c.id, Part: int32(len(h.parts))}, Replica: replica,
				})
			}
			h.parts = append(h.parts, p)
		}
	}
	if h.waiting == 0 {
		c.finish(h.resp)
	}
}

func (h *describeProducers) remembered(c *call, m ProducerAnswer) {
	p := h.parts[m.Part]
	if m.Error != 0 {
		p.ErrorCode, p.ErrorMessage = m.Error, kmsg.StringPtr(kerr.TypedErrorForCode(m.Error).Description)
	}
	for _, known := range m.Producers {
		one := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		one.ProducerID, one.ProducerEpoch, one.LastSequence, one.LastTimestamp = known.ID, int32(known.Epoch), known.LastSequence, known.LastTimestamp
		one.CurrentTxnStartOffset, one.CoordinatorEpoch = known.CurrentTxnStart, known.CoordinatorEpoch
		p.ActiveProducers = append(p.ActiveProducers, one)
	}
	if h.waiting--; h.waiting == 0 {
		c.finish(h.resp)
	}
}

// elsewhere says why there is no replica of a partition here.
func (s *Session) elsewhere(topic *metadata.Topic, index int32) *kerr.Error {
	if err := s.misplaced(topic, index); err != kerr.NotLeaderForPartition {
		return err
	}
	if !slices.Contains(topic.Partitions[index].Replicas, s.cfg.NodeID) {
		return kerr.NotLeaderForPartition
	}
	return nil
}
