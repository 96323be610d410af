package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetFetch (key 9): how far groups have read.
//
// Behaviour
//   - a partition without a committed offset has -1 and no error, whether it exists or not
//   - null topics are all partitions of which the group has an offset (from version 2)
//   - each group has its own error; before version 8 there is one group, and before version 2 its error stands at
//     each partition
//   - who requires offsets to be stable is told UNSTABLE_OFFSET_COMMIT of a partition while a transaction that may move
//     its offset is open (KIP-447); others get the offset that is committed
//
// Versions
//   - 2 null topics and a top-level error, 5 leader epoch, 6 flexible, 7 require stable (KIP-447), 8 several groups,
//     9 members of the next protocol, 10 topic ids
type offsetFetch struct{}

func (h *offsetFetch) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.OffsetFetchRequest)
	sent := kmsg.NewPtrOffsetFetchRequest()
	sent.SetVersion(c.request.Version)
	sent.RequireStable = req.RequireStable
	if c.request.Version < 8 {
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group = req.Group
		if req.Topics != nil || c.request.Version < 2 {
			group.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
		}
		for _, t := range req.Topics {
			topic := kmsg.NewOffsetFetchRequestGroupTopic()
			topic.Topic, topic.Partitions = t.Topic, t.Partitions
			group.Topics = append(group.Topics, topic)
		}
		sent.Groups = []kmsg.OffsetFetchRequestGroup{group}
	}
	for _, asked := range req.Groups {
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group = asked.Group
		if asked.Topics != nil {
			group.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
		}
		for _, t := range asked.Topics {
			topic := kmsg.NewOffsetFetchRequestGroupTopic()
			topic.Topic, topic.TopicID, topic.Partitions = t.Topic, t.TopicID, t.Partitions
			if known := s.image.TopicByID(t.TopicID); known != nil && c.request.Version >= 10 {
				topic.Topic = known.Name
			}
			group.Topics = append(group.Topics, topic)
		}
		sent.Groups = append(sent.Groups, group)
	}
	s.coordinate(c, sent, fx)
}

func (h *offsetFetch) coordinated(s *Session, c *call, m CoordinatorReply) {
	resp := m.Body.(*kmsg.OffsetFetchResponse)
	switch {
	case c.request.Version >= 10:
		for i := range resp.Groups {
			for j := range resp.Groups[i].Topics {
				s.identify(&resp.Groups[i].Topics[j])
			}
		}
	case c.request.Version < 8:
		flatten(resp, c.request.Body.(*kmsg.OffsetFetchRequest))
	}
	c.finish(resp)
}

// identify gives a topic its id, as far as there is such a topic.
func (s *Session) identify(t *kmsg.OffsetFetchResponseGroupTopic) {
	if topic := s.image.Topic(t.Topic); topic != nil {
		t.TopicID = topic.ID
		return
	}
	for i := range t.Partitions {
		t.Partitions[i].ErrorCode = kerr.UnknownTopicID.Code
	}
}

// flatten puts the one group of an answer where versions below 8 have it.
func flatten(resp *kmsg.OffsetFetchResponse, req *kmsg.OffsetFetchRequest) {
	group := resp.Groups[0]
	resp.ErrorCode, resp.Groups = group.ErrorCode, nil
	for _, t := range group.Topics {
		topic := kmsg.NewOffsetFetchResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			one := kmsg.NewOffsetFetchResponseTopicPartition()
			one.Partition, one.Offset, one.LeaderEpoch, one.Metadata, one.ErrorCode = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode
			topic.Partitions = append(topic.Partitions, one)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	if resp.ErrorCode == 0 || req.Version >= 2 {
		return
	}
	for _, t := range req.Topics {
		topic := kmsg.NewOffsetFetchResponseTopic()
		topic.Topic = t.Topic
		for _, index := range t.Partitions {
			one := kmsg.NewOffsetFetchResponseTopicPartition()
			one.Partition, one.Offset, one.ErrorCode = index, -1, resp.ErrorCode
			topic.Partitions = append(topic.Partitions, one)
		}
		resp.Topics = append(resp.Topics, topic)
	}
}
