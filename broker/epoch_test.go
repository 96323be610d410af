package broker

import (
	"context"
	"errors"
	"testing"

	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An unmodified consumer that knows the leader epoch of its position asks whether that still holds: it
// goes on if it does, and hears of the loss if not.
func TestConsumerChecksItsEpoch(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	ctx := testContext(t)
	fillOrders(t, ctx, b)
	position := func(offset int64) *kgo.Client {
		at := kgo.NewOffset().At(offset).WithEpoch(0)
		return newClient(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: at}}))
	}
	fetches := position(1).PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	if got := fetches.Records(); len(got) == 0 || got[0].Offset != 1 || got[0].LeaderEpoch != 0 {
		t.Errorf("read on with %v", got)
	}
	err := position(50).PollFetches(ctx).Err()
	var loss *kgo.ErrDataLoss
	if !errors.As(err, &loss) || loss.ConsumedTo != 50 || loss.ResetTo != 3 {
		t.Errorf("a consumer that had read up to offset 50 of 3 hears: %v", err)
	}
}

// A diverging epoch crosses the wire beside the records of another partition.
func TestDivergingEpochOnTheWire(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	ctx := testContext(t)
	id := fillOrders(t, ctx, b)
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MinBytes, req.MaxWaitMillis = 1<<20, 1<<20, 20_000
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = "orders", id
	for i, offset := range []int64{0, 50} {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(i), offset, 1<<20
		p.CurrentLeaderEpoch, p.LastFetchedEpoch = 0, 0
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := newClient(t, b).SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	got := resp.(*kmsg.FetchResponse).Topics[0].Partitions
	if got[0].ErrorCode != 0 || got[0].DivergingEpoch.EndOffset != -1 || len(got[0].RecordBatches) == 0 {
		t.Errorf("partition 0: %+v", got[0])
	}
	if d := got[1].DivergingEpoch; got[1].ErrorCode != 0 || d.Epoch != 0 || d.EndOffset != 3 || len(got[1].RecordBatches) != 0 {
		t.Errorf("partition 1: %+v", got[1])
	}
}

// fillOrders creates a topic of two partitions with three records each.
func fillOrders(t *testing.T, ctx context.Context, b *Broker) kadm.TopicID {
	t.Helper()
	client := newClient(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic("orders"))
	created, err := kadm.NewClient(client).CreateTopic(ctx, 2, 1, nil, "orders")
	if err != nil {
		t.Fatal(err)
	}
	for i := range int32(6) {
		r := kgo.StringRecord("value")
		r.Partition = i % 2
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return created.ID
}
