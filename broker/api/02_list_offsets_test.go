package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A special timestamp belongs to the versions that have it; a partition is asked for once.
func TestListOffsetsErrors(t *testing.T) {
	ask := func(version int16, timestamps ...int64) []kmsg.ListOffsetsResponseTopicPartition {
		req := kmsg.NewPtrListOffsetsRequest()
		req.SetVersion(version)
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = "orders"
		for _, timestamp := range timestamps {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Timestamp = timestamp
			topic.Partitions = append(topic.Partitions, p)
		}
		req.Topics = append(req.Topics, topic)
		return answerTo[*kmsg.ListOffsetsResponse](t, req).Topics[0].Partitions
	}
	for _, c := range []struct {
		version   int16
		timestamp int64
	}{{6, MaxTimestampOffset}, {7, EarliestLocalOffset}, {8, LatestTieredOffset}, {10, EarliestPending}, {11, -7}, {11, -1 << 63}} {
		if p := ask(c.version, c.timestamp)[0]; p.ErrorCode != kerr.UnsupportedVersion.Code || p.Offset != -1 || p.Timestamp != -1 || p.LeaderEpoch != -1 {
			t.Errorf("%+v: %+v", c, p)
		}
	}
	for _, p := range ask(11, LatestOffset, EarliestOffset) {
		if p.ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("named twice: %+v", p)
		}
	}
}
