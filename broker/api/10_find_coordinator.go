package api

import (
	"time"
	"unicode/utf16"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// FindCoordinator (key 10): which broker keeps a consumer group.
//
// Behaviour
//   - it is the leader of the partition of __consumer_offsets that the group's name hashes to
//   - that topic is made on the first demand, compacted, and as often replicated as the broker's configuration says
//     and the cluster has brokers; until its partition has a leader the answer is COORDINATOR_NOT_AVAILABLE
//   - coordinators of transactions (type 1) and of share groups (type 2) there are none: INVALID_REQUEST, which no
//     client takes for a reason to ask again and again
//
// Versions
//   - 1 coordinator types and an error message, 3 flexible, 4 several keys, 6 share groups (KIP-932)
type findCoordinator struct{}

// groupCoordinator is the type of coordinator that this broker has.
const groupCoordinator = 0

func (h *findCoordinator) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.FindCoordinatorRequest)
	if req.CoordinatorType == groupCoordinator && s.image.Topic(metadata.ConsumerOffsets) == nil {
		create := kmsg.NewPtrCreateTopicsRequest()
		create.SetVersion(create.MaxVersion())
		create.Topics = []kmsg.CreateTopicsRequestTopic{s.newTopic(metadata.ConsumerOffsets)}
		fx.Send(Uplink, ControllerRequest{From: s.self, Call: c.id, Body: create})
		return
	}
	h.answer(s, c)
}

// replied answers once the topic is made, or could not be: then the client asks again.
func (h *findCoordinator) replied(s *Session, c *call, _ ControllerReply) { h.answer(s, c) }

func (h *findCoordinator) answer(s *Session, c *call) {
	req := c.request.Body.(*kmsg.FindCoordinatorRequest)
	resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
	keys := req.CoordinatorKeys
	if c.request.Version < 4 {
		keys = []string{req.CoordinatorKey}
	}
	for _, key := range keys {
		resp.Coordinators = append(resp.Coordinators, s.coordinator(key, req.CoordinatorType))
	}
	if c.request.Version < 4 {
		one := resp.Coordinators[0]
		resp.ErrorCode, resp.ErrorMessage, resp.NodeID, resp.Host, resp.Port = one.ErrorCode, one.ErrorMessage, one.NodeID, one.Host, one.Port
		resp.Coordinators = nil
	}
	c.finish(resp)
}

// coordinator is the answer for one key.
func (s *Session) coordinator(key string, kind int8) kmsg.FindCoordinatorResponseCoordinator {
	out := kmsg.NewFindCoordinatorResponseCoordinator()
	out.Key, out.NodeID, out.Port = key, -1, -1
	fail := func(err *kerr.Error, message string) kmsg.FindCoordinatorResponseCoordinator {
		out.ErrorCode, out.ErrorMessage = err.Code, kmsg.StringPtr(message)
		return out
	}
	if kind != groupCoordinator {
		return fail(kerr.InvalidRequest, "this broker coordinates consumer groups only: it has no transactions and no share groups")
	}
	topic := s.image.Topic(metadata.ConsumerOffsets)
	if topic == nil || len(topic.Partitions) == 0 {
		return fail(kerr.CoordinatorNotAvailable, "topic "+metadata.ConsumerOffsets+" is not there yet")
	}
	b := s.image.Broker(topic.Partitions[CoordinatorPartition(key, len(topic.Partitions))].Leader)
	if b == nil || b.Fenced {
		return fail(kerr.CoordinatorNotAvailable, "the partition of the group has no leader")
	}
	out.NodeID, out.Host, out.Port = b.ID, b.Host, b.Port
	return out
}

// newTopic is a topic that a client's request makes by the way: with the defaults, unless it is the cluster's own.
func (s *Session) newTopic(name string) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	if name != metadata.ConsumerOffsets {
		return topic
	}
	// Brokers that are down count: a topic made while they are would never have the replicas that it should.
	topic.NumPartitions = s.cfg.OffsetsPartitions
	topic.ReplicationFactor = min(s.cfg.OffsetsReplication, int16(len(s.image.Registered())))
	for _, c := range [][2]string{{"cleanup.policy", "compact"}, {"compression.type", "producer"}, {"segment.bytes", "104857600"}} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], &c[1]
		topic.Configs = append(topic.Configs, config)
	}
	return topic
}

// CoordinatorPartition is the partition of __consumer_offsets that holds a group: Java's hash of its name, without
// its sign, modulo the number of partitions.
func CoordinatorPartition(group string, partitions int) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(group)) {
		h = 31*h + int32(unit)
	}
	if h < 0 {
		h = max(-h, 0) // the smallest number has no counterpart
	}
	return h % int32(partitions)
}
