package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// produceUntil writes records one after the other, with acks=all, until stop is closed; it gives the values
// that were acknowledged once the channel is read. Records that fail are tried again by the client, so only
// the end of the test ends one.
func produceUntil(t *testing.T, client *kgo.Client, stop <-chan struct{}) <-chan []string {
	done := make(chan []string, 1)
	go func() {
		var acknowledged []string
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- acknowledged
				return
			default:
			}
			value := fmt.Sprintf("%d %0200d", i, i)
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte(value)}).FirstErr()
			cancel()
			if errors.Is(err, kgo.ErrClientClosed) {
				return // the test has ended before its time
			}
			if err != nil {
				t.Errorf("record %d: %v", i, err)
			}
			acknowledged = append(acknowledged, value)
		}
	}()
	return done
}

// wantAll reads the topic and looks for every value in its order.
func wantAll(t *testing.T, cluster *brokertest.Cluster, values []string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addresses()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for i := 0; i < len(values); {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records were acknowledged and do not come: %v", len(values)-i, len(values), fetches.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if i < len(values) && string(r.Value) == values[i] {
				i++
			}
		})
	}
}

func newProducer(t *testing.T, cluster *brokertest.Cluster) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addresses()...), kgo.AllowAutoTopicCreation(), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// A disk that cannot keep what is written to it stops its broker, whatever ails it, and names file and errno;
// the others go on, and nothing that was acknowledged is lost, neither then nor when the broker comes back.
func TestDiskOfALeaderFails(t *testing.T) {
	for _, c := range []struct{ rules, errno string }{
		{"sync-error=now", "input/output error"}, {"write-error=now", "input/output error"}, {"space=1B", "the disk is full"},
	} {
		t.Run(c.rules, func(t *testing.T) {
			t.Parallel()
			cluster := brokertest.Start(t, brokertest.Brokers(3))
			client := newProducer(t, cluster)
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("first")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			done := produceUntil(t, client, stop)
			id := cluster.Leader("orders", 0)
			cluster.Disk(id, c.rules)
			if why := cluster.Stopped(id); why == nil || !strings.Contains(why.Error(), c.errno) {
				t.Errorf("broker %d stopped because of %v, want %q", id, why, c.errno)
			}
			cluster.Leader("orders", 0) // another one
			cluster.Restart(id)
			close(stop)
			values := <-done
			wantAll(t, cluster, values)
			for other := range int32(3) { // what the broker that failed has is whole too
				if other != id {
					cluster.Kill(other)
				}
			}
			cluster.Restart((id+1)%3, (id+2)%3)
			wantAll(t, cluster, values)
		})
	}
}

// All disks are full at once: every broker stops that has something to write, which is two of three at least,
// as without most of the controllers the last has nothing more. All come back with everything when there is room.
func TestAllDisksAreFull(t *testing.T) {
	cluster := brokertest.Start(t, brokertest.Brokers(3))
	client := newProducer(t, cluster)
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("first")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := produceUntil(t, client, stop)
	id := cluster.Leader("orders", 0)
	for other := range int32(3) {
		cluster.Disk(other, "space=1B")
	}
	if why := cluster.Stopped(id); !strings.Contains(why.Error(), "the disk is full") {
		t.Errorf("the leader stopped because of %v", why)
	}
	cluster.Kill((id+1)%3, (id+2)%3)
	cluster.Restart(0, 1, 2)
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("last")}).FirstErr(); err != nil {
		t.Error(err)
	}
	close(stop)
	wantAll(t, cluster, <-done)
}

// A slow disk delays what it must: nothing fails.
func TestDiskIsSlow(t *testing.T) {
	cluster := brokertest.Start(t, brokertest.Brokers(3))
	client := newProducer(t, cluster)
	stop := make(chan struct{})
	done := produceUntil(t, client, stop)
	id := cluster.Leader("orders", 0)
	cluster.Disk(id, "sync-delay=30ms,write-delay=1ms")
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("slow")}).FirstErr(); err != nil {
		t.Error(err)
	}
	cluster.Disk(id, "")
	close(stop)
	wantAll(t, cluster, <-done)
}

// A bit of a sealed segment changes on the disk of one replica. Whether it leads or follows, whether somebody
// reads the segment or nobody does: no reader gets bytes that were not written, the segment is set aside, the
// replica is struck until it has fetched it again, and is then as whole as the others.
func TestBitRot(t *testing.T) {
	for _, c := range []struct {
		name         string
		leads, reads bool
	}{{"leader", true, true}, {"leader that nobody reads", true, false}, {"follower", false, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			events := t.TempDir()
			cluster := brokertest.Start(t, brokertest.Brokers(3), brokertest.Configure(func(cfg *broker.Config) {
				cfg.SegmentBytes, cfg.Events = 16<<10, filepath.Join(events, fmt.Sprint(time.Now().UnixNano()))
			}))
			client := newProducer(t, cluster)
			var values []string
			for i := range 400 {
				values = append(values, fmt.Sprintf("%d %0300d", i, i))
				if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(values[i])}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			id := cluster.Leader("orders", 0)
			if !c.leads {
				id = (id + 1) % 3
			}
			cluster.Rot(id, "orders", 0, 7)
			if c.reads {
				wantAll(t, cluster, values)
			}
			wantEvents(t, events, "segment-damaged", "segment-quarantined", "segment-refilled")
			wantAll(t, cluster, values)
			inSync(t, client, "orders", 3)
		})
	}
}

// wantEvents waits until each event has been told by some node.
func wantEvents(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		eventually(t, func() string {
			if told(t, dir, name) {
				return ""
			}
			return "no node has told of " + name
		})
	}
}

func told(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"`+name+`"`) {
			return true
		}
	}
	return false
}
