package brokertest_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kgo"
)

func newClient(t testing.TB, c *brokertest.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.Addresses()...), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"),
		// As quick as the cluster: it finds a broker dead after 600 ms, a client by default after 20 s.
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.ProduceRequestTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// produce acknowledges n records, or fails the test.
func produce(t testing.TB, client *kgo.Client, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if err := client.ProduceSync(within(t), kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// consume reads n records and checks that they are 0, 1, 2, ...
func consume(t testing.TB, c *brokertest.Cluster, n int) {
	t.Helper()
	client := newClient(t, c, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for got := 0; got < n; {
		fetches := client.PollFetches(within(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != fmt.Sprint(got) {
				t.Fatalf("offset %d: %q, want %d", r.Offset, r.Value, got)
			}
			got++
		})
	}
}

// What was acknowledged survives a kill, in memory and on disk, and a power cut.
func TestKillAndRestart(t *testing.T) {
	for name, opts := range map[string][]brokertest.Option{
		"memory": nil, "disk": {brokertest.OnDisk()}, "power loss": {brokertest.PowerLoss()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := brokertest.Start(t, opts...)
			client := newClient(t, c)
			address := c.Addresses()[0]
			for round := range 3 {
				produce(t, client, 20*round, 20)
				c.Kill(0)
				c.Restart(0)
			}
			if c.Addresses()[0] != address {
				t.Errorf("the address changed from %s to %s", address, c.Addresses()[0])
			}
			consume(t, c, 60)
		})
	}
}

// A client that produces while the broker is down goes on when it is back, and stores nothing twice.
func TestClientRidesThroughAKill(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.PowerLoss())
	client := newClient(t, c)
	produce(t, client, 0, 1)
	acknowledged := make(chan error, 1)
	c.Kill(0)
	client.Produce(within(t), kgo.StringRecord("1"), func(_ *kgo.Record, err error) { acknowledged <- err })
	c.Restart(0)
	if err := <-acknowledged; err != nil {
		t.Fatal(err)
	}
	consume(t, c, 2)
}

// A paused broker answers nobody, and everybody once it is resumed.
func TestPause(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	client := newClient(t, c)
	produce(t, client, 0, 1)
	c.Pause(0)
	acknowledged := make(chan error, 1)
	client.Produce(within(t), kgo.StringRecord("1"), func(_ *kgo.Record, err error) { acknowledged <- err })
	select {
	case err := <-acknowledged:
		t.Fatalf("a paused broker acknowledged: %v", err)
	case <-time.After(100 * time.Millisecond): // silence can only be waited for
	}
	c.Resume(0)
	if err := <-acknowledged; err != nil {
		t.Fatal(err)
	}
	consume(t, c, 2)
}

// A broker that is cut off cannot be reached, keeps what it has, and is found again.
func TestCut(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	client := newClient(t, c)
	produce(t, client, 0, 5)
	c.Cut(0)
	ctx, cancel := context.WithTimeout(within(t), 100*time.Millisecond)
	defer cancel()
	if err := newClient(t, c).Ping(ctx); err == nil {
		t.Fatal("a broker that is cut off was reached")
	}
	c.Mend(0)
	produce(t, client, 5, 5)
	consume(t, c, 10)
}

// A test may end with its broker paused or cut off.
func TestStopWhilePaused(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	produce(t, newClient(t, c), 0, 1)
	c.Pause(0)
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Configure(func(cfg *broker.Config) { cfg.NoAutoCreate = true }))
	client := newClient(t, c, kgo.UnknownTopicRetries(0))
	if err := client.ProduceSync(within(t), kgo.StringRecord("x")).FirstErr(); err == nil {
		t.Fatal("the topic was created although the configuration forbids it")
	}
}

// People import this package into their own tests: it must stay light.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]bool{}
	for _, path := range strings.Fields(string(out)) {
		modules[path] = true
		for _, heavy := range []string{"docker", "testcontainers", "prometheus/prometheus", "grafana"} {
			if strings.Contains(path, heavy) {
				t.Errorf("depends on %s", path)
			}
		}
	}
	if len(modules) > 25 {
		t.Errorf("depends on %d modules, at most 25 are allowed: %v", len(modules), modules)
	}
}
