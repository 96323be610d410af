package brokertest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
)

// startWithin is how long a broker may take to serve: it recovers its logs first, and in a cluster a
// controller must be elected.
const startWithin = 30 * time.Second

// Cluster is the brokers of one test. Its methods may be called from several goroutines; what goes
// wrong in them fails the test, so they must be called while it runs.
type Cluster struct {
	t     testing.TB
	opts  options
	label string
	dir   string // with OnDisk
	nodes []*node
	mu    sync.Mutex // what of the nodes says so
}

// node is one node, up or down.
type node struct {
	id      int32
	roles   broker.Roles
	network *network
	clients *port  // of brokers
	peers   *port  // of nodes that have others
	dir     string // with OnDisk
	// Under Cluster.mu.
	memory   *mem.FS
	running  *broker.Broker // nil while it is down
	changing bool           // it is on its way up or down
}

// controllers of a cluster of several brokers: it goes on when one of them is down.
const controllers = 3

// Start starts a cluster that serves when it returns, and stops it when the test ends.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, opts: options{brokers: 1}, label: newLabel()}
	for _, o := range opts {
		o(&c.opts)
	}
	if c.opts.onDisk && c.opts.power {
		t.Fatal("brokertest: PowerLoss is for files in memory, it does not go with OnDisk")
	}
	if c.opts.brokers < 1 {
		t.Fatalf("brokertest: a cluster of %d brokers: want at least 1", c.opts.brokers)
	}
	if c.opts.onDisk {
		c.dir = t.TempDir() // before stop is set up, and so removed after it
	}
	t.Cleanup(c.stop)
	size := c.opts.brokers
	if size > 1 {
		size = max(size, controllers)
	}
	for id := range int32(size) {
		n, err := c.newNode(id, size)
		if err != nil {
			t.Fatalf("brokertest: %v", err)
		}
		c.nodes = append(c.nodes, n)
	}
	if err := c.start(c.nodes...); err != nil {
		t.Fatalf("brokertest: %v", err)
	}
	return c
}

// newNode opens the ports of a node of a cluster of several, which they are for the whole test.
func (c *Cluster) newNode(id int32, of int) (n *node, err error) {
	n = &node{id: id, network: newNetwork()}
	n.roles = broker.Roles{Broker: int(id) < c.opts.brokers, Controller: id < controllers}
	if c.opts.onDisk {
		n.dir = filepath.Join(c.dir, fmt.Sprint(id))
	} else {
		n.memory = mem.New()
	}
	if n.roles.Broker {
		if n.clients, err = openPort(n.network); err != nil {
			return nil, err
		}
	}
	if of > 1 {
		n.peers, err = openPort(n.network)
	}
	return n, err
}

// config of a node, on the files and the addresses that it has for the whole test.
func (c *Cluster) config(n *node) broker.Config {
	cfg := broker.Config{
		SessionTimeout: 600 * time.Millisecond, Heartbeat: 150 * time.Millisecond,
		QuorumTick: 30 * time.Millisecond, ReplicaLagMax: time.Second,
		DefaultReplication: int16(min(c.opts.brokers, 3)), MinISR: 1,
	}
	cfg.Groups = broker.Groups{InitialDelay: -1, MinSession: time.Millisecond, Partitions: 4}
	cfg.Transactions = broker.Transactions{Partitions: 4}
	if c.opts.brokers > 2 {
		cfg.MinISR = 2
	}
	if c.opts.config != nil {
		c.opts.config(&cfg)
	}
	cfg.NodeID, cfg.Roles, cfg.DataDir, cfg.FS = n.id, n.roles, n.dir, nil
	if n.memory != nil {
		cfg.FS = disk.New(n.memory, disk.Rules{}, time.Sleep)
	}
	cfg.Listen, cfg.PeerListen, cfg.Voters, cfg.Dial = "", "", nil, n.network.dial
	if n.clients != nil {
		cfg.Listener = n.clients.open()
	}
	if n.peers != nil {
		cfg.PeerListener = n.peers.open()
		for _, v := range c.nodes[:controllers] {
			cfg.Voters = append(cfg.Voters, broker.Voter{ID: v.id, Address: v.peers.address()})
		}
	}
	return cfg
}

// start runs nodes that are down, at once, and returns when all of them serve, and are seen to.
func (c *Cluster) start(nodes ...*node) error {
	// All ports are open before anyone calls: nobody's first words are lost.
	configs := make([]broker.Config, len(nodes))
	for i, n := range nodes {
		configs[i] = c.config(n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	failed := make([]error, len(nodes))
	var starting sync.WaitGroup
	for i, n := range nodes {
		starting.Go(func() {
			labelled(ctx, c.label, func(ctx context.Context) {
				running, err := broker.Start(ctx, configs[i])
				if err != nil {
					failed[i] = fmt.Errorf("start broker %d: %w", n.id, err)
					cancel() // the others may wait for this one
					return
				}
				c.mu.Lock()
				n.running = running
				c.mu.Unlock()
			})
		})
	}
	starting.Wait()
	if err := errors.Join(failed...); err != nil || len(c.nodes) == 1 {
		return err
	}
	deadline, _ := ctx.Deadline()
	return c.seen(nodes, deadline)
}

// Addresses of all brokers, up or down, host:port: what clients begin with. They do not change.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.nodes[:c.opts.brokers] {
		all = append(all, n.clients.address())
	}
	return all
}

// node finds a broker.
func (c *Cluster) node(id int32) *node {
	c.t.Helper()
	if id < 0 || int(id) >= c.opts.brokers {
		c.t.Fatalf("brokertest: there is no broker %d: the cluster has %d", id, c.opts.brokers)
	}
	return c.nodes[id]
}

// stop ends the cluster with its test, and fails that if something of the cluster is left.
func (c *Cluster) stop() {
	for _, n := range c.nodes {
		n.network.pause(false) // a broker that is paused could not be stopped
	}
	// Nobody is there to take over from anybody: no node waits for the others.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stopping sync.WaitGroup
	for _, n := range c.nodes {
		stopping.Go(func() {
			c.mu.Lock()
			running := n.running
			n.running = nil
			c.mu.Unlock()
			if running != nil {
				if err := running.Shutdown(ctx); err != nil {
					c.t.Errorf("brokertest: stop broker %d: %v", n.id, err)
				}
			}
			for _, p := range []*port{n.clients, n.peers} {
				if p != nil {
					p.close()
				}
			}
		})
	}
	stopping.Wait()
	if left := leaked(c.label); left != "" {
		c.t.Errorf("brokertest: goroutines of the cluster are left:\n%s", left)
	}
}
