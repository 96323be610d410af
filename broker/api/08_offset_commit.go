package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetCommit (key 8): keep how far a group has read some partitions.
//
// Behaviour
//   - each partition has its own error; a topic or partition that is not there has UNKNOWN_TOPIC_OR_PARTITION or
//     UNKNOWN_TOPIC_ID, and the rest is committed
//   - a member commits in its generation: UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID and, while members
//     have joined and not yet heard their assignment, REBALANCE_IN_PROGRESS
//   - a consumer without a group commits with generation -1, as long as the group has no members
//   - it is answered when the offsets are committed to __consumer_offsets; if that is not known, the client is told
//     to ask again
//
// Versions
//   - 2-4 a retention time, 5 none; 6 leader epoch, 7 static members (KIP-345), 8 flexible, 9 members of the next
//     protocol, which this broker does not have; 10 topic ids (KIP-848)
type offsetCommit struct{ resp *kmsg.OffsetCommitResponse }

func (h *offsetCommit) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.OffsetCommitRequest)
	h.resp = req.ResponseKind().(*kmsg.OffsetCommitResponse)
	sent := *req
	sent.Topics = nil
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.named(asked.Topic, asked.TopicID, c.request.Version >= 10)
		out := kmsg.NewOffsetCommitResponseTopic()
		out.Topic, out.TopicID = asked.Topic, asked.TopicID
		known := kmsg.NewOffsetCommitRequestTopic()
		for _, p := range asked.Partitions {
			one := kmsg.NewOffsetCommitResponseTopicPartition()
			one.Partition = p.Partition
			if one.ErrorCode = absent(topic, p.Partition, c.request.Version >= 10); one.ErrorCode == 0 {
				known.Partitions = append(known.Partitions, p)
			}
			out.Partitions = append(out.Partitions, one)
		}
		h.resp.Topics = append(h.resp.Topics, out)
		if len(known.Partitions) > 0 {
			known.Topic, known.TopicID = topic.Name, topic.ID
			sent.Topics = append(sent.Topics, known)
		}
	}
	if len(sent.Topics) == 0 {
		c.finish(h.resp)
		return
	}
	s.coordinate(c, &sent, fx)
}

// coordinated puts the answers in the places of those partitions that were asked for.
func (h *offsetCommit) coordinated(_ *Session, c *call, m CoordinatorReply) {
	var answers []kmsg.OffsetCommitResponseTopicPartition
	for _, t := range m.Body.(*kmsg.OffsetCommitResponse).Topics {
		answers = append(answers, t.Partitions...)
	}
	for i := range h.resp.Topics {
		for j := range h.resp.Topics[i].Partitions {
			if p := &h.resp.Topics[i].Partitions[j]; p.ErrorCode == 0 {
				p.ErrorCode, answers = answers[0].ErrorCode, answers[1:]
			}
		}
	}
	c.finish(h.resp)
}

// named finds a topic by name, or by id in those versions that have ids in place of names.
func (s *Session) named(name string, id metadata.TopicID, byID bool) *metadata.Topic {
	if byID {
		return s.image.TopicByID(id)
	}
	return s.image.Topic(name)
}

// absent is the error of a partition that is not there; 0 if it is.
func absent(topic *metadata.Topic, index int32, byID bool) int16 {
	switch {
	case topic == nil && byID:
		return kerr.UnknownTopicID.Code
	case topic == nil || index < 0 || int(index) >= len(topic.Partitions):
		return kerr.UnknownTopicOrPartition.Code
	}
	return 0
}
