package brokertest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// compacting is a cluster whose brokers look for logs to compact all the time.
func compacting(t *testing.T) *brokertest.Cluster {
	t.Helper()
	return brokertest.Start(t, brokertest.Brokers(3), brokertest.Configure(func(cfg *broker.Config) {
		cfg.CleanCheck = 10 * time.Millisecond
		cfg.Groups.Partitions = 1
	}))
}

// quickly are the settings of a topic that is compacted as soon as a segment of it is sealed.
func quickly() map[string]*string {
	return map[string]*string{
		"cleanup.policy": kadm.StringPtr("compact"), "internal.segment.bytes": kadm.StringPtr("2000"),
		"min.cleanable.dirty.ratio": kadm.StringPtr("0.01"), "index.interval.bytes": kadm.StringPtr("200"),
	}
}

// folded reads a topic from its start to an end, and gives how many records there are, and what is the last of each
// key. Offsets must rise.
func folded(t *testing.T, cluster *brokertest.Cluster, topic string, end int64, options ...kgo.Opt) (records int, state map[string]string) {
	t.Helper()
	options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	client := newClient(t, cluster, options...)
	defer client.Close()
	state = map[string]string{}
	for next := int64(0); next < end; {
		fetches := client.PollFetches(within(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < next {
				t.Errorf("offset %d after %d", r.Offset, next-1)
			}
			next = r.Offset + 1
			records++
			if state[string(r.Key)] = string(r.Value); r.Value == nil {
				delete(state, string(r.Key))
			}
		})
	}
	return records, state
}

// A topic is compacted on all of its replicas while it is written, and whoever leads next serves the same: every reader
// comes to the same state, whatever it still finds of the way there.
func TestCompaction(t *testing.T) {
	cluster := compacting(t)
	client := newClient(t, cluster, kgo.RequiredAcks(kgo.AllISRAcks()))
	admin, ctx := kadm.NewClient(client), within(t)
	if _, err := admin.CreateTopic(ctx, 1, 3, quickly(), "tables"); err != nil {
		t.Fatal(err)
	}
	want, last := map[string]string{}, int64(0)
	write := func(n int) {
		for i := range n {
			key, value := fmt.Sprint("key ", i%13), fmt.Appendf(nil, "value %d", last)
			if i%17 == 0 {
				value = nil
			}
			r := &kgo.Record{Topic: "tables", Key: []byte(key), Value: value}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if want[key], last = string(value), r.Offset; value == nil {
				delete(want, key)
			}
		}
	}
	write(400)
	waitCompacted(t, cluster, "tables", last, 150, want)
	cluster.KillLeader("tables", 0)
	write(100)
	waitCompacted(t, cluster, "tables", last, 150, want)
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "tables", Value: []byte("no key")}).FirstErr(); err == nil {
		t.Error("a record without a key goes into a compacted topic")
	}
}

// waitCompacted reads a topic until few records of it are left; its state is the same all the time.
func waitCompacted(t *testing.T, cluster *brokertest.Cluster, topic string, last int64, few int, want map[string]string, options ...kgo.Opt) {
	t.Helper()
	for ctx := within(t); ; {
		records, state := folded(t, cluster, topic, last+1, options...)
		if !maps.Equal(state, want) {
			t.Fatalf("of %d records a reader makes %v, want %v", records, state, want)
		}
		if records <= few {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d records are left, want at most %d", records, few)
		}
	}
}

// __consumer_offsets is compacted: it stays as small as what its groups have committed last, on every replica, and the
// next coordinator loads that.
func TestConsumerOffsetsShrink(t *testing.T) {
	cluster := compacting(t)
	client := newClient(t, cluster)
	admin, ctx := kadm.NewClient(client), within(t)
	if _, err := admin.CreateTopic(ctx, 1, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	commit := func(at int64) {
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: "orders", Partition: 0, At: at, LeaderEpoch: -1})
		if err := admin.CommitAllOffsets(ctx, "readers", offsets); err != nil {
			t.Fatal(err)
		}
	}
	commit(0)
	var small []kadm.AlterConfig
	for name, value := range quickly() {
		small = append(small, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value})
	}
	if resp, err := admin.AlterTopicConfigs(ctx, small, "__consumer_offsets"); err != nil || resp[0].Err != nil {
		t.Fatal(resp, err)
	}
	const commits = 600
	for i := range int64(commits) {
		commit(i + 1)
	}
	// One commit takes more than a hundred bytes.
	waitSizes(t, admin, "__consumer_offsets", commits*100/3)
	cluster.KillLeader("__consumer_offsets", 0)
	eventually(t, func() string {
		fetched, err := kadm.NewClient(newClient(t, cluster)).FetchOffsets(ctx, "readers") // a client keeps to the coordinator it knows
		at, ok := fetched.Lookup("orders", 0)
		if err != nil || !ok || at.Err != nil {
			return fmt.Sprintf("the next coordinator says %+v, %v", at, err)
		}
		if at.At != commits {
			t.Errorf("the next coordinator says %d, want %d", at.At, commits)
		}
		return ""
	})
}

// waitSizes waits until all replicas of a topic are small.
func waitSizes(t *testing.T, admin *kadm.Client, topic string, most int64) {
	t.Helper()
	ctx := within(t)
	eventually(t, func() string {
		sizes := sizesOf(ctx, admin, topic)
		if len(sizes) == 3 && slices.Max(sizes) <= most {
			return ""
		}
		return fmt.Sprintf("the replicas of %s have %v bytes, want at most %d", topic, sizes, most)
	})
}

func sizesOf(ctx context.Context, admin *kadm.Client, topic string) (sizes []int64) {
	dirs, err := admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return nil
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if p.Topic == topic {
				sizes = append(sizes, p.Size)
			}
		})
	})
	return sizes
}

// Transactions in a compacted topic: what was aborted goes, what was committed takes the place of what was before it,
// and readers of committed records come to the same on every leader.
func TestTransactionsAreCompacted(t *testing.T) {
	cluster := compacting(t)
	admin, ctx := kadm.NewClient(newClient(t, cluster)), within(t)
	if _, err := admin.CreateTopic(ctx, 1, 3, quickly(), "tables"); err != nil {
		t.Fatal(err)
	}
	producer, want, last := transactor(t, cluster, "t"), map[string]string{}, int64(0)
	for i := range 120 {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		commit := kgo.TransactionEndTry(i%3 != 0)
		for k := range 3 {
			key, value := fmt.Sprint("key ", (i+k)%7), fmt.Sprint("value ", i)
			r := &kgo.Record{Topic: "tables", Key: []byte(key), Value: []byte(value)}
			if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if commit {
				want[key], last = value, r.Offset
			}
		}
		if err := producer.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
	}
	waitCompacted(t, cluster, "tables", last, 60, want, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	cluster.KillLeader("tables", 0)
	waitCompacted(t, cluster, "tables", last, 60, want, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
}
