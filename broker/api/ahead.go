package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// aheadWait is how long a request waits for the metadata that its client knows already. Another broker has
// shown it to the client, so it is on its way here, or this broker is cut off.
const aheadWait = 250 * time.Millisecond

// early is a request that waits for an image; for one that is behind its client not for ever.
type early struct {
	Arrived
	until time.Time
}

// ahead reports whether a client names a leader epoch that this broker has not heard of. Apache Kafka refuses such
// a request at once, and clients ask again: Fetch soon, but where a reader finds its place anew, which is the
// first thing it does with a new leader, after up to a second (franz-go). So these wait instead: a new
// leader answers as soon as it leads.
func (s *Session) ahead(request *wire.Request) bool {
	if s.image == nil || s.listener != wire.Clients {
		return false
	}
	switch body := request.Body.(type) {
	case *kmsg.OffsetForLeaderEpochRequest:
		for _, t := range body.Topics {
			for _, p := range t.Partitions {
				if s.behind(t.Topic, p.Partition, p.CurrentLeaderEpoch) {
					return true
				}
			}
		}
	case *kmsg.ListOffsetsRequest:
		for _, t := range body.Topics {
			for _, p := range t.Partitions {
				if s.behind(t.Topic, p.Partition, p.CurrentLeaderEpoch) {
					return true
				}
			}
		}
	}
	return false
}

// behind reports whether the image knows of a partition, and of no such leader epoch.
func (s *Session) behind(topic string, index, epoch int32) bool {
	t := s.image.Topic(topic)
	return t != nil && index >= 0 && int(index) < len(t.Partitions) && t.Partitions[index].LeaderEpoch < epoch
}

// admit begins the requests that wait for an image, in their order, up to the first that still waits.
func (s *Session) admit(now time.Time, fx *actor.Effects) {
	for len(s.early) > 0 && s.image != nil {
		first := s.early[0]
		if s.ahead(first.Request) && now.Before(first.until) {
			return
		}
		s.early = s.early[1:]
		s.start(first.Arrived, now, fx)
	}
}
