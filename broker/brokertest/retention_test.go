package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func setting(name, value string) map[string]*string { return map[string]*string{name: &value} }

// deleteUpTo sends one DeleteRecords to the leader and gives the low watermark.
func deleteUpTo(ctx context.Context, client *kadm.Client, topic string, offset int64) (low int64, err error) {
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: offset})
	responses, err := client.DeleteRecords(ctx, offsets)
	if err != nil {
		return -1, err
	}
	r, _ := responses.Lookup(topic, 0)
	return r.LowWatermark, r.Err
}

func wantStart(t *testing.T, admin *kadm.Client, topic string, want int64) {
	t.Helper()
	starts, err := admin.ListStartOffsets(within(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := starts.Lookup(topic, 0); o.Err != nil || o.Offset != want {
		t.Fatalf("%s starts at %d (%v), want %d", topic, o.Offset, o.Err, want)
	}
}

// DeleteRecords reaches every replica before it is answered: whoever leads next starts there. What must not be
// deleted is refused, one partition at a time.
func TestDeleteRecords(t *testing.T) {
	cluster := brokertest.Start(t, brokertest.Brokers(3))
	client := newClient(t, cluster, kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin, ctx := kadm.NewClient(client), within(t)
	for topic, configs := range map[string]map[string]*string{"events": nil, "tables": setting("cleanup.policy", "compact"), "both": setting("cleanup.policy", "compact,delete")} {
		if _, err := admin.CreateTopic(ctx, 1, 3, configs, topic); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			r := &kgo.Record{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, i)}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		topic      string
		offset     int64
		low, start int64
		err        error
	}{
		{"events", 4, 4, 4, nil},
		{"events", 3, 4, 4, nil},
		{"events", 11, -1, 4, kerr.OffsetOutOfRange},
		{"events", -2, -1, 4, kerr.OffsetOutOfRange},
		{"tables", 4, -1, 0, kerr.PolicyViolation},
		{"both", 4, 4, 4, nil},
		{"both", -1, 10, 10, nil},
	} {
		low, err := deleteUpTo(ctx, admin, c.topic, c.offset)
		if low != c.low || !errors.Is(err, c.err) {
			t.Errorf("%s up to %d: low watermark %d, %v; want %d, %v", c.topic, c.offset, low, err, c.low, c.err)
		}
		wantStart(t, admin, c.topic, c.start)
	}
	cluster.KillLeader("events", 0)
	waitStart(t, admin, "events", 4, 4)
	consumer := newClient(t, cluster, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"events": {0: kgo.NewOffset().AtStart()}}))
	if r := consumer.PollRecords(ctx, 1).Records(); len(r) != 1 || r[0].Offset != 4 || string(r[0].Value) != "4" {
		t.Fatalf("the next leader's first record is %v, want that of offset 4", r)
	}
}

// While a replica does not fetch, the answer waits; after the request's timeout it says so. A replica that comes
// back behind the log start begins again there.
func TestDeleteRecordsWaitsForReplicas(t *testing.T) {
	cluster := brokertest.Start(t, brokertest.Brokers(3), brokertest.Configure(func(cfg *broker.Config) {
		cfg.SessionTimeout, cfg.ReplicaLagMax = 20*time.Second, 300*time.Millisecond
		cfg.Settings = map[string]string{"log.index.interval.bytes": "100"}
	}))
	client := newClient(t, cluster, kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin, ctx := kadm.NewClient(client), within(t)
	if _, err := admin.CreateTopic(ctx, 1, 3, setting("internal.segment.bytes", "1000"), "events"); err != nil {
		t.Fatal(err)
	}
	produceValues(t, client, "events", 5)
	leader := cluster.Leader("events", 0)
	follower := (leader + 1) % 3
	cluster.Pause(follower)
	produceValues(t, client, "events", 30)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 200
	part := kmsg.DeleteRecordsRequestTopicPartition{Partition: 0, Offset: 25}
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "events", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{part}}}
	resp, err := client.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if p := resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0]; p.ErrorCode != kerr.RequestTimedOut.Code || p.LowWatermark != -1 {
		t.Fatalf("with a replica that is paused: %+v", p)
	}
	wantStart(t, admin, "events", 25)
	cluster.Resume(follower)
	if low, err := deleteUpTo(ctx, admin, "events", 25); low != 25 || err != nil {
		t.Fatalf("once it fetches again: low watermark %d, %v", low, err)
	}
	inSync(t, client, "events", 3)
}

func produceValues(t *testing.T, client *kgo.Client, topic string, n int) {
	t.Helper()
	for range n {
		r := &kgo.Record{Topic: topic, Value: []byte(strings.Repeat("x", 100)), Timestamp: time.Now().Add(-time.Hour)}
		if err := client.ProduceSync(within(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// Retention takes what is old and what is too much, on every replica: the next leader starts where this one did, or
// takes what this one would have taken next.
func TestRetention(t *testing.T) {
	cluster := brokertest.Start(t, brokertest.Brokers(3), brokertest.Configure(func(cfg *broker.Config) { cfg.RetentionCheck = 10 * time.Millisecond }))
	client := newClient(t, cluster, kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin, ctx := kadm.NewClient(client), within(t)
	for topic, retention := range map[string]map[string]*string{
		"small": setting("retention.bytes", "1500"), "old": setting("retention.ms", "60000"),
	} {
		retention["internal.segment.bytes"] = kadm.StringPtr("1000")
		if _, err := admin.CreateTopic(ctx, 1, 3, retention, topic); err != nil {
			t.Fatal(err)
		}
		produceValues(t, client, topic, 30)
	}
	waitStart(t, admin, "old", 30, 30)
	small := waitStart(t, admin, "small", 15, 25)
	cluster.KillLeader("small", 0)
	waitStart(t, admin, "old", 30, 30)
	waitStart(t, admin, "small", small, 25)
}

// waitStart waits until a topic starts within a range.
func waitStart(t *testing.T, admin *kadm.Client, topic string, low, high int64) int64 {
	t.Helper()
	var at int64
	ctx := within(t)
	eventually(t, func() string {
		starts, err := admin.ListStartOffsets(ctx, topic)
		if o, ok := starts.Lookup(topic, 0); err == nil && ok && o.Err == nil && o.Offset >= low && o.Offset <= high {
			at = o.Offset
			return ""
		}
		return fmt.Sprintf("%s does not come to start between %d and %d: %v, %v", topic, low, high, starts, err)
	})
	return at
}
