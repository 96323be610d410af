package brokertest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A broker in a test: what it acknowledged is there after a kill.
func ExampleStart() {
	runTest(func(t testing.TB) {
		cluster := brokertest.Start(t)
		client, err := kgo.NewClient(
			kgo.SeedBrokers(cluster.Addresses()...), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("orders"),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		order := &kgo.Record{Topic: "orders", Value: []byte("one coffee")}
		if err := client.ProduceSync(t.Context(), order).FirstErr(); err != nil {
			t.Fatal(err)
		}
		cluster.Kill(0)
		cluster.Restart(0)
		fmt.Printf("%s\n", client.PollFetches(t.Context()).Records()[0].Value)
	})
	// Output: one coffee
}

// A replicated cluster: the death of a leader is a moment without answers, and nothing that was
// acknowledged is lost.
func ExampleCluster_KillLeader() {
	runTest(func(t testing.TB) {
		cluster := brokertest.Start(t, brokertest.Brokers(3))
		client, err := kgo.NewClient(
			kgo.SeedBrokers(cluster.Addresses()...), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("orders"),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.MetadataMinAge(100*time.Millisecond), // how soon the client looks for the new leader
		)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		order := &kgo.Record{Topic: "orders", Value: []byte("one coffee")}
		if err := client.ProduceSync(t.Context(), order).FirstErr(); err != nil {
			t.Fatal(err)
		}
		dead := cluster.KillLeader("orders", 0)
		fmt.Println("another leads:", cluster.Leader("orders", 0) != dead)
		fmt.Printf("%s\n", client.PollFetches(t.Context()).Records()[0].Value)
	})
	// Output:
	// another leads: true
	// one coffee
}

// runTest runs a test within an example, as go test would run it.
func runTest(test func(testing.TB)) {
	t := &inExample{}
	defer t.end()
	test(t)
}

// inExample is what the examples need of a test; it says only what goes wrong.
type inExample struct{ scope }

// Helper implements testing.TB.
func (*inExample) Helper() {}

// Context implements testing.TB.
func (*inExample) Context() context.Context { return context.Background() }

// Errorf implements testing.TB.
func (*inExample) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Fatal implements testing.TB.
func (*inExample) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Fatalf implements testing.TB.
func (*inExample) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
