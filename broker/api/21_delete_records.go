package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteRecords (key 21): make the records below an offset unreadable, on all replicas (KIP-107).
//
// Behaviour
//   - the leader's log start rises to the offset, durably; -1 is the high watermark; an offset that is not above
//     the log start changes nothing
//   - followers learn of it with their next fetch; the answer comes when the low watermark, the smallest log start
//     of all replicas whose brokers are alive, has reached the offset, and carries it; REQUEST_TIMED_OUT after
//     the request's timeout, although the records are gone from the leader
//   - OFFSET_OUT_OF_RANGE above the high watermark or for another negative offset; POLICY_VIOLATION where
//     cleanup.policy is compact alone: the last record of a key must stay
//   - only the leader answers, NOT_LEADER_OR_FOLLOWER else
//
// Versions
//   - 2 flexible
type deleteRecords struct {
	resp    *kmsg.DeleteRecordsResponse
	parts   []*kmsg.DeleteRecordsResponseTopicPartition
	waiting int
}

// DeleteQuery asks a shard to raise the log start of a replica that leads; DeleteAnswer comes once the others have
// raised theirs.
type DeleteQuery struct {
	Ticket  partition.Ticket
	Replica Replica
	// Offset of the first record that stays; -1 is the high watermark.
	Offset int64
}

// DeleteAnswer answers a DeleteQuery; LowWatermark is -1 with an error.
type DeleteAnswer struct {
	Call         uint64
	Part         int32
	Error        int16
	LowWatermark int64
}

func (h *deleteRecords) start(s *Session, c *call, now time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.DeleteRecordsRequest)
	h.resp = req.ResponseKind().(*kmsg.DeleteRecordsResponse)
	h.resp.Topics = make([]kmsg.DeleteRecordsResponseTopic, len(req.Topics))
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.image.Topic(asked.Topic)
		out := kmsg.NewDeleteRecordsResponseTopic()
		out.Topic = asked.Topic
		out.Partitions = make([]kmsg.DeleteRecordsResponseTopicPartition, len(asked.Partitions))
		for j := range asked.Partitions {
			p := kmsg.NewDeleteRecordsResponseTopicPartition()
			p.Partition, p.LowWatermark = asked.Partitions[j].Partition, -1
			if err := s.misplaced(topic, p.Partition); err != nil {
				p.ErrorCode = err.Code
			} else {
				h.waiting++
				p.ErrorCode = pending
				replica := Replica{topic.ID, p.Partition}
				fx.Send(ShardOf(replica, s.cfg.Shards), DeleteQuery{
					Ticket:  partition.Ticket{To: s.self, Call: c.id, Part: int32(len(h.parts))},
					Replica: replica, Offset: asked.Partitions[j].Offset,
				})
			}
			out.Partitions[j] = p
			h.parts = append(h.parts, &out.Partitions[j])
		}
		h.resp.Topics[i] = out
	}
	if c.deadline = now.Add(time.Duration(max(req.TimeoutMillis, 0)) * time.Millisecond); h.waiting == 0 {
		c.finish(h.resp)
	}
}

// pending marks a partition without an answer; it is never sent.
const pending = -2

func (h *deleteRecords) deleted(c *call, m DeleteAnswer) {
	p := h.parts[m.Part]
	p.ErrorCode, p.LowWatermark = m.Error, m.LowWatermark
	if h.waiting--; h.waiting == 0 {
		c.finish(h.resp)
	}
}

// expire answers the partitions whose replicas have not all followed in time.
func (h *deleteRecords) expire(_ *Session, c *call, _ *actor.Effects) {
	for _, p := range h.parts {
		if p.ErrorCode == pending {
			p.ErrorCode = kerr.RequestTimedOut.Code
		}
	}
	c.finish(h.resp)
}
