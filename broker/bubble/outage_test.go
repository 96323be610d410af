//go:build synctests

package bubble_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/bubble"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What a client does about a cluster that is away for minutes: it asks again and again, not too often, and delivers
// what it has soon after the end. A record whose time is up is given up then and not sooner, and one that was sent,
// so that nobody knows what became of it, never.
func TestOutage(t *testing.T) {
	const outage = 5 * time.Minute
	for name, away := range map[string]struct{ begin, end func(c *bubble.Cluster) }{
		"all killed":  {func(c *bubble.Cluster) { c.Kill(0, 1, 2) }, func(c *bubble.Cluster) { c.Restart(0, 1, 2) }},
		"all cut off": {each((*bubble.Cluster).Cut), each((*bubble.Cluster).Mend)},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := journalled(nil)
			bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
				var dials atomic.Int64
				counted := kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
					dials.Add(1)
					return c.Dial(ctx, network, address)
				})
				patient := newClient(t, c, counted, kgo.DefaultProduceTopic("orders"))
				hasty := newClient(t, c, kgo.DefaultProduceTopic("orders"), kgo.RecordDeliveryTimeout(time.Minute))
				create(t, patient, "orders", 1)
				for _, client := range []*kgo.Client{patient, hasty} {
					if err := client.ProduceSync(t.Context(), kgo.StringRecord("before")).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				before := dials.Load()
				away.begin(c)
				began := time.Now()
				send := func(client *kgo.Client, word string) <-chan outcome {
					done := make(chan outcome, 1)
					client.Produce(t.Context(), kgo.StringRecord(word), func(_ *kgo.Record, err error) { done <- outcome{time.Now(), err} })
					return done
				}
				first, second := send(patient, "patient"), send(hasty, "hasty")
				time.Sleep(time.Minute)
				third, late := send(hasty, "late"), time.Now()
				time.Sleep(time.Until(began.Add(outage)))
				if n := dials.Load() - before; n < 10 || n > int64(outage/time.Second) {
					t.Errorf("the client dialled %d times in %v: want it not to give up, and not to try more than once a second", n, outage)
				}
				ended := time.Now()
				away.end(c)
				for word, done := range map[string]<-chan outcome{"patient": first, "sent before its time was up": second} {
					if o := <-done; o.err != nil || o.at.Sub(ended) > 10*time.Second {
						t.Errorf("a record that is %s: %v, %v after the end", word, o.err, o.at.Sub(ended))
					}
				}
				if o := <-third; o.at.Sub(late) < time.Minute || o.err != nil && !errors.Is(o.err, kgo.ErrRecordTimeout) {
					t.Errorf("a record that has a minute: %v after %v", o.err, o.at.Sub(late))
				}
			})
		})
	}
}

// outcome of a record.
type outcome struct {
	at  time.Time
	err error
}

// each does something to every broker.
func each(do func(*bubble.Cluster, int32)) func(*bubble.Cluster) {
	return func(c *bubble.Cluster) {
		for id := range int32(3) {
			do(c, id)
		}
	}
}
