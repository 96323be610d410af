package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// committedValues reads a topic of two partitions as far as it is committed by now.
func committedValues(t *testing.T, c *brokertest.Cluster, topic string) (values []string) {
	t.Helper()
	ctx := within(t)
	client := newClient(t, c, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	// Behind a partition's last record there may be a marker, or it is still to come: a barrier is what ends the reading.
	for p := range int32(2) {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: p, Value: []byte("barrier")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for barriers := 0; barriers < 2; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) == "barrier" {
				barriers++
			} else {
				values = append(values, string(r.Value))
			}
		})
	}
	return values
}

// Consume, transform, produce (KIP-447) by two members of a group over three brokers, with every third transaction
// aborted: each input is in the output once. It holds with either version of transactions.
func TestConsumeTransformProduce(t *testing.T) {
	for _, version := range []int16{2, 1} {
		t.Run(fmt.Sprint("transaction version ", version), func(t *testing.T) {
			c, _, admin := administered(t, 2, 3, brokertest.Configure(func(cfg *broker.Config) {
				cfg.Features = map[string]int16{"transaction.version": version}
			}))
			ctx := within(t)
			if _, err := admin.CreateTopic(ctx, 2, 3, nil, "copies"); err != nil {
				t.Fatal(err)
			}
			const inputs = 60
			client := newClient(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			for i := range inputs {
				r := &kgo.Record{Topic: "orders", Partition: int32(i % 2), Value: []byte(strconv.Itoa(i))}
				if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan error, 2)
			copied := make(chan int, inputs)
			working, stop := context.WithCancel(ctx)
			defer stop()
			for member := range 2 {
				go func() { done <- copying(working, c, member, copied) }()
			}
			for total := 0; total < inputs; {
				select {
				case n := <-copied:
					total += n
				case err := <-done:
					t.Fatal(err)
				}
			}
			stop()
			for range 2 {
				if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			got := committedValues(t, c, "copies")
			var want []string
			for i := range inputs {
				want = append(want, "copy of "+strconv.Itoa(i))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d copies of %d inputs: %v", len(got), inputs, got)
			}
		})
	}
}

// copying is a member that copies orders to copies, a few at a time, and says how many it has committed.
func copying(ctx context.Context, c *brokertest.Cluster, member int, copied chan<- int) error {
	s, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(c.Addresses()...), kgo.TransactionalID(fmt.Sprint("copier-", member)), kgo.ConsumerGroup("copiers"),
		kgo.ConsumeTopics("orders"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.TransactionTimeout(8*time.Second),
	)
	if err != nil {
		return err
	}
	defer s.Close()
	for turn := 1; ; turn++ {
		fetches := s.PollRecords(ctx, 5)
		if err := fetches.Err0(); err != nil {
			return err
		}
		if err := s.Begin(); err != nil {
			return err
		}
		n := 0
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			s.Produce(ctx, &kgo.Record{Topic: "copies", Partition: r.Partition, Value: []byte("copy of " + string(r.Value))}, nil)
		})
		committed, err := s.End(ctx, kgo.TransactionEndTry(turn%3 != 0))
		if err != nil {
			return err
		}
		if committed {
			copied <- n
		}
	}
}
