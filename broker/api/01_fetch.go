package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Fetch (key 1): read record batches of some partitions, and wait for them if there are too few.
//
// Behaviour
//   - readers see batches below the high watermark, whole; the last one may be cut by the size
//     limit, and clients drop it
//   - with isolation level read_committed they see batches below the last stable offset, and the aborted transactions
//     with records among them, by first offset: clients leave those out (KIP-98); the last stable offset is in every answer
//   - the first batch found is given whole even if it is larger than every limit, so that a reader
//     always gets on
//   - with fewer than min bytes the answer waits: for an append that makes up for it, or for max
//     wait; an error in any partition ends the wait
//   - every fetch of a reader is a full one: no fetch session is opened (KIP-227 lets a broker answer session 0),
//     and one that names a session is told that it is not known
//   - a leader epoch that is not the current one is refused (KIP-320)
//   - a reader that names the epoch of the last record it has, and has other records than this log,
//     is told where to go back to, and gets nothing (KIP-595); that ends the wait
//   - a topic whose compression.type is zstd is not for readers of versions before 10, which do not know it: they get
//     UNSUPPORTED_COMPRESSION_TYPE (KIP-110)
//   - replicas fetch on the peer listener (01_fetch_replica.go); who names a replica here is a reader
//
// Versions
//   - 4 isolation level, 5 log start offset, 7 sessions, 9 current leader epoch, 11 rack and
//     preferred replica, 12 flexible and last fetched epoch, 13 topic ids, 15 replica state,
//     16 node endpoints, 17 directory id, 18 the high watermark that the follower knows
type fetch struct {
	rounds
	resp  *kmsg.FetchResponse
	parts []*kmsg.FetchResponseTopicPartition
}

func (h *fetch) start(s *Session, c *call, now time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.FetchRequest)
	h.resp = req.ResponseKind().(*kmsg.FetchResponse)
	if req.SessionID != 0 {
		h.resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
		c.finish(h.resp)
		return
	}
	h.replica, h.brokerEpoch, h.answer = -1, -1, h.finish
	h.minBytes, h.maxBytes = int(req.MinBytes), min(int(req.MaxBytes), s.cfg.MaxFetch)
	h.build(s, c.request.Version, req)
	h.begin(s, c, now, req.MaxWaitMillis, fx)
}

// build lays the response out in the order of the request, and lists what to ask of the shards.
func (h *fetch) build(s *Session, version int16, req *kmsg.FetchRequest) {
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
			case version < 10 && s.settings(topic).Compression == batch.Zstd.String():
				p.ErrorCode = kerr.UnsupportedCompressionType.Code
			default:
				replica := Replica{topic.ID, p.Partition}
				h.asked = append(h.asked, FetchPart{
					Committed: req.IsolationLevel == readCommitted,
					Part:      int32(len(h.parts)), Replica: replica, Offset: asked.Partitions[j].FetchOffset,
					Epoch: asked.Partitions[j].CurrentLeaderEpoch, LastEpoch: asked.Partitions[j].LastFetchedEpoch,
					MaxBytes: int(asked.Partitions[j].PartitionMaxBytes), LogStart: -1,
				})
			}
			h.ended = h.ended || p.ErrorCode != 0
			out.Partitions[j] = p
			h.parts = append(h.parts, &out.Partitions[j])
		}
		h.resp.Topics[i] = out
	}
}

// finish puts what was found into the response, within the limit for all shards together.
func (h *fetch) finish(_ *Session, c *call, _ *actor.Effects) {
	h.limit()
	var reads []actor.Read
	for i := range h.found {
		if read, ok := h.found[i].into(h.parts[h.found[i].Part]); ok {
			reads = append(reads, read)
		}
	}
	c.finish(h.resp, reads...)
}

// into writes the result into its place in a response; ok is false if there is nothing to read.
func (r *FetchResult) into(p *kmsg.FetchResponseTopicPartition) (read actor.Read, ok bool) {
	p.ErrorCode = r.Error
	p.HighWatermark, p.LastStableOffset, p.LogStartOffset = r.HighWatermark, r.LastStable, r.LogStart
	if r.Aborted != nil {
		p.AbortedTransactions = make([]kmsg.FetchResponseTopicPartitionAbortedTransaction, len(r.Aborted))
		for i, a := range r.Aborted {
			p.AbortedTransactions[i].ProducerID, p.AbortedTransactions[i].FirstOffset = a.ProducerID, a.FirstOffset
		}
	}
	if r.Diverging != nil {
		p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = r.Diverging.Epoch, r.Diverging.End
	}
	if r.Source == nil {
		return read, false
	}
	return actor.Read{Source: r.Source, Bytes: r.Bytes, Into: p, Owner: r.Owner, Token: r.Token}, true
}
