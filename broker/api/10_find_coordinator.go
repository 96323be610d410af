package api

import (
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// FindCoordinator (key 10): which broker keeps a consumer group, or a transactional id.
//
// Behaviour
//   - it is the leader of the partition of __consumer_offsets that the group's name hashes to, or of that of
//     __transaction_state by the transactional id
//   - that topic is made on the first demand, compacted, and as often replicated as the broker's configuration says
//     and the cluster has brokers; until its partition has a leader the answer is COORDINATOR_NOT_AVAILABLE
//   - coordinators of share groups (type 2) there are none: INVALID_REQUEST, which no client takes for a reason to ask
//     again and again
//
// Versions
//   - 1 coordinator types and an error message, 3 flexible, 4 several keys, 6 share groups (KIP-932)
type findCoordinator struct{}

// coordinatedTopics are those of the types of coordinators that this broker has.
var coordinatedTopics = map[int8]string{0: metadata.ConsumerOffsets, 1: metadata.TransactionState}

func (h *findCoordinator) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.FindCoordinatorRequest)
	if name := coordinatedTopics[req.CoordinatorType]; name != "" && s.image.Topic(name) == nil {
		s.makeTopic(c, name, fx)
		return
	}
	h.answer(s, c)
}

// replied answers once the topic is made, or could not be: then the client asks again.
func (h *findCoordinator) replied(s *Session, c *call, _ ControllerReply, _ *actor.Effects) {
	h.answer(s, c)
}

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
	name := coordinatedTopics[kind]
	if name == "" {
		return fail(kerr.InvalidRequest, "this broker coordinates consumer groups and transactions: it has no share groups")
	}
	topic := s.image.Topic(name)
	if topic == nil || len(topic.Partitions) == 0 {
		return fail(kerr.CoordinatorNotAvailable, "topic "+name+" is not there yet")
	}
	b := s.image.Broker(topic.Partitions[CoordinatorPartition(key, len(topic.Partitions))].Leader)
	if b == nil || b.Fenced {
		return fail(kerr.CoordinatorNotAvailable, "the partition of "+key+" has no leader")
	}
	out.NodeID, out.Host, out.Port = b.ID, b.Host, b.Port
	return out
}

// makeTopic asks for a topic that a client's request makes by the way; the call is told when it is there.
func (s *Session) makeTopic(c *call, name string, fx *actor.Effects) {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.SetVersion(create.MaxVersion())
	create.Topics = []kmsg.CreateTopicsRequestTopic{s.newTopic(name)}
	fx.Send(Uplink, ControllerRequest{From: s.self, Call: c.id, Body: create})
}

// newTopic is a topic that a client's request makes by the way: with the defaults, unless it is the cluster's own.
func (s *Session) newTopic(name string) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	// Brokers that are down count: a topic made while they are would never have the replicas that it should.
	replicas := func(want int16) int16 { return min(want, int16(len(s.image.Registered()))) }
	configs := [][2]string{{"cleanup.policy", "compact"}, {"compression.type", "producer"}, {"segment.bytes", "104857600"}}
	switch name {
	case metadata.ConsumerOffsets:
		topic.NumPartitions, topic.ReplicationFactor = s.cfg.OffsetsPartitions, replicas(s.cfg.OffsetsReplication)
	case metadata.TransactionState:
		topic.NumPartitions, topic.ReplicationFactor = s.cfg.TransactionsPartitions, replicas(s.cfg.TransactionsReplication)
		if least := min(s.cfg.TransactionsMinISR, topic.ReplicationFactor); least > 0 {
			configs = append(configs, [2]string{"min.insync.replicas", strconv.Itoa(int(least))})
		}
	default:
		return topic
	}
	for _, c := range configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], &c[1]
		topic.Configs = append(topic.Configs, config)
	}
	return topic
}

// CoordinatorPartition is the partition of __consumer_offsets that holds a group, or of __transaction_state that holds a
// transactional id: Java's hash of its name, without its sign, modulo the number of partitions.
func CoordinatorPartition(name string, partitions int) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(name)) {
		h = 31*h + int32(unit)
	}
	if h < 0 {
		h = max(-h, 0) // the smallest number has no counterpart
	}
	return h % int32(partitions)
}
