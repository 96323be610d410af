package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetDelete (key 47, KIP-496): forget what a group has committed for some partitions.
//
// Behaviour
//   - each partition has its own error: UNKNOWN_TOPIC_OR_PARTITION if it is not there, GROUP_SUBSCRIBED_TO_TOPIC while
//     members read its topic; one of which nothing was committed has none
//   - a group with members of another kind than consumers is refused with NON_EMPTY_GROUP
//
// Versions
//   - 0
type offsetDelete struct{ resp *kmsg.OffsetDeleteResponse }

func (h *offsetDelete) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.OffsetDeleteRequest)
	h.resp = req.ResponseKind().(*kmsg.OffsetDeleteResponse)
	sent := *req
	sent.Topics = nil
	for _, asked := range req.Topics {
		topic := s.image.Topic(asked.Topic)
		out := kmsg.NewOffsetDeleteResponseTopic()
		out.Topic = asked.Topic
		known := kmsg.NewOffsetDeleteRequestTopic()
		known.Topic = asked.Topic
		for _, p := range asked.Partitions {
			one := kmsg.NewOffsetDeleteResponseTopicPartition()
			one.Partition = p.Partition
			if one.ErrorCode = absent(topic, p.Partition, false); one.ErrorCode == 0 {
				known.Partitions = append(known.Partitions, p)
			}
			out.Partitions = append(out.Partitions, one)
		}
		h.resp.Topics = append(h.resp.Topics, out)
		if len(known.Partitions) > 0 {
			sent.Topics = append(sent.Topics, known)
		}
	}
	s.coordinate(c, &sent, fx)
}

func (h *offsetDelete) coordinated(_ *Session, c *call, m CoordinatorReply) {
	got := m.Body.(*kmsg.OffsetDeleteResponse)
	if got.ErrorCode != 0 {
		h.resp.ErrorCode, h.resp.Topics = got.ErrorCode, nil
		c.finish(h.resp)
		return
	}
	var answers []kmsg.OffsetDeleteResponseTopicPartition
	for _, t := range got.Topics {
		answers = append(answers, t.Partitions...)
	}
	for i := range h.resp.Topics {
		for j := range h.resp.Topics[i].Partitions {
			if p := &h.resp.Topics[i].Partitions[j]; p.ErrorCode != kerr.UnknownTopicOrPartition.Code {
				p.ErrorCode, answers = answers[0].ErrorCode, answers[1:]
			}
		}
	}
	c.finish(h.resp)
}
