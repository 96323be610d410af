//go:build synctests

package bubble_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/bubble"
	"github.com/twmb/franz-go/pkg/kgo"
)

// members of a group, and what they are told.
type members struct {
	partitions int // of the topic
	mu         sync.Mutex
	owned      map[string]map[int32]bool
	since      time.Time // of the last change
}

// join begins a member, which polls until its client is closed.
func (m *members) join(t *testing.T, c *bubble.Cluster, name string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	change := func(owned bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.owned[name] == nil {
				m.owned[name] = map[int32]bool{}
			}
			for _, p := range parts["orders"] {
				if owned {
					m.owned[name][p] = true
				} else {
					delete(m.owned[name], p)
				}
				m.since = time.Now()
			}
		}
	}
	client := newClient(t, c, append([]kgo.Opt{
		kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("orders"), kgo.SessionTimeout(memberSession), kgo.HeartbeatInterval(memberHeartbeat),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)),
	}, opts...)...)
	go func() {
		for !client.PollFetches(context.Background()).IsClientClosed() {
		}
	}()
	return client
}

const (
	memberSession   = 45 * time.Second // Kafka's default
	memberHeartbeat = 3 * time.Second
	joinDelay       = 3 * time.Second // group.initial.rebalance.delay.ms
)

// await waits until the members that are named have all partitions between them, each at least one, and gives the time
// of the last change.
func (m *members) await(t *testing.T, names ...string) time.Time {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		m.mu.Lock()
		all, idle := map[int32]bool{}, false
		for _, name := range names {
			idle = idle || len(m.owned[name]) == 0
			for p := range m.owned[name] {
				all[p] = true
			}
		}
		since := m.since
		m.mu.Unlock()
		if len(all) == m.partitions && !idle {
			return since
		}
	}
	t.Fatalf("%v do not have all partitions between them: %v", names, m.owned)
	return time.Time{}
}

// A group waits for its first members as long as it is told to, gives a crashed member's partitions to the others when
// its session is over, those of one that leaves at once, and keeps those of a static member that is back in time.
func TestRebalances(t *testing.T) {
	cfg, _ := journalled(nil)
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		create(t, newClient(t, c), "orders", 12)
		m := &members{partitions: 12, owned: map[string]map[int32]bool{}}
		began := time.Now()
		a := m.join(t, c, "a")
		b := m.join(t, c, "b")
		// The second member comes while the first waits, so that the group waits once more for others.
		within(t, "the first assignment", m.await(t, "a", "b").Sub(began), 2*joinDelay, 2*joinDelay+time.Second)

		fixed := m.join(t, c, "c", kgo.InstanceID("c"))
		m.await(t, "a", "b", "c")
		m.mu.Lock()
		had := fmt.Sprint(m.owned["c"])
		m.mu.Unlock()
		fixed.CloseAllowingRebalance() // a static member that is closed does not leave (KIP-345)
		time.Sleep(memberSession / 2)
		m.mu.Lock()
		delete(m.owned, "c")
		m.mu.Unlock()
		back := time.Now()
		fixed = m.join(t, c, "c", kgo.InstanceID("c"))
		within(t, "a static member that is back", m.await(t, "a", "b", "c").Sub(back), 0, time.Second)
		m.mu.Lock()
		if got := fmt.Sprint(m.owned["c"]); got != had {
			t.Errorf("the static member had %s and got %s", had, got)
		}
		delete(m.owned, "c")
		m.mu.Unlock()
		gone := time.Now()
		fixed.CloseAllowingRebalance() // and now for good
		within(t, "taking over from a static member", m.await(t, "a", "b").Sub(gone), memberSession-memberHeartbeat, memberSession+memberHeartbeat+time.Second)

		left := time.Now()
		b.LeaveGroup()
		m.mu.Lock()
		delete(m.owned, "b")
		m.mu.Unlock()
		within(t, "taking over from a member that leaves", m.await(t, "a").Sub(left), 0, memberHeartbeat+time.Second)
		a.CloseAllowingRebalance()
	})
}

// The partitions of one of twenty members that dies are with the others a second after its session, if they ask
// often enough whether there is a rebalance.
func TestOneOfTwentyDies(t *testing.T) {
	const session, heartbeat = 10 * time.Second, 500 * time.Millisecond
	cfg, _ := journalled(nil)
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		create(t, newClient(t, c), "orders", 40)
		m := &members{partitions: 40, owned: map[string]map[int32]bool{}}
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprint("member-", i))
			m.join(t, c, names[i], kgo.SessionTimeout(session), kgo.HeartbeatInterval(heartbeat), kgo.Dialer(c.DialFrom(names[i])))
		}
		m.await(t, names...)
		for dead := range 3 {
			time.Sleep(time.Minute)
			m.mu.Lock()
			delete(m.owned, names[dead])
			m.mu.Unlock()
			died := time.Now()
			c.CutHost(names[dead], true)
			took := m.await(t, names[dead+1:]...).Sub(died)
			t.Logf("%d members have all partitions %v after the death of one", 19-dead, took)
			within(t, "a rebalance after a death", took, session-heartbeat, session+time.Second)
		}
		for dead := range 3 {
			c.CutHost(names[dead], false) // so that their clients can be closed
		}
	})
}
