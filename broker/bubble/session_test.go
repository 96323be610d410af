//go:build synctests

package bubble_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/bubble"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The defaults of broker.Config, which are Kafka's.
const (
	session   = 9 * time.Second
	heartbeat = 2 * time.Second
	tick      = 100 * time.Millisecond // of the quorum: an election begins after 10 to 20
	slack     = 20 * time.Millisecond  // journeys of 1 ms, a few for every step
)

// A broker that is silent is fenced when its session is over, not sooner and not later, and its partitions are
// led by others at that moment. Who produces to them is told no error, and waits as long, or until franz-go takes a
// connection without an answer for dead: a request has 10 s and 10 s more, and its next may go there again.
func TestASilentBrokerIsFencedAfterItsSession(t *testing.T) {
	for name, c := range map[string]struct {
		silence func(*bubble.Cluster, int32)
		waits   time.Duration
	}{
		"killed":  {func(c *bubble.Cluster, id int32) { c.Kill(id) }, session + 10*time.Second},
		"cut off": {(*bubble.Cluster).Cut, 45 * time.Second},
	} {
		silence, waits := c.silence, c.waits
		t.Run(name, func(t *testing.T) {
			cfg, j := journalled(nil)
			bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
				client := newClient(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
				create(t, client, "orders", 6)
				victim := (j.controller(t) + 1) % 3
				lost := ledBy(t, client, "orders", victim)
				began := time.Now()
				silence(c, victim)
				record := kgo.StringRecord("waits")
				record.Topic, record.Partition = "orders", lost[0]
				if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
					t.Error(err)
				}
				within(t, "a record for a partition of the silent broker", time.Since(began), session-heartbeat, waits)
				fenced := j.await(t, began, "broker-fenced", fmt.Sprintf("broker %d is", victim))
				within(t, "fencing", fenced.at.Sub(began), session-heartbeat, session+tick+slack)
				for _, p := range lost {
					elected := j.await(t, began, "leader-elected", fmt.Sprintf("orders-%d,", p))
					within(t, "an election after that", elected.at.Sub(fenced.at), 0, slack)
				}
				if left := ledBy(t, client, "orders", victim); len(lost) != 2 || len(left) > 0 {
					t.Errorf("broker %d led %v, and leads %v when it is fenced", victim, lost, left)
				}
			})
		})
	}
}

// When the active controller dies, another is elected within twice the election's time, and gives every broker a
// whole session from then on: the dead one is fenced after that.
func TestTheSessionsOfANewController(t *testing.T) {
	cfg, j := journalled(nil)
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		client := newClient(t, c)
		create(t, client, "orders", 6)
		for range 5 {
			victim, began := j.controller(t), time.Now()
			c.Kill(victim)
			active := j.await(t, began, "controller-active", "")
			within(t, "an election of a controller", active.at.Sub(began), 5*tick, 40*tick+slack)
			fenced := j.await(t, began, "broker-fenced", fmt.Sprintf("broker %d is", victim))
			within(t, "fencing by a new controller", fenced.at.Sub(active.at), session, session+tick+slack)
			c.Restart(victim)
			inSync(t, client, "orders", 3)
		}
	})
}

// A broker that comes back is in sync again within seconds, and gets back what it is the first replica of when the
// next look at the balance is due.
func TestThePreferredLeaderComesBack(t *testing.T) {
	cfg, j := journalled(nil)
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		client := newClient(t, c)
		create(t, client, "orders", 6)
		victim := (j.controller(t) + 1) % 3
		before := ledBy(t, client, "orders", victim)
		c.Kill(victim)
		time.Sleep(10 * time.Minute)
		began := time.Now()
		c.Restart(victim)
		inSync(t, client, "orders", 3)
		within(t, "catching up", time.Since(began), 0, 10*time.Second)
		for len(ledBy(t, client, "orders", victim)) == 0 {
			time.Sleep(time.Second)
		}
		within(t, "getting partitions back", time.Since(began), 0, 5*time.Minute+10*time.Second) // leader.imbalance.check.interval.seconds
		if after := ledBy(t, client, "orders", victim); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("broker %d led %v, and leads %v again", victim, before, after)
		}
	})
}
