package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Metadata (key 3): the brokers, and where the partitions of topics are.
//
// Behaviour
//   - v0 reads an empty list as all topics; from v1 null is all and an empty list is none
//   - a topic that is not there is created with the defaults if both the broker and the client
//     (v4) allow it; the client sees it in its next request, as with Apache Kafka
//   - the controller that is named is this broker: it carries to the active controller what only that
//     one decides, and clients may not be able to reach that one (as in KRaft)
//   - a topic that there is not has UNKNOWN_TOPIC_OR_PARTITION; a name that none can have INVALID_TOPIC_EXCEPTION,
//     whether it was to be created or not
//   - a partition without a leader has LEADER_NOT_AVAILABLE; replicas of fenced brokers are offline
//   - who asks for authorised operations is told all that there are: there are no ACLs
//
// Versions
//   - 1 rack, controller; 2 cluster id; 4 auto-creation flag; 5 offline replicas; 7 leader epoch;
//     8 authorised operations; 9 flexible; 10 topic ids in answers; 12 look-up by id; 13 top-level error
type clusterMetadata struct{}

func (h *clusterMetadata) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.MetadataRequest)
	if missing := h.missing(s, req, c.request.Version); len(missing) > 0 {
		create := kmsg.NewPtrCreateTopicsRequest()
		create.SetVersion(create.MaxVersion())
		for _, name := range missing {
			create.Topics = append(create.Topics, s.newTopic(name))
		}
		fx.Send(Uplink, ControllerRequest{From: s.self, Call: c.id, Body: create})
		return
	}
	c.finish(h.answer(s, req, c.request.Version, nil))
}

// missing lists the topics that this request creates.
func (h *clusterMetadata) missing(s *Session, req *kmsg.MetadataRequest, version int16) (names []string) {
	if !s.cfg.AutoCreate || version >= 4 && !req.AllowAutoTopicCreation {
		return nil
	}
	for i := range req.Topics {
		if name := req.Topics[i].Topic; name != nil && s.image.Topic(*name) == nil {
			names = append(names, *name)
		}
	}
	return names
}

// replied answers once the missing topics are made, or could not be.
func (h *clusterMetadata) replied(s *Session, c *call, m ControllerReply, _ *actor.Effects) {
	failed := map[string]int16{}
	for _, topic := range m.Body.(*kmsg.CreateTopicsResponse).Topics {
		if topic.ErrorCode != 0 && topic.ErrorCode != kerr.TopicAlreadyExists.Code {
			failed[topic.Topic] = topic.ErrorCode
		}
	}
	c.finish(h.answer(s, c.request.Body.(*kmsg.MetadataRequest), c.request.Version, failed))
}

func (h *clusterMetadata) answer(s *Session, req *kmsg.MetadataRequest, version int16, failed map[string]int16) *kmsg.MetadataResponse {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	resp.ClusterID, resp.ControllerID = kmsg.StringPtr(s.image.ClusterID), s.cfg.NodeID
	for _, b := range s.image.Brokers {
		broker := kmsg.NewMetadataResponseBroker()
		broker.NodeID, broker.Host, broker.Port = b.ID, b.Host, b.Port
		if b.Rack != "" {
			broker.Rack = kmsg.StringPtr(b.Rack)
		}
		resp.Brokers = append(resp.Brokers, broker)
	}
	if req.Topics == nil || version == 0 && len(req.Topics) == 0 {
		for _, name := range s.image.Names() {
			resp.Topics = append(resp.Topics, s.describe(s.image.Topic(name)))
		}
	}
	for i := range req.Topics {
		resp.Topics = append(resp.Topics, h.one(s, &req.Topics[i], failed))
	}
	if req.IncludeClusterAuthorizedOperations {
		resp.AuthorizedOperations = clusterOperations
	}
	for i := range resp.Topics {
		if t := &resp.Topics[i]; req.IncludeTopicAuthorizedOperations && t.ErrorCode == 0 {
			t.AuthorizedOperations = topicOperations
		}
	}
	return resp
}

func (h *clusterMetadata) one(s *Session, asked *kmsg.MetadataRequestTopic, failed map[string]int16) kmsg.MetadataResponseTopic {
	var topic *metadata.Topic
	missing := kerr.UnknownTopicOrPartition.Code
	if asked.Topic != nil {
		topic = s.image.Topic(*asked.Topic)
		if code, ok := failed[*asked.Topic]; ok {
			missing = code
		} else if metadata.NameProblem(*asked.Topic) != "" {
			missing = kerr.InvalidTopicException.Code
		}
	} else {
		topic = s.image.TopicByID(asked.TopicID)
		missing = kerr.UnknownTopicID.Code
	}
	if topic != nil {
		return s.describe(topic)
	}
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID, out.ErrorCode = asked.Topic, asked.TopicID, missing
	return out
}

func (s *Session) describe(topic *metadata.Topic) kmsg.MetadataResponseTopic {
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID, out.IsInternal = kmsg.StringPtr(topic.Name), topic.ID, metadata.Internal(topic.Name)
	out.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(topic.Partitions))
	for i := range topic.Partitions {
		p := kmsg.NewMetadataResponseTopicPartition()
		from := &topic.Partitions[i]
		p.Partition, p.Leader, p.LeaderEpoch = from.Index, from.Leader, from.LeaderEpoch
		p.Replicas, p.ISR = from.Replicas, from.ISR
		p.OfflineReplicas = offline(s.image, from)
		if from.Leader == metadata.NoLeader {
			p.ErrorCode = kerr.LeaderNotAvailable.Code
		}
		out.Partitions[i] = p
	}
	return out
}
