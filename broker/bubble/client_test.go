//go:build synctests

package bubble_test

import (
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/bubble"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// journalled is a cluster of three with Kafka's times, and what its brokers will say.
func journalled(configure func(*broker.Config)) (bubble.Config, *journal) {
	j := &journal{}
	return bubble.Config{Brokers: 3, Latency: time.Millisecond, Configure: func(cfg *broker.Config) {
		if configure != nil {
			configure(cfg)
		}
		j.of(cfg, cfg.NodeID)
	}}, j
}

// newClient is franz-go as it is, on the network of the bubble.
func newClient(t *testing.T, c *bubble.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Addresses()...), kgo.Dialer(c.Dial)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// create makes a topic with three replicas, and waits until all of them are in sync.
func create(t *testing.T, client *kgo.Client, topic string, partitions int32) {
	t.Helper()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 3, nil, topic); err != nil {
		t.Fatal(err)
	}
	inSync(t, client, topic, 3)
}

// inSync waits until every partition of a topic has so many replicas in sync, and a leader.
func inSync(t *testing.T, client *kgo.Client, topic string, replicas int) {
	t.Helper()
	var last []kadm.PartitionDetail
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		last = partitions(t, client, topic)
		if len(last) > 0 && !slices.ContainsFunc(last, func(p kadm.PartitionDetail) bool { return len(p.ISR) != replicas || p.Leader < 0 }) {
			return
		}
	}
	t.Fatalf("not %d replicas of %s are in sync: %v", replicas, topic, last)
}

// partitions of a topic in order, by the words of any broker.
func partitions(t *testing.T, client *kgo.Client, topic string) []kadm.PartitionDetail {
	t.Helper()
	m, err := kadm.NewClient(client).Metadata(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return m.Topics[topic].Partitions.Sorted()
}

// ledBy lists the partitions of a topic that a broker leads.
func ledBy(t *testing.T, client *kgo.Client, topic string, id int32) (led []int32) {
	t.Helper()
	for _, p := range partitions(t, client, topic) {
		if p.Leader == id {
			led = append(led, p.Partition)
		}
	}
	return led
}

// within fails the test unless a time lies between two others, both included.
func within(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s took %v: want %v to %v", what, got, least, most)
	}
}
