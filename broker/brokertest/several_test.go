package brokertest_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topics of a cluster of three have three replicas and need two, unless their creator says otherwise.
func TestBrokers(t *testing.T) {
	t.Parallel()
	for brokers, replicas := range map[int]int{2: 2, 3: 3, 5: 3} {
		t.Run(fmt.Sprint(brokers), func(t *testing.T) {
			t.Parallel()
			c := brokertest.Start(t, brokertest.Brokers(brokers))
			admin := kadm.NewClient(newClient(t, c))
			metadata, err := admin.BrokerMetadata(within(t))
			if err != nil || len(metadata.Brokers) != brokers {
				t.Fatalf("%+v, %v", metadata, err)
			}
			if _, err := admin.CreateTopic(within(t), 4, -1, nil, "orders"); err != nil {
				t.Fatal(err)
			}
			topics, err := admin.ListTopics(within(t), "orders")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range topics["orders"].Partitions {
				if len(p.Replicas) != replicas {
					t.Errorf("partition %d has the replicas %v, want %d", p.Partition, p.Replicas, replicas)
				}
			}
		})
	}
}

// load produces 0, 1, 2, ... until it is stopped; it fails the test if a record is not acknowledged.
type load struct {
	acknowledged atomic.Int64
	stop         context.CancelFunc
	done         chan struct{}
}

func startLoad(t *testing.T, c *brokertest.Cluster) *load {
	client := newClient(t, c)
	ctx, stop := context.WithCancel(within(t))
	l := &load{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for i := 0; ctx.Err() == nil; i++ {
			if err := client.ProduceSync(within(t), kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
				t.Errorf("record %d: %v", i, err)
				return
			}
			l.acknowledged.Store(int64(i) + 1)
		}
	}()
	return l
}

// more waits for n more acknowledged records.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	want := l.acknowledged.Load() + n
	for deadline := time.Now().Add(30 * time.Second); l.acknowledged.Load() < want; {
		select {
		case <-l.done:
			t.Fatal("the load ended")
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records are acknowledged, want %d", l.acknowledged.Load(), want)
		}
	}
}

// end stops the load and gives the number of records that are acknowledged.
func (l *load) end() int {
	l.stop()
	<-l.done
	return int(l.acknowledged.Load())
}

// Each broker in turn is killed under load, in memory, on disk and with power cuts: what was
// acknowledged is read back, once and in order.
func TestEveryBrokerIsKilledUnderLoad(t *testing.T) {
	for name, opts := range map[string][]brokertest.Option{
		"memory": nil, "disk": {brokertest.OnDisk()}, "power loss": {brokertest.PowerLoss()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := brokertest.Start(t, append(opts, brokertest.Brokers(3))...)
			l := startLoad(t, c)
			l.more(t, 20)
			for id := range int32(3) {
				c.Kill(id)
				l.more(t, 20)
				c.Restart(id)
				l.more(t, 20)
			}
			consume(t, c, l.end())
		})
	}
}

// A leader that is killed is followed by another, again and again.
func TestKillLeader(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	l := startLoad(t, c)
	l.more(t, 5)
	for range 3 {
		dead := c.KillLeader("orders", 0)
		if leader := c.Leader("orders", 0); leader == dead {
			t.Fatalf("broker %d leads after its death", dead)
		}
		l.more(t, 5)
		c.Restart(dead)
	}
	consume(t, c, l.end())
}

// A leader that hangs, or is cut off from clients and brokers, is replaced, and follows when it is back.
func TestLeaderIsGone(t *testing.T) {
	for name, fault := range map[string]struct {
		begin, end func(*brokertest.Cluster, int32)
	}{
		"paused":  {(*brokertest.Cluster).Pause, (*brokertest.Cluster).Resume},
		"cut off": {(*brokertest.Cluster).Cut, (*brokertest.Cluster).Mend},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := brokertest.Start(t, brokertest.Brokers(3))
			l := startLoad(t, c)
			l.more(t, 5)
			old := c.Leader("orders", 0)
			fault.begin(c, old)
			if leader := c.Leader("orders", 0); leader == old {
				t.Fatalf("broker %d leads and cannot be reached", old)
			}
			l.more(t, 5)
			fault.end(c, old)
			l.more(t, 5)
			consume(t, c, l.end())
			inSync(t, newClient(t, c), "orders", 3)
		})
	}
}

// The whole cluster loses its power at once, and has everything when it is back.
func TestWholeClusterRestarts(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3), brokertest.PowerLoss())
	produce(t, newClient(t, c), 0, 20)
	c.Kill(0, 1, 2)
	c.Restart(0, 1, 2)
	consume(t, c, 20)
}

// Either of two brokers may be killed once the other has everything: a third node has the third vote.
func TestTwoBrokers(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(2))
	l := startLoad(t, c)
	l.more(t, 5)
	for id := range int32(2) {
		inSync(t, newClient(t, c), "orders", 2)
		c.Kill(id)
		l.more(t, 5)
		c.Restart(id)
	}
	consume(t, c, l.end())
}

// With two of three brokers gone records are not committed: min ISR is two.
func TestMinISR(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(4), brokertest.Configure(func(cfg *broker.Config) { cfg.DefaultReplication = 2 }))
	client := newClient(t, c)
	produce(t, client, 0, 1)
	c.KillLeader("orders", 0)
	c.Leader("orders", 0)
	ctx, cancel := context.WithTimeout(within(t), 200*time.Millisecond)
	defer cancel()
	if err := client.ProduceSync(ctx, kgo.StringRecord("1")).FirstErr(); err == nil {
		t.Error("acknowledged with one replica of two, where two are needed")
	}
}

// scope ends clusters before the benchmark ends.
type scope struct {
	testing.TB
	cleanups []func()
}

// Cleanup implements testing.TB.
func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// How long a cluster takes until it serves.
func BenchmarkStart(b *testing.B) {
	for _, brokers := range []int{1, 3} {
		b.Run(fmt.Sprint(brokers), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				s := &scope{TB: b}
				began := time.Now()
				brokertest.Start(s, brokertest.Brokers(brokers))
				took = append(took, time.Since(began))
				b.StopTimer()
				s.end()
				b.StartTimer()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
		})
	}
}
