package bubble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/mesh"
)

// Config of a cluster; the zero value is one broker, and a network without latency.
type Config struct {
	// Brokers of the cluster, with ids from 0; each has a vote among the controllers as long as they are three or
	// less, and the first three have one if they are more.
	Brokers int
	// Latency of the network, in one direction.
	Latency time.Duration
	// PowerLoss makes Kill lose what was not synced.
	PowerLoss bool
	// Configure changes the configuration of each broker before it starts; ids, addresses and files stay.
	Configure func(*broker.Config)
}

// Cluster is the brokers of one bubble. Times are those of broker.Config's defaults, which are Kafka's.
type Cluster struct {
	t       *testing.T
	cfg     Config
	network *mesh.Network
	nodes   []*node
}

type node struct {
	id      int32
	memory  *mem.FS
	running *broker.Broker // nil while it is down
}

// startWithin is how long a broker may take to serve, in virtual time.
const startWithin = time.Minute

// Ports of every broker.
const (
	clientPort = 9092
	peerPort   = 9093
)

// Run starts a cluster in a bubble, gives it to body when it serves, and stops it afterwards. The test fails if a
// broker cannot be stopped cleanly, or if a goroutine or a connection is left, whoever began it: body, or its
// t.Cleanup, closes its clients. It logs how much virtual time passed in how much real time.
func Run(t *testing.T, cfg Config, body func(t *testing.T, c *Cluster)) {
	t.Helper()
	began := time.Now()
	var passed time.Duration
	defer func() { // also when the bubble has failed, which ends the test
		if took := time.Since(began); took > 0 {
			t.Logf("%v of virtual time in %v: %.0f times as fast", passed.Round(time.Millisecond), took.Round(time.Millisecond), float64(passed)/float64(took))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := &Cluster{t: t, cfg: cfg, network: mesh.NewNetwork(cfg.Latency)}
		for id := range int32(max(cfg.Brokers, 1)) {
			c.nodes = append(c.nodes, &node{id: id, memory: mem.New()})
		}
		t.Cleanup(c.stop) // after those of body
		if err := c.start(c.nodes...); err != nil {
			t.Fatalf("bubble: %v", err)
		}
		defer func() { passed = time.Since(began) }()
		body(t, c)
	})
}

// Addresses of all brokers, up or down, host:port.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.address(clientPort))
	}
	return all
}

func (n *node) host() string { return fmt.Sprintf("node-%d", n.id) }

func (n *node) address(port int) string { return net.JoinHostPort(n.host(), fmt.Sprint(port)) }

// Dial connects a client, whose host is named client; like franz-go's own dialer it gives up after ten seconds.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.DialFrom("client")(ctx, network, address)
}

// DialFrom is Dial for a client on a host of its own, which CutHost may cut off.
func (c *Cluster) DialFrom(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return c.network.Host(host).Dial(ctx, network, address)
	}
}

// CutHost takes a client's host off the network, or puts it back: what it does not say any more nobody can tell
// from its death.
func (c *Cluster) CutHost(host string, off bool) { c.network.Cut(host, off) }

// config of a node: what the cluster decides outweighs what Configure said.
func (c *Cluster) config(n *node) (cfg broker.Config, err error) {
	cfg.DefaultReplication, cfg.MinISR = int16(min(len(c.nodes), 3)), max(1, min(len(c.nodes), 3)-1)
	cfg.Shards = 1
	cfg.NodeID = n.id
	if c.cfg.Configure != nil {
		c.cfg.Configure(&cfg)
	}
	host := c.network.Host(n.host())
	cfg.NodeID, cfg.FS, cfg.Dial = n.id, n.memory, host.Dial
	cfg.Roles = broker.Roles{Broker: true, Controller: n.id < controllers}
	if cfg.Listener, err = host.Listen(clientPort); err != nil || len(c.nodes) == 1 {
		return cfg, err
	}
	cfg.PeerListener, err = host.Listen(peerPort)
	for _, v := range c.nodes[:min(len(c.nodes), controllers)] {
		cfg.Voters = append(cfg.Voters, broker.Voter{ID: v.id, Address: v.address(peerPort)})
	}
	return cfg, err
}

// controllers of a cluster that has so many nodes.
const controllers = 3

// start runs nodes that are down, at once, and returns when all of them serve.
func (c *Cluster) start(nodes ...*node) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), startWithin)
	defer cancel()
	failed := make([]error, len(nodes))
	var starting sync.WaitGroup
	for i, n := range nodes {
		cfg, err := c.config(n)
		if err != nil {
			return err
		}
		starting.Go(func() {
			running, err := broker.Start(ctx, cfg)
			if err != nil {
				failed[i] = fmt.Errorf("start broker %d: %w", n.id, err)
				cancel() // the others may wait for this one
				return
			}
			n.running = running
		})
	}
	starting.Wait()
	return errors.Join(failed...)
}

// Kill ends brokers without any goodbye. Their addresses refuse connections until Restart.
func (c *Cluster) Kill(ids ...int32) {
	c.t.Helper()
	for _, id := range ids {
		n := c.node(id, true)
		n.running.Kill()
		n.running = nil
		if c.cfg.PowerLoss {
			n.memory = n.memory.Crash(nil)
		}
	}
}

// Restart starts brokers again that were killed, at once, on their files and addresses; they serve when it returns.
func (c *Cluster) Restart(ids ...int32) {
	c.t.Helper()
	var nodes []*node
	for _, id := range ids {
		nodes = append(nodes, c.node(id, false))
	}
	if err := c.start(nodes...); err != nil {
		c.t.Fatalf("bubble: %v", err)
	}
}

// Cut takes a broker off the network: its connections stay, and everything that is sent to it or by it waits
// until Mend.
func (c *Cluster) Cut(id int32) { c.network.Cut(c.nodes[id].host(), true) }

// Mend ends Cut.
func (c *Cluster) Mend(id int32) { c.network.Cut(c.nodes[id].host(), false) }

// node finds a broker that must be up, or down.
func (c *Cluster) node(id int32, up bool) *node {
	c.t.Helper()
	if id < 0 || int(id) >= len(c.nodes) {
		c.t.Fatalf("bubble: there is no broker %d: the cluster has %d", id, len(c.nodes))
	}
	n := c.nodes[id]
	if up != (n.running != nil) {
		c.t.Fatalf("bubble: broker %d is up: %v; want %v", id, !up, up)
	}
	return n
}

// stop ends the cluster with its bubble, and fails the test if something is left.
func (c *Cluster) stop() {
	// Nobody is there to take over from anybody: no node waits for the others.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stopping sync.WaitGroup
	for _, n := range c.nodes {
		c.Mend(n.id)
		if n.running != nil {
			stopping.Go(func() {
				if err := n.running.Shutdown(ctx); err != nil {
					c.t.Errorf("bubble: stop broker %d: %v", n.id, err)
				}
			})
		}
	}
	stopping.Wait()
	time.Sleep(endWithin)
	if left := leaked(); left != "" {
		c.t.Errorf("bubble: goroutines are left in the bubble, and wait for ever:\n%s", left)
	}
	if open := c.network.Connections(); open > 0 {
		c.t.Errorf("bubble: %d connections are left open", open)
	}
}
