package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/proxy"
)

// Endpoint is what one node is told about itself.
type Endpoint struct {
	// Node id.
	Node int32
	// Broker says that it serves clients, Controller that it votes about the cluster: one or both.
	Broker, Controller bool
	// Listen is where clients reach a broker; "" of a node that is none. Peers is where the other nodes
	// reach it; "" of a node that is alone. Metrics is where its metrics are scraped. All host:port, and
	// the same for the whole run.
	Listen, Peers, Metrics string
	// Direct and DirectPeers are where its process listens for clients and peers: past the links, where
	// there is a link proxy, and those places else. A restarted node may have others.
	Direct, DirectPeers string
	// Dir is the node's directory in the run directory, Data the part of it that is the node's disk.
	Dir, Data string
	// Control is the unix socket through which the node's disk and clock are changed.
	Control string
}

// Config of a cluster of processes.
type Config struct {
	// Binary that every node runs.
	Binary string
	// Args builds the arguments of a node from its own endpoint and those of all nodes. It is called at
	// each start of a node. See Broker.Args.
	Args func(self Endpoint, all []Endpoint) []string
	// Env is added to the environment of this process.
	Env []string
	// Dir is the run directory; a node lives in Dir/nodes/<id>.
	Dir string
	// Brokers are the ids of the nodes that serve clients, Controllers those of the nodes that vote about
	// the cluster, each ascending and distinct; a node may be both. A broker alone needs no controllers.
	Brokers, Controllers []int32
	// Links puts a link proxy before every listener of the nodes for the whole run: the cluster is a
	// cluster.Linker, and no port that others know is ever given up.
	Links bool
	// Clients are the names of the load's clients by their number: the client ids of their requests, with a dot
	// and more behind them or not. Links tell them apart by it.
	Clients []string
	// FirstPort of the consecutive ones that the nodes use (PortsPerNode each, and with Links
	// two more); 0 picks free ones.
	FirstPort int
	// Starter starts the processes in another way than on this machine itself; nil is that. It closes it.
	Starter Starter
	// PeersHost is the address of this machine at which nodes reach the link proxy, an IP address; "" is 127.0.0.1.
	PeersHost string
	// Dialler tells which node has an IP address of its own, for links; nil where nodes share that of the machine.
	Dialler func(netip.Addr) (node int32, ok bool)
	// Ledger notes every process of this machine before anyone is told of it. Closing it is the caller's, after Stop.
	Ledger *ledger.Ledger
	// StopWithin is how long a node may take to end after SIGTERM before it is killed; 0 is 10 s.
	StopWithin time.Duration
}

// defaultStopWithin covers the sync of a node's whole page cache on a slow disk.
const defaultStopWithin = 10 * time.Second

// validate lists what keeps a cluster from being started.
func (c Config) validate() error {
	var errs []error
	if c.Binary == "" && c.Starter == nil {
		errs = append(errs, errors.New("no binary"))
	}
	if c.Args == nil {
		errs = append(errs, errors.New("no arguments"))
	}
	if c.Dir == "" {
		errs = append(errs, errors.New("no run directory"))
	}
	if c.Ledger == nil {
		errs = append(errs, errors.New("no ledger"))
	}
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("no brokers"))
	}
	if len(c.nodes()) > 1 && len(c.Controllers) == 0 {
		errs = append(errs, errors.New("no controllers"))
	}
	for _, ids := range [][]int32{c.Brokers, c.Controllers} {
		if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			errs = append(errs, fmt.Errorf("node ids %v are not ascending and distinct", ids))
		}
	}
	return errors.Join(errs...)
}

// starter of the processes.
func (c Config) starter() Starter {
	if c.Starter != nil {
		return c.Starter
	}
	return &local{c.Binary, c.Env, newSpawner(), c.Ledger}
}

// nodes are the ids of all nodes, ascending.
func (c Config) nodes() []int32 {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.Brokers, c.Controllers))))
}

// Cluster of processes. It implements cluster.Cluster and every capability of package cluster; its
// methods may be called from several goroutines.
type Cluster struct {
	nodes      map[int32]*node
	ids        []int32 // of all nodes
	brokers    []int32
	voters     []int32
	starter    Starter
	dialler    func(netip.Addr) (int32, bool)
	stopWithin time.Duration
	grace      time.Duration // see defaultGrace
	stop       sync.Once
	stopped    error

	proxy     *proxy.Proxy // nil without links
	held      cluster.LinkRules
	clients   []string
	temporary string // directory of control sockets whose names would be too long
}

var (
	_ cluster.Cluster    = (*Cluster)(nil)
	_ cluster.Killer     = (*Cluster)(nil)
	_ cluster.Pauser     = (*Cluster)(nil)
	_ cluster.Terminator = (*Cluster)(nil)
	_ cluster.Wiper      = (*Cluster)(nil)
	_ cluster.Replicated = (*Cluster)(nil)
	_ cluster.Locator    = (*Cluster)(nil)
	_ cluster.Direct     = (*Cluster)(nil)
	_ cluster.Metered    = (*Cluster)(nil)
	_ cluster.Pinger     = (*Cluster)(nil)
	_ cluster.LinkHolder = (*Cluster)(nil)

	_ cluster.DiskController = (*Cluster)(nil)
	_ cluster.ClockSetter    = (*Cluster)(nil)
	_ cluster.ClientNamer    = (*Cluster)(nil)
	_ cluster.TopicMaker     = (*Cluster)(nil)
	_ cluster.Transferrer    = (*Cluster)(nil)
	_ cluster.Reassigner     = (*Cluster)(nil)
)

// Start starts a process for every node. It does not wait until they serve: see WaitReady. When it
// fails, nothing it started is left. The caller ends the cluster with Stop.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	endpoints, err := layout(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	c := &Cluster{
		nodes: make(map[int32]*node), ids: cfg.nodes(), brokers: slices.Clone(cfg.Brokers), voters: slices.Clone(cfg.Controllers),
		starter: cfg.starter(), dialler: cfg.Dialler, stopWithin: cfg.StopWithin, grace: defaultGrace, clients: slices.Clone(cfg.Clients),
	}
	if c.stopWithin == 0 {
		c.stopWithin = defaultStopWithin
	}
	if err := c.sockets(endpoints); err != nil {
		c.Stop(ctx)
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	for _, e := range endpoints {
		c.nodes[e.Node] = &node{
			endpoint: e, starter: c.starter, moves: cfg.Links, moved: c.redirect,
			args: func(self Endpoint) []string { return cfg.Args(self, endpoints) },
		}
	}
	if cfg.Links {
		if err := c.openLinks(endpoints); err != nil {
			c.Stop(ctx)
			return nil, fmt.Errorf("start the cluster: %w", err)
		}
	}
	errs := make([]error, len(c.ids))
	var starting sync.WaitGroup
	for i, id := range c.ids { // side by side: a container takes half a second
		starting.Go(func() { errs[i] = c.nodes[id].start(ctx) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		c.Stop(ctx)
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	return c, nil
}

// Nodes lists the ids of all nodes, up or down, ascending.
func (c *Cluster) Nodes() []int32 { return slices.Clone(c.ids) }

// Brokers lists the ids of the nodes that serve clients, up or down, ascending.
func (c *Cluster) Brokers() []int32 { return slices.Clone(c.brokers) }

// Voters implements cluster.Voting.
func (c *Cluster) Voters() []int32 { return slices.Clone(c.voters) }

// Endpoint of a node; the zero Endpoint when there is no such node.
func (c *Cluster) Endpoint(id int32) Endpoint {
	if n := c.nodes[id]; n != nil {
		return n.place()
	}
	return Endpoint{}
}

// Address is where clients reach a node, or its peers one that serves none, host:port; "" when there
// is no such node.
func (c *Cluster) Address(id int32) string { return c.Endpoint(id).address() }

func (e Endpoint) address() string { return cmp.Or(e.Listen, e.Peers) }

// Direct is where the process of a node listens for clients, or for its peers where it serves none: past
// the links. "" when there is no such node.
func (c *Cluster) Direct(id int32) string { return c.Endpoint(id).direct() }

func (e Endpoint) direct() string { return cmp.Or(e.Direct, e.DirectPeers) }

// Events is the file in which a node notes what happens to it; "" when there is no such node.
func (c *Cluster) Events(id int32) string {
	if c.nodes[id] == nil {
		return ""
	}
	return c.Endpoint(id).Events()
}

// Data is the directory that is the node's disk; "" when there is no such node.
func (c *Cluster) Data(id int32) string { return c.Endpoint(id).Data }

// Pid of the node's newest process, alive or dead; 0 when there is no such node.
func (c *Cluster) Pid(id int32) int {
	if n := c.nodes[id]; n != nil {
		return n.pid()
	}
	return 0
}

// Kill sends SIGKILL to the node's process group. It is an error if the node does not run.
func (c *Cluster) Kill(_ context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.signal("kill", syscall.SIGKILL)
}

// Pause sends SIGSTOP to the node's process group. It is an error if the node does not run.
func (c *Cluster) Pause(_ context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.signal("pause", syscall.SIGSTOP)
}

// Resume sends SIGCONT to the node's process group. It is an error if the node does not run.
func (c *Cluster) Resume(_ context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.signal("resume", syscall.SIGCONT)
}

// Terminate stops one node cleanly: SIGTERM, and SIGKILL if it still runs after StopWithin or when ctx
// ends. When it returns the node has no process; Restart starts it again. A node that does not run
// stays as it is.
func (c *Cluster) Terminate(ctx context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.stopWithin)
	defer cancel()
	return n.terminate(ctx)
}

// Restart starts the node on the files, arguments and address it had, once its last process has
// ended. It does not wait until it serves. It is an error if the node runs and nobody killed it.
func (c *Cluster) Restart(ctx context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.start(ctx)
}

// Wipe deletes everything that is in the node's data directory, once its last process has ended. It is an
// error if the node runs and nobody killed it.
func (c *Cluster) Wipe(ctx context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.wipe(ctx)
}

// node finds a node by its id.
func (c *Cluster) node(id int32) (*node, error) {
	if n := c.nodes[id]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("there is no node %d: the cluster has %v", id, c.ids)
}

// Exits lists every process that ended without being killed or stopped by this harness, with the
// end of its log: a node that fell over by itself.
func (c *Cluster) Exits() []string {
	var all []string
	for _, id := range c.ids {
		all = append(all, c.nodes[id].unasked()...)
	}
	return all
}

// Stop ends every node: SIGTERM, and SIGKILL for those still running after StopWithin or when ctx
// ends. Brokers go before the nodes that vote: they ask those for their leave. When it returns no process of the cluster is left. The error names nodes that had to be
// killed or that ended with another status than 0. Later calls return the first one's result.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stop.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, c.stopWithin)
		defer cancel()
		errs := make([]error, len(c.ids))
		for _, votes := range []bool{false, true} {
			var all sync.WaitGroup
			for i, id := range c.ids {
				if slices.Contains(c.voters, id) == votes && c.nodes[id] != nil {
					all.Go(func() { errs[i] = c.nodes[id].end(ctx) })
				}
			}
			all.Wait()
		}
		c.stopped = errors.Join(append(errs, c.starter.Close(), c.closeLinks(), c.removeSockets())...)
	})
	return c.stopped
}
