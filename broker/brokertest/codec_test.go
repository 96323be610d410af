package brokertest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

var producerCodecs = map[string]kgo.CompressionCodec{
	"uncompressed": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// stored gives the record batches of partition 0 as they are kept.
func stored(t *testing.T, client *kgo.Client, leader int32, topic string) (all []batch.View) {
	t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MaxWaitMillis, req.ReplicaState.ID = 50<<20, 1000, -1
	part := kmsg.NewFetchRequestTopicPartition()
	part.PartitionMaxBytes, part.CurrentLeaderEpoch, part.LastFetchedEpoch = 50<<20, -1, -1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, TopicID: topicID(t, client, topic), Partitions: []kmsg.FetchRequestTopicPartition{part}}}
	resp, err := client.Broker(int(leader)).Request(within(t), req)
	if err != nil {
		t.Fatal(err)
	}
	p := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
	rest := p.RecordBatches
	if len(rest) == 0 {
		t.Fatalf("nothing is stored in %s: %+v", topic, p)
	}
	for len(rest) > 0 {
		var v batch.View
		if v, rest, err = batch.Next(rest); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func topicID(t *testing.T, client *kgo.Client, topic string) [16]byte {
	t.Helper()
	topics, err := kadm.NewClient(client).ListTopics(within(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	return topics[topic].ID
}

// Whatever codec a producer has and whatever the topic wants, batches are stored as the topic wants, and consumers,
// and queries by time, find every record.
func TestCodecs(t *testing.T) {
	cluster := brokertest.Start(t)
	client := newClient(t, cluster)
	admin, ctx := kadm.NewClient(client), within(t)
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	for _, wanted := range []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		for codec, option := range producerCodecs {
			topic := codec + "-to-" + wanted
			if _, err := admin.CreateTopic(ctx, 1, 1, setting("compression.type", wanted), topic); err != nil {
				t.Fatal(err)
			}
			producer := newClient(t, cluster, kgo.ProducerBatchCompression(option), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(time.Second))
			for i := range 100 {
				producer.Produce(ctx, &kgo.Record{Value: []byte(strings.Repeat(fmt.Sprint("value ", i), 20)), Timestamp: began.Add(time.Duration(i) * time.Millisecond)}, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			if err := producer.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			want := wanted
			if wanted == "producer" {
				want = codec
			}
			for _, v := range stored(t, client, 0, topic) {
				if v.Codec().String() != want || v.Validate() != nil {
					t.Fatalf("%s: a batch is stored with %s", topic, v.Codec())
				}
			}
			consumer := newClient(t, cluster, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			for got := 0; got < 100; {
				for _, r := range consumer.PollFetches(ctx).Records() {
					if string(r.Value) != strings.Repeat(fmt.Sprint("value ", got), 20) || r.Offset != int64(got) {
						t.Fatalf("%s: offset %d is %.20q, want that of %d", topic, r.Offset, r.Value, got)
					}
					got++
				}
				if ctx.Err() != nil {
					t.Fatalf("%s: %d records of 100", topic, got)
				}
			}
			offsets, err := admin.ListOffsetsAfterMilli(ctx, began.UnixMilli()+73, topic)
			if o, _ := offsets.Lookup(topic, 0); err != nil || o.Offset != 73 || o.Timestamp != began.UnixMilli()+73 {
				t.Fatalf("%s: 73 ms after the first is offset %d at %d, %v", topic, o.Offset, o.Timestamp, err)
			}
		}
	}
}

// What a topic does not take gets Kafka's error, and says which record it is.
func TestTopicLimits(t *testing.T) {
	cluster := brokertest.Start(t)
	client := newClient(t, cluster, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(20<<20))
	admin, ctx := kadm.NewClient(client), within(t)
	for topic, configs := range map[string][2]string{
		"small": {"max.message.bytes", "1000"}, "large": {"max.message.bytes", "10485760"}, "tables": {"cleanup.policy", "compact"},
		"fresh": {"message.timestamp.before.max.ms", "60000"}, "segments": {"internal.segment.bytes", "500"}, "stamped": {"message.timestamp.type", "LogAppendTime"},
	} {
		if _, err := admin.CreateTopic(ctx, 1, 1, setting(configs[0], configs[1]), topic); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, c := range []struct {
		topic, key string
		size       int
		at         time.Time
		want       error
	}{
		{"small", "k", 500, now, nil},
		{"small", "k", 1000, now, kerr.MessageTooLarge},
		{"large", "k", 5 << 20, now, nil},
		{"tables", "", 10, now, kerr.InvalidRecord},
		{"tables", "k", 10, now, nil},
		{"fresh", "k", 10, now.Add(-2 * time.Minute), kerr.InvalidTimestamp},
		{"fresh", "k", 10, now.Add(2 * time.Hour), kerr.InvalidTimestamp},
		{"fresh", "k", 10, now, nil},
		{"segments", "k", 600, now, kerr.RecordListTooLarge},
		{"segments", "k", 100, now, nil},
		{"stamped", "k", 10, now.Add(-300 * time.Hour), nil},
	} {
		r := &kgo.Record{Topic: c.topic, Value: make([]byte, c.size), Timestamp: c.at}
		if c.key != "" {
			r.Key = []byte(c.key)
		}
		if err := client.ProduceSync(ctx, r).FirstErr(); !errors.Is(err, c.want) {
			t.Errorf("%s, %d bytes at %v: %v, want %v", c.topic, c.size, c.at, err, c.want)
		}
	}
	v := stored(t, client, 0, "stamped")[0]
	if v.TimestampType() != batch.LogAppendTime || v.MaxTimestamp() < now.UnixMilli() || v.Validate() != nil {
		t.Errorf("a topic of LogAppendTime has a batch of type %d at %d", v.TimestampType(), v.MaxTimestamp())
	}
	p := produceBatch(t, client, "stamped", "k", now.Add(-300*time.Hour))
	if p.ErrorCode != 0 || p.LogAppendTime < now.UnixMilli() {
		t.Errorf("the answer of LogAppendTime: %+v", p)
	}
	if p = produceBatch(t, client, "small", "k", now); p.ErrorCode != 0 || p.LogAppendTime != -1 {
		t.Errorf("the answer of CreateTime: %+v", p)
	}
	if p = produceBatch(t, client, "fresh", "k", now.Add(-2*time.Minute)); p.ErrorCode != kerr.InvalidTimestamp.Code || len(p.ErrorRecords) != 1 || p.ErrorRecords[0].RelativeOffset != 1 {
		t.Errorf("one of three records is old: %+v", p)
	}
	if p = produceBatch(t, client, "tables", "", now); p.ErrorCode != kerr.InvalidRecord.Code || len(p.ErrorRecords) != 1 || p.ErrorRecords[0].RelativeOffset != 1 {
		t.Errorf("one of three records has no key: %+v", p)
	}
}

// What a topic takes changes while it is in use: the next batch goes by the new settings.
func TestSettingsChangeLive(t *testing.T) {
	cluster := brokertest.Start(t, brokertest.Brokers(3), brokertest.Configure(func(cfg *broker.Config) { cfg.RetentionCheck = 10 * time.Millisecond }))
	client := newClient(t, cluster, kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin, ctx := kadm.NewClient(client), within(t)
	if _, err := admin.CreateTopic(ctx, 1, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) {
		t.Helper()
		answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: name, Value: &value}}, "orders")
		if err != nil || answers[0].Err != nil {
			t.Fatal(err, answers)
		}
	}
	// The leader is told a moment after the controller has decided.
	until := func(what string, done func(err error) bool) {
		t.Helper()
		for {
			err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: make([]byte, 500), Timestamp: time.Now().Add(-time.Hour)}).FirstErr()
			if ctx.Err() != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if done(err) {
				return
			}
		}
	}
	last := func() batch.View {
		t.Helper()
		all := stored(t, client, cluster.Leader("orders", 0), "orders")
		return all[len(all)-1]
	}
	until("nothing is set", func(err error) bool { return err == nil })
	set("max.message.bytes", "300")
	until("max.message.bytes", func(err error) bool { return errors.Is(err, kerr.MessageTooLarge) })
	set("max.message.bytes", "3000")
	until("max.message.bytes back", func(err error) bool { return err == nil })
	set("compression.type", "lz4")
	until("compression.type", func(error) bool { return last().Codec() == batch.LZ4 })
	set("message.timestamp.type", "LogAppendTime")
	until("message.timestamp.type", func(error) bool { return last().TimestampType() == batch.LogAppendTime })
	set("message.timestamp.type", "CreateTime")
	set("message.timestamp.before.max.ms", "1000")
	until("message.timestamp.before.max.ms", func(err error) bool { return errors.Is(err, kerr.InvalidTimestamp) })
	starts, err := admin.ListStartOffsets(ctx, "orders")
	if o, _ := starts.Lookup("orders", 0); err != nil || o.Offset != 0 {
		t.Fatalf("the log starts at %d before retention.ms is set, %v", o.Offset, err)
	}
	ends, err := admin.ListEndOffsets(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("orders", 0)
	set("retention.ms", "1")
	waitStart(t, admin, "orders", end.Offset, end.Offset)
}

// produceBatch sends three records, of which the second is another, and gives the answer.
func produceBatch(t *testing.T, client *kgo.Client, topic, key string, at time.Time) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	var b batch.Builder
	for i := range 3 {
		k, timestamp := []byte("k"), time.Now()
		if i == 1 {
			if timestamp = at; key == "" {
				k = nil
			}
		}
		b.Add(k, []byte("v"), timestamp.UnixMilli())
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10000
	part := kmsg.ProduceRequestTopicPartition{Records: b.Build()}
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, TopicID: topicID(t, client, topic), Partitions: []kmsg.ProduceRequestTopicPartition{part}}}
	resp, err := client.Broker(0).Request(within(t), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
}

// Readers that are older than zstd are told so where a topic has nothing else, and producers wherever they use it.
func TestZstdIsForThoseWhoKnowIt(t *testing.T) {
	cluster := brokertest.Start(t)
	for _, c := range []struct {
		versions         *kversion.Versions
		produce, consume error
	}{
		{kversion.V2_0_0(), kerr.UnsupportedCompressionType, kerr.UnsupportedCompressionType},
		{kversion.V2_1_0(), nil, nil},
	} {
		client := newClient(t, cluster, kgo.MaxVersions(c.versions), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableIdempotentWrite())
		ctx := within(t)
		topic := fmt.Sprint("zstd-", c.consume == nil)
		if _, err := kadm.NewClient(newClient(t, cluster)).CreateTopic(ctx, 1, 1, setting("compression.type", "zstd"), topic); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		zstd, err := new(batch.Codecs).Recompress(oneRecord(), batch.Zstd, batch.DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis = -1, 10000
		req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: zstd}}}}
		resp, err := client.Broker(0).Request(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if err := kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); !errors.Is(err, c.produce) {
			t.Errorf("a producer of zstd: %v, want %v", err, c.produce)
		}
		fetch := kmsg.NewPtrFetchRequest()
		fetch.MaxBytes, fetch.MaxWaitMillis = 1<<20, 100
		part := kmsg.NewFetchRequestTopicPartition()
		part.PartitionMaxBytes = 1 << 20
		fetch.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{part}}}
		if resp, err = client.Broker(0).Request(ctx, fetch); err != nil {
			t.Fatal(err)
		}
		if err := kerr.ErrorForCode(resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode); !errors.Is(err, c.consume) {
			t.Errorf("a reader: %v, want %v", err, c.consume)
		}
	}
}

func oneRecord() batch.View {
	var b batch.Builder
	b.Add(nil, []byte("v"), time.Now().UnixMilli())
	return b.Build()
}
