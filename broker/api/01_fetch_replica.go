package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// replicaFetch is Fetch (key 1) as followers send it to their leader: version 18, on the peer listener.
//
// Behaviour
//   - a follower sees the log to its end, committed or not; what it has is taken from its fetch offset
//   - fetch sessions (KIP-227): a request names what has changed since the one before, an answer what is
//     new; a session belongs to its connection
//   - a follower whose log diverges is told where (KIP-595), one that does not know the high watermark of
//     what it has is answered at once (KIP-1166)
//   - the broker epoch tells a follower's processes apart (KIP-903)
type replicaFetch struct {
	rounds
	full bool
	// parts of the session as this request left it.
	parts []*sessionPart
}

func (h *replicaFetch) start(s *Session, c *call, now time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.FetchRequest)
	full, err := s.replica.take(req)
	if err != nil {
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		resp.ErrorCode = err.Code
		c.finish(resp)
		return
	}
	h.full, h.answer = full, h.finish
	h.replica, h.brokerEpoch = req.ReplicaState.ID, req.ReplicaState.Epoch
	h.minBytes, h.maxBytes = int(req.MinBytes), min(int(req.MaxBytes), s.cfg.MaxFetch)
	h.parts = slices.Clone(s.replica.parts)
	for _, part := range h.parts {
		h.asked = append(h.asked, part.FetchPart)
	}
	h.begin(s, c, now, req.MaxWaitMillis, fx)
}

// finish answers with the partitions of which there is something new.
func (h *replicaFetch) finish(s *Session, c *call, _ *actor.Effects) {
	h.limit()
	slices.SortFunc(h.found, func(a, b FetchResult) int { return cmp.Compare(a.Part, b.Part) })
	resp := c.request.Body.ResponseKind().(*kmsg.FetchResponse)
	resp.SessionID = s.replica.id
	// Partitions must not move in memory once a read points to one of them.
	partitions := make([]kmsg.FetchResponseTopicPartition, 0, len(h.found))
	var reads []actor.Read
	for i := range h.found {
		r := &h.found[i]
		part := h.parts[r.Part]
		now := told{r.HighWatermark, r.LogStart}
		if !h.full && r.Source == nil && !r.ended() && part.told == now {
			continue
		}
		part.told = now
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.RecordBatches = part.Replica.Partition, []byte{}
		partitions = append(partitions, p)
		last := len(partitions) - 1
		if n := len(resp.Topics); n == 0 || resp.Topics[n-1].TopicID != part.Replica.Topic {
			topic := kmsg.NewFetchResponseTopic()
			topic.TopicID = part.Replica.Topic
			topic.Partitions = partitions[last:last]
			resp.Topics = append(resp.Topics, topic)
		}
		topic := &resp.Topics[len(resp.Topics)-1]
		topic.Partitions = topic.Partitions[:len(topic.Partitions)+1]
		if read, ok := r.into(&partitions[last]); ok {
			reads = append(reads, read)
		}
	}
	c.finish(resp, reads...)
}
