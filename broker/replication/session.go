package replication

import (
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Limits of one fetch, as in Kafka (replica.fetch.max.bytes, replica.fetch.response.max.bytes).
const (
	PartitionBytes = 1 << 20
	ResponseBytes  = 10 << 20
)

// Position is where a follower reads on in one partition.
type Position struct {
	Topic     metadata.TopicID
	Partition int32
	Fetch     partition.Fetch
}

type key struct {
	topic     metadata.TopicID
	partition int32
}

func (p *Position) key() key { return key{p.Topic, p.Partition} }

// Session is a fetch session with one leader. Its zero value begins one.
type Session struct {
	id, epoch int32
	// asked is what the leader knows, in order; places finds it.
	asked  []Position
	places map[key]int
}

// Reset forgets the session: the next request begins another.
func (s *Session) Reset() { *s = Session{} }

// Request asks for all positions, each partition once; those that the leader knows from before are not
// named again. It keeps the slice.
func (s *Session) Request(positions []Position) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(req.MaxVersion())
	req.MinBytes, req.MaxBytes = 1, ResponseBytes
	req.SessionID, req.SessionEpoch = s.id, s.epoch
	places := make(map[key]int, len(positions))
	for i := range positions {
		p := &positions[i]
		if i == 0 {
			req.ReplicaState.ID, req.ReplicaState.Epoch = p.Fetch.Replica, p.Fetch.BrokerEpoch
		}
		places[p.key()] = i
		if before, known := s.places[p.key()]; !known || s.asked[before] != *p {
			add(req, p)
		}
	}
	for i := range s.asked {
		if _, still := places[s.asked[i].key()]; !still {
			forget(req, &s.asked[i])
		}
	}
	s.asked, s.places = positions, places
	return req
}

func add(req *kmsg.FetchRequest, p *Position) {
	n := len(req.Topics)
	if n == 0 || req.Topics[n-1].TopicID != p.Topic {
		topic := kmsg.NewFetchRequestTopic()
		topic.TopicID = p.Topic
		req.Topics = append(req.Topics, topic)
		n++
	}
	asked := kmsg.NewFetchRequestTopicPartition()
	asked.Partition, asked.PartitionMaxBytes = p.Partition, PartitionBytes
	asked.CurrentLeaderEpoch, asked.FetchOffset, asked.LastFetchedEpoch = p.Fetch.LeaderEpoch, p.Fetch.Offset, p.Fetch.LastEpoch
	asked.HighWatermark, asked.LogStartOffset = p.Fetch.HighWatermark, p.Fetch.LogStart
	req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, asked)
}

func forget(req *kmsg.FetchRequest, p *Position) {
	n := len(req.ForgottenTopics)
	if n == 0 || req.ForgottenTopics[n-1].TopicID != p.Topic {
		topic := kmsg.NewFetchRequestForgottenTopic()
		topic.TopicID = p.Topic
		req.ForgottenTopics = append(req.ForgottenTopics, topic)
		n++
	}
	req.ForgottenTopics[n-1].Partitions = append(req.ForgottenTopics[n-1].Partitions, p.Partition)
}

// Asked is the position that the answer to the last request goes by.
func (s *Session) Asked(topic metadata.TopicID, index int32) (partition.Fetch, bool) {
	i, ok := s.places[key{topic, index}]
	if !ok {
		return partition.Fetch{}, false
	}
	return s.asked[i].Fetch, true
}

// Answered takes note of the answer to the last request. An error of the whole answer ends the session;
// FETCH_SESSION_ID_NOT_FOUND and INVALID_FETCH_SESSION_EPOCH say no more than that.
func (s *Session) Answered(resp *kmsg.FetchResponse) error {
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		s.Reset()
		return err
	}
	if s.id == 0 {
		s.id, s.epoch = resp.SessionID, 0
	}
	if s.id != 0 {
		s.epoch = s.epoch%(1<<30) + 1
	}
	return nil
}
