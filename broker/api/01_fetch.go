package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Fetch (key 1): read record batches of some partitions, and wait for them if there are too few.
//
// Behaviour
//   - readers see batches below the high watermark, whole; the last one may be cut by the size
//     limit, and clients drop it
//   - the first batch found is given whole even if it is larger than every limit, so that a reader
//     always gets on
//   - with fewer than min bytes the answer waits: for an append that makes up for it, or for max
//     wait; an error in any partition ends the wait
//   - every fetch is a full one: no fetch session is opened (KIP-227 lets a broker answer session 0),
//     and one that names a session is told that it is not known
//   - a leader epoch that is not the current one is refused (KIP-320)
//   - a reader that names the epoch of the last record it has, and has other records than this log,
//     is told where to go back to, and gets nothing (KIP-595); that ends the wait
//   - replicas do not fetch: this broker has no followers
//
// Versions
//   - 4 isolation level, 5 log start offset, 7 sessions, 9 current leader epoch, 11 rack and
//     preferred replica, 12 flexible and last fetched epoch, 13 topic ids, 15 replica state,
//     16 node endpoints, 17 directory id, 18 the high watermark that the follower knows
type fetch struct {
	resp  *kmsg.FetchResponse
	parts []*kmsg.FetchResponseTopicPartition
	asked []FetchPart // those that a shard is asked, ordered as in the request
	found []FetchResult
	// shards asked, and how many of them have not answered this round.
	shards   map[actor.Address][]FetchPart
	waiting  int
	round    int32
	failed   bool
	expired  bool
	minBytes int
	maxBytes int
	// watching is set once a shard keeps a watch for this call.
	watching bool
	// again is set when a wake came while a round was under way.
	again bool
}

func (h *fetch) start(s *Session, c *call, now time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.FetchRequest)
	h.resp = req.ResponseKind().(*kmsg.FetchResponse)
	if req.SessionID != 0 {
		h.resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
		c.finish(h.resp)
		return
	}
	h.minBytes, h.maxBytes = int(req.MinBytes), min(int(req.MaxBytes), s.cfg.MaxFetch)
	h.build(s, c.request.Version, req)
	wait := min(time.Duration(max(req.MaxWaitMillis, 0))*time.Millisecond, s.cfg.MaxWait)
	c.deadline, h.expired = now.Add(wait), wait == 0
	h.read(s, c, fx)
	if h.waiting == 0 {
		h.finish(s, c, fx)
	}
}

// build lays the response out in the order of the request, and lists what to ask of each shard.
func (h *fetch) build(s *Session, version int16, req *kmsg.FetchRequest) {
	h.shards = map[actor.Address][]FetchPart{}
	h.resp.Topics = make([]kmsg.FetchResponseTopic, len(req.Topics))
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.topic(asked.Topic, asked.TopicID)
		out := kmsg.NewFetchResponseTopic()
		out.Topic, out.TopicID = asked.Topic, asked.TopicID
		if topic != nil {
			out.Topic = topic.Name // not encoded from version 13 on; metrics want it
		}
		out.Partitions = make([]kmsg.FetchResponseTopicPartition, len(asked.Partitions))
		for j := range asked.Partitions {
			p := kmsg.NewFetchResponseTopicPartition()
			p.Partition = asked.Partitions[j].Partition
			p.HighWatermark, p.LastStableOffset, p.LogStartOffset = -1, -1, -1
			p.RecordBatches = []byte{}
			switch {
			case topic == nil && version >= 13:
				p.ErrorCode = kerr.UnknownTopicID.Code
			case s.misplaced(topic, p.Partition) != nil:
				p.ErrorCode = s.misplaced(topic, p.Partition).Code
			default:
				replica := Replica{topic.ID, p.Partition}
				h.asked = append(h.asked, FetchPart{
					Part: int32(len(h.parts)), Replica: replica, Offset: asked.Partitions[j].FetchOffset,
					Epoch: asked.Partitions[j].CurrentLeaderEpoch, LastEpoch: asked.Partitions[j].LastFetchedEpoch,
					MaxBytes: int(asked.Partitions[j].PartitionMaxBytes),
				})
			}
			h.failed = h.failed || p.ErrorCode != 0
			out.Partitions[j] = p
			h.parts = append(h.parts, &out.Partitions[j])
		}
		h.resp.Topics[i] = out
	}
	for _, part := range h.asked {
		shard := ShardOf(part.Replica, s.cfg.Shards)
		h.shards[shard] = append(h.shards[shard], part)
	}
}

// read begins a round: every shard is asked what there is now.
func (h *fetch) read(s *Session, c *call, fx *actor.Effects) {
	h.round++
	h.again = false
	h.waiting = len(h.shards)
	watch := 0
	if !h.expired && !h.failed {
		watch = h.minBytes
	}
	for i := range s.cfg.Shards {
		shard := actor.Address{Role: actor.Shard, ID: int64(i)}
		if parts := h.shards[shard]; parts != nil {
			fx.Send(shard, FetchRead{To: s.self, Call: c.id, Round: h.round, Parts: parts, MaxBytes: h.maxBytes, Watch: watch, Several: len(h.shards) > 1})
		}
	}
}

func (h *fetch) fetched(s *Session, c *call, m FetchData, _ time.Time, fx *actor.Effects) {
	h.found = append(h.found, m.Results...)
	h.watching = h.watching || m.Watching
	if h.waiting--; h.waiting > 0 {
		return
	}
	bytes := 0
	for i := range h.found {
		bytes += h.found[i].Bytes
		h.failed = h.failed || h.found[i].ended()
	}
	switch {
	case bytes >= h.minBytes || h.failed || h.expired:
		h.finish(s, c, fx)
	case h.again:
		h.retry(s, c, fx)
	}
}

// woken starts another round: what was found before is read again, it may hold more now.
func (h *fetch) woken(s *Session, c *call, fx *actor.Effects) {
	if h.waiting > 0 {
		h.again = true
		return
	}
	h.retry(s, c, fx)
}

func (h *fetch) retry(s *Session, c *call, fx *actor.Effects) {
	release(h.found)
	h.found = h.found[:0]
	h.read(s, c, fx)
}

// expire ends the wait; an answer that is under way is still awaited.
func (h *fetch) expire(s *Session, c *call, fx *actor.Effects) {
	h.expired, c.deadline = true, time.Time{}
	if h.waiting == 0 {
		h.finish(s, c, fx)
	}
}

func (h *fetch) abandon(s *Session, c *call, fx *actor.Effects) {
	release(h.found)
	h.unwatch(s, c, fx)
}

func (h *fetch) unwatch(s *Session, c *call, fx *actor.Effects) {
	if !h.watching {
		return
	}
	for i := range s.cfg.Shards {
		shard := actor.Address{Role: actor.Shard, ID: int64(i)}
		if h.shards[shard] != nil {
			fx.Send(shard, FetchUnwatch{To: s.self, Call: c.id})
		}
	}
}

// finish puts what was found into the response, within the limit for all shards together.
func (h *fetch) finish(s *Session, c *call, fx *actor.Effects) {
	h.unwatch(s, c, fx)
	var reads []actor.Read
	total := 0
	for i := range h.found {
		r := &h.found[i]
		p := h.parts[r.Part]
		p.ErrorCode = r.Error
		p.HighWatermark, p.LastStableOffset, p.LogStartOffset = r.HighWatermark, r.HighWatermark, r.LogStart
		if r.Diverging != nil {
			p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = r.Diverging.Epoch, r.Diverging.End
		}
		if r.Source == nil {
			continue
		}
		if total > 0 && total+r.Bytes > h.maxBytes {
			r.Source.Release()
			continue
		}
		total += r.Bytes
		reads = append(reads, actor.Read{Source: r.Source, Bytes: r.Bytes, Into: p})
	}
	h.found = nil
	c.finish(h.resp, reads...)
}

// ended reports whether there is something to tell the client at once.
func (r *FetchResult) ended() bool { return r.Error != 0 || r.Diverging != nil }

// release gives up the log ranges of results that are not sent.
func release(results []FetchResult) {
	for i := range results {
		if results[i].Source != nil {
			results[i].Source.Release()
			results[i].Source = nil
		}
	}
}
