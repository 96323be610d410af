package brokertest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/env/mem"
)

// startWithin is how long a broker may take to serve: it recovers its logs first.
const startWithin = 30 * time.Second

// Cluster is the brokers of one test. Its methods may be called from several goroutines; what goes
// wrong in them fails the test, so they must be called while it runs.
type Cluster struct {
	t    testing.TB
	opts options
	mu   struct {
		sync.Mutex
		nodes []*node
	}
}

// node is one broker, up or down.
type node struct {
	id      int32
	port    *port
	dir     string // with OnDisk
	memory  *mem.FS
	running *broker.Broker // nil while it is down
}

// Option changes what Start starts.
type Option func(*options)

type options struct {
	onDisk bool
	power  bool
	config func(*broker.Config)
}

// OnDisk keeps the files in the test's temporary directory in place of memory.
func OnDisk() Option { return func(o *options) { o.onDisk = true } }

// PowerLoss makes Kill lose everything that was not synced, like a power cut. It is for files in
// memory. Without it Kill loses nothing that was written, as the end of a process does.
func PowerLoss() Option { return func(o *options) { o.power = true } }

// Configure changes the configuration of each broker before it starts: its flush policy, the size
// of its segments. Addresses and files stay those of the cluster.
func Configure(change func(*broker.Config)) Option { return func(o *options) { o.config = change } }

// Start starts a cluster that serves when it returns, and stops it when the test ends.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for _, o := range opts {
		o(&c.opts)
	}
	if c.opts.onDisk && c.opts.power {
		t.Fatal("brokertest: PowerLoss is for files in memory, it does not go with OnDisk")
	}
	p, err := openPort()
	if err != nil {
		t.Fatalf("brokertest: %v", err)
	}
	n := &node{id: 0, port: p}
	if c.opts.onDisk {
		n.dir = t.TempDir()
	} else {
		n.memory = mem.New()
	}
	c.mu.nodes = append(c.mu.nodes, n)
	t.Cleanup(c.stop)
	if err := c.start(n); err != nil {
		t.Fatalf("brokertest: %v", err)
	}
	return c
}

// start runs a broker on the files and the address of its node.
func (c *Cluster) start(n *node) error {
	cfg := broker.Config{NodeID: n.id}
	if c.opts.config != nil {
		c.opts.config(&cfg)
	}
	cfg.NodeID, cfg.DataDir, cfg.Listener = n.id, n.dir, n.port.open()
	if n.memory != nil {
		cfg.FS = n.memory
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	running, err := broker.Start(ctx, cfg)
	if err != nil {
		return fmt.Errorf("start broker %d: %w", n.id, err)
	}
	n.running = running
	return nil
}

// Addresses of all brokers, up or down, host:port: what clients begin with. They do not change.
func (c *Cluster) Addresses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, n := range c.mu.nodes {
		all = append(all, n.port.address())
	}
	return all
}

// Kill ends a broker without any goodbye: connections break, nothing is synced or marked clean.
// Its address refuses connections until Restart.
func (c *Cluster) Kill(id int32) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(id)
	if n.running == nil {
		c.t.Fatalf("brokertest: broker %d is down already", id)
	}
	n.running.Kill()
	n.running = nil
	if c.opts.power {
		n.memory = n.memory.Crash(nil)
	}
}

// Restart starts a broker again that was killed; it serves when Restart returns.
func (c *Cluster) Restart(id int32) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(id)
	if n.running != nil {
		c.t.Fatalf("brokertest: broker %d is up", id)
	}
	if err := c.start(n); err != nil {
		c.t.Fatalf("brokertest: %v", err)
	}
}

// Pause stops a broker from reading and answering, as a long garbage collection or SIGSTOP would:
// connections stay, new ones are accepted by the machine, nobody gets an answer until Resume. What
// the broker had begun goes on inside it.
func (c *Cluster) Pause(id int32) {
	c.t.Helper()
	c.port(id).pause(true)
}

// Resume ends Pause.
func (c *Cluster) Resume(id int32) {
	c.t.Helper()
	c.port(id).pause(false)
}

// Cut takes a broker off the network: its connections break and new ones are refused until Mend.
// It goes on running.
func (c *Cluster) Cut(id int32) {
	c.t.Helper()
	c.port(id).cut(true)
}

// Mend ends Cut.
func (c *Cluster) Mend(id int32) {
	c.t.Helper()
	c.port(id).cut(false)
}

func (c *Cluster) port(id int32) *port {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node(id).port
}

// node finds a broker; c.mu is held.
func (c *Cluster) node(id int32) *node {
	c.t.Helper()
	if id < 0 || int(id) >= len(c.mu.nodes) {
		c.t.Fatalf("brokertest: there is no broker %d: the cluster has %d", id, len(c.mu.nodes))
	}
	return c.mu.nodes[id]
}

// stop ends the cluster with its test.
func (c *Cluster) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.mu.nodes {
		n.port.pause(false) // a broker that is paused could not be stopped
		if n.running != nil {
			if err := n.running.Close(); err != nil {
				c.t.Errorf("brokertest: stop broker %d: %v", n.id, err)
			}
			n.running = nil
		}
		n.port.close()
	}
}
