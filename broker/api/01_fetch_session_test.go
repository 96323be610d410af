package api

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// asking is a request of a follower: partitions with the offset to read on, and those that are forgotten.
func asking(id, epoch int32, offsets map[int32]int64, forgotten ...int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SessionID, req.SessionEpoch = id, epoch
	topic := kmsg.NewFetchRequestTopic()
	topic.TopicID = metadata.TopicID{1}
	for _, index := range []int32{0, 1, 2} {
		if offset, ok := offsets[index]; ok {
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition, p.FetchOffset = index, offset
			topic.Partitions = append(topic.Partitions, p)
		}
	}
	req.Topics = append(req.Topics, topic)
	if len(forgotten) > 0 {
		gone := kmsg.NewFetchRequestForgottenTopic()
		gone.TopicID, gone.Partitions = metadata.TopicID{1}, forgotten
		req.ForgottenTopics = append(req.ForgottenTopics, gone)
	}
	return req
}

// Both sides of a session count its requests; what a request does not name stays as it was (KIP-227).
func TestFetchSession(t *testing.T) {
	var s fetchSession
	for i, step := range []struct {
		req  *kmsg.FetchRequest
		err  *kerr.Error
		full bool
		want map[int32]int64
	}{
		{asking(0, 0, map[int32]int64{0: 5, 1: 7}), nil, true, map[int32]int64{0: 5, 1: 7}},
		{asking(1, 1, nil), nil, false, map[int32]int64{0: 5, 1: 7}},
		{asking(1, 2, map[int32]int64{1: 9, 2: 0}), nil, false, map[int32]int64{0: 5, 1: 9, 2: 0}},
		{asking(1, 3, nil, 0, 2), nil, false, map[int32]int64{1: 9}},
		{asking(1, 3, nil), kerr.InvalidFetchSessionEpoch, false, nil},
		{asking(2, 4, nil), kerr.FetchSessionIDNotFound, false, nil},
		{asking(1, 4, map[int32]int64{0: 6}), nil, false, map[int32]int64{1: 9, 0: 6}},
		{asking(1, 0, map[int32]int64{2: 3}), nil, true, map[int32]int64{2: 3}}, // another begins
		{asking(2, 1, nil), nil, false, map[int32]int64{2: 3}},
		{asking(0, -1, map[int32]int64{0: 1}), nil, true, map[int32]int64{0: 1}}, // without a session
		{asking(2, 2, nil), kerr.FetchSessionIDNotFound, false, nil},
	} {
		full, err := s.take(step.req)
		if err != step.err || full != step.full {
			t.Fatalf("request %d: full %v, error %v; want %v, %v", i, full, err, step.full, step.err)
		}
		if err != nil {
			continue
		}
		if len(s.parts) != len(step.want) {
			t.Fatalf("request %d: %d partitions are asked for, want %d", i, len(s.parts), len(step.want))
		}
		for at, p := range s.parts {
			if offset, ok := step.want[p.Replica.Partition]; !ok || offset != p.Offset || p.Part != int32(at) {
				t.Errorf("request %d: partition %d in place %d is asked for from %d, want %v", i, p.Replica.Partition, p.Part, p.Offset, step.want)
			}
		}
	}
	if slices.ContainsFunc(s.parts, func(p *sessionPart) bool { return p.told != told{-1, -1} }) {
		t.Error("a partition that was never answered counts as told")
	}
}
