package api

import (
	"slices"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchSession is what a leader keeps of a follower's fetches on one connection, so that a fetch says
// only what has changed (KIP-227). It ends with the connection.
type fetchSession struct {
	// id is 0 while there is no session; epoch is that of the next request.
	id, epoch int32
	// parts in the order in which they came; told is what the follower was told of each last.
	parts  []*sessionPart
	places map[Replica]*sessionPart
}

type sessionPart struct {
	FetchPart
	told told
}

// told is what an answer says of a partition that has nothing else to say.
type told struct{ highWatermark, logStart int64 }

// take applies a request to the session. The session's parts are then what the follower asks for, and
// full says that it is to be told of each of them.
func (f *fetchSession) take(req *kmsg.FetchRequest) (full bool, err *kerr.Error) {
	switch {
	case req.SessionEpoch <= 0: // 0 begins a session, -1 wants none
		next := f.id%(1<<30) + 1
		*f = fetchSession{places: map[Replica]*sessionPart{}}
		if req.SessionEpoch == 0 {
			f.id, f.epoch = next, 1
		}
		full = true
	case req.SessionID != f.id || f.id == 0:
		return false, kerr.FetchSessionIDNotFound
	case req.SessionEpoch != f.epoch:
		return false, kerr.InvalidFetchSessionEpoch
	default:
		f.epoch = f.epoch%(1<<30) + 1
	}
	for i := range req.ForgottenTopics {
		for _, index := range req.ForgottenTopics[i].Partitions {
			f.forget(Replica{req.ForgottenTopics[i].TopicID, index})
		}
	}
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			f.put(req.Topics[i].TopicID, &req.Topics[i].Partitions[j])
		}
	}
	for i := range f.parts {
		f.parts[i].Part = int32(i)
	}
	return full, nil
}

func (f *fetchSession) forget(r Replica) {
	if part := f.places[r]; part != nil {
		delete(f.places, r)
		f.parts = slices.DeleteFunc(f.parts, func(p *sessionPart) bool { return p == part })
	}
}

func (f *fetchSession) put(topic metadata.TopicID, p *kmsg.FetchRequestTopicPartition) {
	part := &sessionPart{told: told{-1, -1}, FetchPart: FetchPart{
		Replica: Replica{topic, p.Partition}, Offset: p.FetchOffset, Epoch: p.CurrentLeaderEpoch,
		LastEpoch: p.LastFetchedEpoch, HighWatermark: p.HighWatermark, LogStart: p.LogStartOffset, MaxBytes: int(p.PartitionMaxBytes),
	}}
	if known := f.places[part.Replica]; known != nil {
		known.FetchPart = part.FetchPart
		return
	}
	f.places[part.Replica] = part
	f.parts = append(f.parts, part)
}
