//go:build synctests

package bubble_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/bubble"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A day on which nothing happens but a record every minute: every record is read in order and soon, connections
// that are idle end and begin again, and no broker says a word about itself.
func TestQuietDay(t *testing.T) {
	const minutes = 24 * 60
	cfg, j := journalled(func(cfg *broker.Config) { cfg.QuorumTick = time.Second }) // a tenth of the messages of a day
	cfg.Latency = 0
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		producer := newClient(t, c, kgo.DefaultProduceTopic("orders"))
		create(t, producer, "orders", 1)
		reader := newClient(t, c, kgo.ConsumeTopics("orders"), kgo.FetchMaxWait(time.Minute))
		time.Sleep(time.Minute)
		began := time.Now()
		for i := range minutes {
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
		for _, name := range []string{"broker-fenced", "isr-changed", "leader-elected", "controller-active"} {
			if l, ok := j.first(began, name, ""); ok {
				t.Errorf("%v into a quiet day broker %d says %s: %s", l.at.Sub(began), l.node, l.name, l.words)
			}
		}
	})
}
