package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Timestamps with a meaning of their own in ListOffsets.
const (
	LatestOffset        = -1 // the high watermark, or the last stable offset: where a reader that begins now begins
	EarliestOffset      = -2 // the log start
	MaxTimestampOffset  = -3 // the record with the largest timestamp (v7, KIP-734)
	EarliestLocalOffset = -4 // the log start, as nothing is stored elsewhere (v8, KIP-405)
	LatestTieredOffset  = -5 // none, for the same reason (v9, KIP-1005)
	EarliestPending     = -6 // none (v11, KIP-1023)
)

// sinceVersion is the first version of the request with a special timestamp.
var sinceVersion = map[int64]int16{
	LatestOffset: 1, EarliestOffset: 1, MaxTimestampOffset: 7, EarliestLocalOffset: 8, LatestTieredOffset: 9, EarliestPending: 11,
}

// place is a partition by name.
type place struct {
	topic     string
	partition int32
}

// ListOffsets (key 2): offsets of partitions by timestamp.
//
// Behaviour
//   - a timestamp of 0 or more gives the first record that is at least as young, or -1 and -1
//   - special timestamps as listed above; one that the version of the request does not have yet, or that nobody
//     has, is UNSUPPORTED_VERSION for its partition; a partition that stands twice is INVALID_REQUEST, twice
//   - the latest offset is the high watermark, with isolation level read_committed the last stable offset; what lies
//     at or above it is not found by its timestamp either
//   - with an offset comes the leader epoch of its record, with the latest offset the current epoch; with
//     no offset comes none
//   - only the leader answers, and only in its own epoch (KIP-320); who is ahead of it waits (see ahead)
//
// Versions
//   - 2 isolation level, 4 leader epoch, 6 flexible, 7 max timestamp, 8 local start, 9 tiered,
//     10 timeout, 11 pending upload
type listOffsets struct {
	resp    *kmsg.ListOffsetsResponse
	parts   []*kmsg.ListOffsetsResponseTopicPartition
	waiting int
}

func (h *listOffsets) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.ListOffsetsRequest)
	h.resp = req.ResponseKind().(*kmsg.ListOffsetsResponse)
	h.resp.Topics = make([]kmsg.ListOffsetsResponseTopic, len(req.Topics))
	times := map[place]int{}
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			times[place{req.Topics[i].Topic, req.Topics[i].Partitions[j].Partition}]++
		}
	}
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.image.Topic(asked.Topic)
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = asked.Topic
		out.Partitions = make([]kmsg.ListOffsetsResponseTopicPartition, len(asked.Partitions))
		for j := range asked.Partitions {
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition, p.Offset, p.Timestamp, p.LeaderEpoch = asked.Partitions[j].Partition, -1, -1, -1
			timestamp := asked.Partitions[j].Timestamp
			if since, ok := sinceVersion[timestamp]; times[place{asked.Topic, p.Partition}] > 1 {
				p.ErrorCode = kerr.InvalidRequest.Code
			} else if timestamp < 0 && (!ok || c.request.Version < since) {
				p.ErrorCode = kerr.UnsupportedVersion.Code
			} else if err := s.misplaced(topic, p.Partition); err != nil {
				p.ErrorCode = err.Code
			} else {
				h.waiting++
				replica := Replica{topic.ID, p.Partition}
				fx.Send(ShardOf(replica, s.cfg.Shards), OffsetQuery{
					Ticket:  partition.Ticket{To: s.self, Call: c.id, Part: int32(len(h.parts))},
					Replica: replica, Timestamp: timestamp, Epoch: asked.Partitions[j].CurrentLeaderEpoch, Committed: req.IsolationLevel == readCommitted,
				})
			}
			out.Partitions[j] = p
			h.parts = append(h.parts, &out.Partitions[j])
		}
		h.resp.Topics[i] = out
	}
	if h.waiting == 0 {
		c.finish(h.resp)
	}
}

func (h *listOffsets) listed(c *call, m OffsetAnswer) {
	p := h.parts[m.Part]
	p.ErrorCode, p.Offset, p.Timestamp, p.LeaderEpoch = m.Error, m.Offset, m.Timestamp, m.LeaderEpoch
	if h.waiting--; h.waiting == 0 {
		c.finish(h.resp)
	}
}
