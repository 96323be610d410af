//go:build synctests

package bubble_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/bubble"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The day's topic keeps records for six hours, in segments of one.
const (
	day     = 24 * time.Hour
	kept    = 6 * time.Hour
	segment = time.Hour
)

// A day on which nothing happens but a record every minute: every record is read in order and soon, connections
// that are idle end and begin again, and no broker says a word about itself. At its end what is older than the topic
// keeps is gone, and what is younger is there, on every replica that may lead.
func TestQuietDay(t *testing.T) {
	cfg, j := journalled(func(cfg *broker.Config) { cfg.QuorumTick = time.Second }) // a tenth of the messages of a day
	cfg.Latency = 0
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		producer := newClient(t, c, kgo.DefaultProduceTopic("orders"))
		admin := kadm.NewClient(producer)
		settings := map[string]*string{
			"retention.ms": kadm.StringPtr(fmt.Sprint(kept.Milliseconds())), "segment.ms": kadm.StringPtr(fmt.Sprint(segment.Milliseconds())),
		}
		if _, err := admin.CreateTopic(t.Context(), 1, 3, settings, "orders"); err != nil {
			t.Fatal(err)
		}
		inSync(t, producer, "orders", 3)
		time.Sleep(time.Minute)
		began := time.Now()
		liveOneDay(t, c, producer, began)
		for _, name := range []string{"broker-fenced", "isr-changed", "leader-elected", "controller-active"} {
			if l, ok := j.first(began, name, ""); ok {
				t.Errorf("%v into a quiet day broker %d says %s: %s", l.at.Sub(began), l.node, l.name, l.words)
			}
		}
		// A segment goes when its youngest record is too old: one more segment than the time may be there, and what
		// is looked at every five minutes (log.retention.check.interval.ms).
		oldest, youngest := (day-kept-segment-10*time.Minute)/time.Minute, (day-kept)/time.Minute
		for range 3 {
			if start := startOf(t, admin); start < int64(oldest) || start > int64(youngest) {
				t.Errorf("the log begins at %d: want %d to %d", start, oldest, youngest)
			}
			leader := partitions(t, producer, "orders")[0].Leader
			c.Kill(leader)
			time.Sleep(time.Minute)
			c.Restart(leader)
			inSync(t, producer, "orders", 3)
		}
	})
}

// liveOneDay writes a record every minute and reads it.
func liveOneDay(t *testing.T, c *bubble.Cluster, producer *kgo.Client, began time.Time) {
	t.Helper()
	reader := newClient(t, c, kgo.ConsumeTopics("orders"), kgo.FetchMaxWait(time.Minute))
	for i := range int(day / time.Minute) {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Minute)))
		sent := time.Now()
		if err := producer.ProduceSync(t.Context(), kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		got := reader.PollRecords(ctx, 10)
		cancel()
		records := got.Records()
		if len(records) != 1 || string(records[0].Value) != fmt.Sprint(i) || records[0].Offset != int64(i) || got.Err() != nil {
			t.Fatalf("minute %d: read %v, %v", i, records, got.Err())
		}
		if late := time.Since(sent); i > 0 && late > 600*time.Millisecond { // a follower's fetch waits for 500 ms
			t.Errorf("minute %d: read %v after it was sent", i, late)
		}
	}
}

// startOf orders-0 as its leader says.
func startOf(t *testing.T, admin *kadm.Client) int64 {
	t.Helper()
	starts, err := admin.ListStartOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	o, _ := starts.Lookup("orders", 0)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return o.Offset
}
