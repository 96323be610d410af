package brokertest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transact sends values to partition 0 of a topic in one transaction, and ends it unless it is to stay open.
func transact(ctx context.Context, t *testing.T, producer *kgo.Client, topic string, end string, values ...string) {
	t.Helper()
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if err := producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if end == "open" {
		return
	}
	if err := producer.EndTransaction(ctx, kgo.TransactionEndTry(end == "commit")); err != nil {
		t.Fatal(err)
	}
}

func transactor(t *testing.T, c *brokertest.Cluster, id string) *kgo.Client {
	t.Helper()
	return newClient(t, c, kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionTimeout(20*time.Second))
}

// readTo reads a partition from its start up to an offset, and gives the values of the records of clients.
func readTo(ctx context.Context, t *testing.T, c *brokertest.Cluster, topic string, level kgo.IsolationLevel, end int64) (values []string) {
	t.Helper()
	client := newClient(t, c, kgo.FetchIsolationLevel(level), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	for next := int64(0); next < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("at %d of %d, read %v: %v", next, end, values, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if next = r.Offset + 1; !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
		})
	}
	return values
}

// ends gives the latest offset of partition 0 under both isolation levels.
func ends(ctx context.Context, t *testing.T, admin *kadm.Client, topic string) (committed, all int64) {
	t.Helper()
	stable, err := admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	high, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, listed := range []kadm.ListedOffset{stable[topic][0], high[topic][0]} {
		if listed.Err != nil {
			t.Fatal(listed.Err)
		}
	}
	return stable[topic][0].Offset, high[topic][0].Offset
}

// waitEnds waits until a partition is stable at least to an offset, with so much behind it: a transaction has ended for
// its producer once that is decided, and its markers come after.
func waitEnds(ctx context.Context, t *testing.T, admin *kadm.Client, topic string, least, behind int64) (stable, high int64) {
	t.Helper()
	eventually(t, func() string {
		stable, high = ends(ctx, t, admin, topic)
		if stable >= least && high-stable == behind {
			return ""
		}
		return fmt.Sprintf("stable to %d of %d, want at least %d with %d behind it", stable, high, least, behind)
	})
	return stable, high
}

// Readers of committed records see whole transactions that were committed, in the order of the log, and nothing of
// what was aborted or is open, whatever leaders die meanwhile; readers of everything see it all.
func TestIsolation(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	ctx := within(t)
	plain := newClient(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	admin := kadm.NewClient(plain)
	if _, err := admin.CreateTopic(ctx, 1, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	a, b, open := transactor(t, c, "a"), transactor(t, c, "b"), transactor(t, c, "open")
	var committed, all []string
	for round := range 4 {
		name := func(what string) []string {
			return []string{fmt.Sprint(what, round, ".0"), fmt.Sprint(what, round, ".1")}
		}
		if err := plain.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte(name("plain")[0])}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		transact(ctx, t, a, "orders", "commit", name("committed")...)
		transact(ctx, t, b, "orders", "abort", name("aborted")...)
		committed = append(append(committed, name("plain")[0]), name("committed")...)
		all = append(append(append(all, name("plain")[0]), name("committed")...), name("aborted")...)
		if round == 1 {
			c.Restart(c.KillLeader("orders", 0))
		}
	}
	transact(ctx, t, open, "orders", "open", "open")
	transact(ctx, t, a, "orders", "commit", "behind it")
	all = append(all, "open", "behind it")

	// Eight markers, and perhaps one that was written again to a new leader; then two records and a marker.
	stable, high := waitEnds(ctx, t, admin, "orders", int64(len(all)-2+8), 3)
	if got := readTo(ctx, t, c, "orders", kgo.ReadCommitted(), stable); !slices.Equal(got, committed) {
		t.Errorf("committed: %v\nwant %v", got, committed)
	}
	if got := readTo(ctx, t, c, "orders", kgo.ReadUncommitted(), high); !slices.Equal(got, all) {
		t.Errorf("all: %v\nwant %v", got, all)
	}
	wantOpen(ctx, t, admin, stable)

	if err := open.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	waitEnds(ctx, t, admin, "orders", high+1, 0)
	if got, want := readTo(ctx, t, c, "orders", kgo.ReadCommitted(), high+1), append(committed, "open", "behind it"); !slices.Equal(got, want) {
		t.Errorf("committed: %v\nwant %v", got, want)
	}
	wantOpen(ctx, t, admin, -1)
}

// wantOpen wants one open transaction in orders-0 that begins at an offset, or none if that is -1.
func wantOpen(ctx context.Context, t *testing.T, admin *kadm.Client, first int64) {
	t.Helper()
	var set kadm.TopicsSet
	set.Add("orders", 0)
	described, err := admin.DescribeProducers(ctx, set)
	if err != nil {
		t.Fatal(err)
	}
	found := int64(-1)
	for _, p := range described["orders"].Partitions[0].ActiveProducers {
		if p.CurrentTxnStartOffset >= 0 {
			found = p.CurrentTxnStartOffset
		}
		if p.CoordinatorEpoch < 0 && p.CurrentTxnStartOffset < 0 && p.ProducerEpoch > 0 {
			t.Errorf("producer %d has ended transactions, and no coordinator: %+v", p.ProducerID, p)
		}
	}
	if found != first {
		t.Errorf("a transaction is open from %d, want %d", found, first)
	}
}

// A batch that comes after the end of its transaction does not begin another one: neither version of the protocol lets
// it in, and nothing hangs (KIP-890).
func TestLateBatch(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	ctx := within(t)
	producer := transactor(t, c, "late")
	admin := kadm.NewClient(producer)
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	transact(ctx, t, producer, "orders", "open", "one")
	id, epoch, err := producer.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := producer.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	waitEnds(ctx, t, admin, "orders", 2, 0)
	late := transactionalBatch(id, epoch, 1, "late")
	for version, want := range map[int16]*kerr.Error{11: kerr.InvalidProducerEpoch, 12: kerr.InvalidProducerEpoch} {
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis, req.TransactionID, req.Version = -1, 5000, kmsg.StringPtr("late"), version
		part := kmsg.NewProduceRequestTopicPartition()
		part.Records = slices.Clone(late)
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic, topic.Partitions = "orders", append(topic.Partitions, part)
		req.Topics = append(req.Topics, topic)
		resp, err := producer.Broker(int(c.Leader("orders", 0))).Request(ctx, pinned{req, version})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; got != want.Code {
			t.Errorf("version %d: %v, want %v", version, kerr.ErrorForCode(got), want)
		}
	}
	if stable, high := ends(ctx, t, admin, "orders"); stable != 2 || high != 2 {
		t.Errorf("stable to %d of %d, want the record and its marker", stable, high)
	}
}

// pinned is a request that is sent in one version.
type pinned struct {
	*kmsg.ProduceRequest
	version int16
}

func (p pinned) MaxVersion() int16 { return p.version }

func transactionalBatch(id int64, epoch int16, sequence int32, value string) []byte {
	var b batch.Builder
	b.Producer(id, epoch, sequence)
	b.Transactional()
	b.Add(nil, []byte(value), time.Now().UnixMilli())
	return b.Build()
}
