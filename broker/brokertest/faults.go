package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/control"
)

// Kill ends brokers without any goodbye: connections break, nothing is synced or marked clean. Their
// addresses refuse connections until Restart.
func (c *Cluster) Kill(ids ...int32) {
	c.t.Helper()
	for _, id := range ids {
		n, running := c.change(id, true)
		running.Kill()
		if c.opts.power {
			n.memory = n.memory.Crash(nil)
		}
		c.changed(n)
	}
}

// KillLeader kills the broker that leads a partition, and returns its id.
func (c *Cluster) KillLeader(topic string, partition int32) (id int32) {
	c.t.Helper()
	id = c.Leader(topic, partition)
	c.Kill(id)
	return id
}

// Restart starts brokers again that were killed, at once; they serve when Restart returns. A broker
// serves only with most of the controllers up: after the death of two of the first three, restart both
// in one call.
func (c *Cluster) Restart(ids ...int32) {
	c.t.Helper()
	var nodes []*node
	for _, id := range ids {
		n, _ := c.change(id, false)
		nodes = append(nodes, n)
	}
	err := c.start(nodes...)
	for _, n := range nodes {
		c.changed(n)
	}
	if err != nil {
		c.t.Fatalf("brokertest: %v", err)
	}
}

// Pause stops a broker from reading and answering, as a long garbage collection or SIGSTOP would:
// connections stay, new ones are accepted by the machine, nobody gets an answer until Resume, clients
// and other brokers alike. What the broker had begun goes on inside it.
func (c *Cluster) Pause(id int32) {
	c.t.Helper()
	c.node(id).network.pause(true)
}

// Resume ends Pause.
func (c *Cluster) Resume(id int32) {
	c.t.Helper()
	c.node(id).network.pause(false)
}

// Cut takes a broker off the network: its connections to and from clients and other brokers break, and
// there are no new ones until Mend. It goes on running.
func (c *Cluster) Cut(id int32) {
	c.t.Helper()
	c.node(id).network.cut(true)
}

// Mend ends Cut.
func (c *Cluster) Mend(id int32) {
	c.t.Helper()
	c.node(id).network.cut(false)
}

// Disk makes the disk of a broker misbehave by rules, as `logproof broker --disk` has them, until they are
// changed again or the broker is restarted: "space=1B" is full at once, "sync-error=now" fails what is synced,
// "write-error=now" what is written, "sync-delay=50ms" is slow, "" is sound. It is for files in memory. A
// broker whose disk is full or fails stops itself: see Stopped.
func (c *Cluster) Disk(id int32, rules string) {
	c.t.Helper()
	c.control(id, control.Request{Disk: &rules})
}

// Rot changes one bit of a sealed segment of a partition on the disk of a broker, as drawn from the seed.
func (c *Cluster) Rot(id int32, topic string, partition int32, seed uint64) {
	c.t.Helper()
	c.control(id, control.Request{BitRot: &control.BitRot{Topic: topic, Partition: partition, Segment: "sealed", Seed: seed}})
}

// control asks a broker that is up.
func (c *Cluster) control(id int32, q control.Request) {
	c.t.Helper()
	n := c.node(id)
	c.mu.Lock()
	running := n.running
	c.mu.Unlock()
	if running == nil {
		c.t.Fatalf("brokertest: broker %d is down", id)
	}
	if _, err := running.Control(context.Background(), q); err != nil {
		c.t.Fatalf("brokertest: broker %d: %v", id, err)
	}
}

// stopWithin is how long a broker may take to find that it cannot go on.
const stopWithin = 30 * time.Second

// Stopped waits until brokers have stopped themselves, because they could no longer keep their promises, and
// says why, each a line. They are down then, until Restart. Until Stopped is called, a broker that has found that
// it cannot go on is still there for the others: of several, name all in one call.
func (c *Cluster) Stopped(ids ...int32) (why error) {
	c.t.Helper()
	nodes := make([]*node, len(ids))
	running := make([]*broker.Broker, len(ids))
	for i, id := range ids {
		nodes[i], running[i] = c.change(id, true)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	reasons := make([]error, len(ids))
	var stopping sync.WaitGroup
	for i, b := range running {
		stopping.Go(func() {
			late := false
			select {
			case <-b.Done():
			case <-ctx.Done():
				late = true
			}
			err := b.Close()
			if late {
				err = fmt.Errorf("it still ran after %v", stopWithin)
			}
			reasons[i] = fmt.Errorf("broker %d: %w", nodes[i].id, err)
		})
	}
	stopping.Wait()
	for _, n := range nodes {
		c.changed(n)
	}
	if ctx.Err() != nil {
		c.t.Fatalf("brokertest: %v", errors.Join(reasons...))
	}
	return errors.Join(reasons...)
}

// change begins to bring a broker that is up down, or the other way round: until changed is called it
// is the caller's alone. A broker that was up is given to the caller, and counts as down.
func (c *Cluster) change(id int32, up bool) (n *node, running *broker.Broker) {
	c.t.Helper()
	n = c.node(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case n.changing:
		c.t.Fatalf("brokertest: broker %d is being killed or started by another goroutine", id)
	case up && n.running == nil:
		c.t.Fatalf("brokertest: broker %d is down already", id)
	case !up && n.running != nil:
		c.t.Fatalf("brokertest: broker %d is up", id)
	}
	running, n.running, n.changing = n.running, nil, true
	return n, running
}

func (c *Cluster) changed(n *node) {
	c.mu.Lock()
	n.changing = false
	c.mu.Unlock()
}

// serves says that clients can reach the broker.
func (c *Cluster) serves(id int32) bool {
	n := c.nodes[id]
	c.mu.Lock()
	up := n.running != nil
	c.mu.Unlock()
	return up && n.network.reachable()
}
