package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// described is a cluster with topics a (3 partitions), b (1) and d (2), of which one has no leader.
func described() *metadata.Image {
	im := metadata.NewImage("test", []metadata.Broker{{ID: 1}, {ID: 2}, {ID: 3, Fenced: true}})
	for i, topic := range []struct {
		name       string
		partitions int
	}{{"a", 3}, {"b", 1}, {"d", 2}} {
		id := metadata.TopicID{byte(i + 1)}
		records := []metadata.Record{{Topic: &metadata.TopicRecord{Name: topic.name, ID: id}}}
		for p := range topic.partitions {
			records = append(records, metadata.Record{Partition: &metadata.PartitionRecord{
				TopicID: id, Index: int32(p), Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Leader: 1,
			}})
		}
		im = im.Apply(records)
	}
	nobody := metadata.NoLeader
	return im.Apply([]metadata.Record{{PartitionChange: &metadata.PartitionChangeRecord{
		TopicID: metadata.TopicID{3}, Index: 1, Leader: &nobody, ISR: []int32{}, ELR: []int32{1, 3}, LastKnownELR: []int32{2},
	}}})
}

func page(image *metadata.Image, limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, names ...string) *kmsg.DescribeTopicPartitionsResponse {
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit, req.Cursor = limit, cursor
	for _, name := range names {
		req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return describePage(image, req)
}

// pageText writes a page in a line.
func pageText(resp *kmsg.DescribeTopicPartitionsResponse) string {
	var words []string
	for _, topic := range resp.Topics {
		if topic.ErrorCode != 0 {
			words = append(words, *topic.Topic+": "+kerr.TypedErrorForCode(topic.ErrorCode).Message)
		}
		for _, p := range topic.Partitions {
			words = append(words, fmt.Sprintf("%s-%d", *topic.Topic, p.Partition))
		}
	}
	if c := resp.NextCursor; c != nil {
		words = append(words, fmt.Sprintf("next %s-%d", c.Topic, c.Partition))
	}
	return strings.Join(words, ", ")
}

func TestDescribePages(t *testing.T) {
	image := described()
	at := func(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
		return &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	}
	for _, c := range []struct {
		resp *kmsg.DescribeTopicPartitionsResponse
		want string
	}{
		{page(image, 100, nil), "a-0, a-1, a-2, b-0, d-0, d-1"},
		{page(image, 100, nil, "d", "c", "a", "a"), "a-0, a-1, a-2, c: UNKNOWN_TOPIC_OR_PARTITION, d-0, d-1"},
		{page(image, 2, nil), "a-0, a-1, next a-2"},
		{page(image, 2, at("a", 2)), "a-2, b-0, next d-0"},
		{page(image, 2, at("d", 0)), "d-0, d-1"},
		{page(image, 0, at("b", 0)), "b-0, next d-0"},
		{page(image, 100, at("c", 7)), "d-0, d-1"},
		{page(image, 100, at("d", 9)), ""},
		{page(image, 100, at("d", -1)), "d: INVALID_REQUEST"},
		{page(image, 100, at("e", 0)), ""},
	} {
		if got := pageText(c.resp); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Who may lead is shown, also where nobody can.
func TestDescribeELR(t *testing.T) {
	topics := page(described(), 100, nil, "d").Topics
	led, not := topics[0].Partitions[0], topics[0].Partitions[1]
	if led.LeaderID != 1 || led.ErrorCode != 0 || !slices.Equal(led.ISR, []int32{1, 2}) || len(led.EligibleLeaderReplicas) != 0 || !slices.Equal(led.OfflineReplicas, []int32{3}) {
		t.Errorf("%+v", led)
	}
	if not.LeaderID != -1 || not.ErrorCode != kerr.LeaderNotAvailable.Code || not.LeaderEpoch != 1 ||
		!slices.Equal(not.EligibleLeaderReplicas, []int32{1, 3}) || !slices.Equal(not.LastKnownELR, []int32{2}) {
		t.Errorf("%+v", not)
	}
}
