package brokertest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds what a test waits for.
const patience = 60 * time.Second

// within is a context that ends with the patience of a test.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks again and again, with a short rest, until nothing is missing: missing says what still is, or "".
func eventually(t testing.TB, missing func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text := missing()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", patience, text)
		}
	}
}

// inSync waits until partition 0 has so many replicas in sync.
func inSync(t *testing.T, client *kgo.Client, topic string, replicas int) {
	t.Helper()
	ctx := within(t)
	eventually(t, func() string {
		topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
		if err == nil && len(topics[topic].Partitions[0].ISR) == replicas {
			return ""
		}
		return fmt.Sprintf("%s has %+v, %v; want %d replicas in sync", topic, topics[topic].Partitions[0], err, replicas)
	})
}
