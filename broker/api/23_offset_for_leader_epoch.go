package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetForLeaderEpoch (key 23): where the records of a leader epoch end. A consumer that read beyond
// that has read records that were lost, a follower has records to remove.
//
// Behaviour
//   - the answer is the largest epoch in the log that is not above the asked one, and the offset after
//     its last record (KIP-101, KIP-279); the current epoch ends at the log's end, which may lie above
//     the high watermark
//   - -1 and -1 for an epoch that this leader has not seen; an epoch before the first is answered with
//     itself and the offset where the first begins
//   - only the leader answers, and only a client that knows its epoch or names none:
//     FENCED_LEADER_EPOCH for one that is behind, UNKNOWN_LEADER_EPOCH for one that is ahead (KIP-320)
//     after a moment in which this broker may hear of it too (see ahead)
//   - who asks, a consumer or a replica, makes no difference
//
// Versions
//   - 2 current leader epoch, 3 replica id, 4 flexible; before 2 nobody could be fenced, and Apache
//     Kafka 4 does not answer either
type offsetForLeaderEpoch struct {
	resp    *kmsg.OffsetForLeaderEpochResponse
	parts   []*kmsg.OffsetForLeaderEpochResponseTopicPartition
	waiting int
}

func (h *offsetForLeaderEpoch) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.OffsetForLeaderEpochRequest)
	h.resp = req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	h.resp.Topics = make([]kmsg.OffsetForLeaderEpochResponseTopic, len(req.Topics))
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.image.Topic(asked.Topic)
		out := kmsg.NewOffsetForLeaderEpochResponseTopic()
		out.Topic = asked.Topic
		out.Partitions = make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(asked.Partitions))
		for j := range asked.Partitions {
			p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			p.Partition = asked.Partitions[j].Partition
			if err := s.misplaced(topic, p.Partition); err != nil {
				p.ErrorCode = err.Code
			} else {
				h.waiting++
				replica := Replica{topic.ID, p.Partition}
				fx.Send(ShardOf(replica, s.cfg.Shards), EpochQuery{
					Ticket:  partition.Ticket{To: s.self, Call: c.id, Part: int32(len(h.parts))},
					Replica: replica, Epoch: asked.Partitions[j].CurrentLeaderEpoch, Asked: asked.Partitions[j].LeaderEpoch,
				})
			}
			out.Partitions[j] = p
			h.parts = append(h.parts, &out.Partitions[j])
		}
		h.resp.Topics[i] = out
	}
	if h.waiting == 0 {
		c.finish(h.resp)
	}
}

func (h *offsetForLeaderEpoch) ended(c *call, m EpochAnswer) {
	p := h.parts[m.Part]
	p.ErrorCode, p.LeaderEpoch, p.EndOffset = m.Error, m.LeaderEpoch, m.EndOffset
	if h.waiting--; h.waiting == 0 {
		c.finish(h.resp)
	}
}
