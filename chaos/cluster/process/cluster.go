package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/ledger"
)

// Endpoint is what one node is told about itself.
type Endpoint struct {
	// Node id.
	Node int32
	// Listen is where clients reach the node, Metrics where its metrics are scraped: host:port.
	Listen, Metrics string
	// Dir is the node's directory in the run directory, Data the part of it that is the node's disk.
	Dir, Data string
}

// Config of a cluster of processes.
type Config struct {
	// Binary that every node runs.
	Binary string
	// Args builds the arguments of a node from its own endpoint and those of all nodes. It is called
	// once per node: a restart uses the same arguments. See Broker.Args.
	Args func(self Endpoint, all []Endpoint) []string
	// Env is added to the environment of this process.
	Env []string
	// Dir is the run directory; a node lives in Dir/nodes/<id>.
	Dir string
	// Nodes are the ids, ascending and distinct.
	Nodes []int32
	// FirstPort of the consecutive ones that the nodes use (two per node); 0 picks free ones.
	FirstPort int
	// Ledger notes every process before anyone is told of it. Closing it is the caller's, after Stop.
	Ledger *ledger.Ledger
	// StopWithin is how long a node may take to end after SIGTERM before it is killed; 0 is 10 s.
	StopWithin time.Duration
}

// defaultStopWithin covers the sync of a node's whole page cache on a slow disk.
const defaultStopWithin = 10 * time.Second

// validate lists what keeps a cluster from being started.
func (c Config) validate() error {
	var errs []error
	if c.Binary == "" {
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
	if len(c.Nodes) == 0 {
		errs = append(errs, errors.New("no nodes"))
	}
	if !slices.IsSorted(c.Nodes) || len(slices.Compact(slices.Clone(c.Nodes))) != len(c.Nodes) {
		errs = append(errs, fmt.Errorf("node ids %v are not ascending and distinct", c.Nodes))
	}
	return errors.Join(errs...)
}

// Cluster of processes. It implements cluster.Cluster and every capability of package cluster; its
// methods may be called from several goroutines.
type Cluster struct {
	nodes      map[int32]*node
	ids        []int32
	spawner    *spawner
	stopWithin time.Duration
	grace      time.Duration // see defaultGrace
	stop       sync.Once
	stopped    error
}

var (
	_ cluster.Cluster = (*Cluster)(nil)
	_ cluster.Killer  = (*Cluster)(nil)
	_ cluster.Pauser  = (*Cluster)(nil)
	_ cluster.Locator = (*Cluster)(nil)
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
		nodes: make(map[int32]*node), ids: slices.Clone(cfg.Nodes),
		spawner: newSpawner(), stopWithin: cfg.StopWithin, grace: defaultGrace,
	}
	if c.stopWithin == 0 {
		c.stopWithin = defaultStopWithin
	}
	for _, e := range endpoints {
		c.nodes[e.Node] = &node{
			endpoint: e, binary: cfg.Binary, args: cfg.Args(e, endpoints), env: cfg.Env,
			spawner: c.spawner, ledger: cfg.Ledger,
		}
	}
	for _, id := range c.ids {
		if err := c.nodes[id].start(ctx); err != nil {
			c.Stop(ctx)
			return nil, fmt.Errorf("start the cluster: %w", err)
		}
	}
	return c, nil
}

// layout makes the directories of all nodes and picks their ports.
func layout(cfg Config) ([]Endpoint, error) {
	ports, err := pickPorts(cfg.FirstPort, 2*len(cfg.Nodes))
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	endpoints := make([]Endpoint, len(cfg.Nodes))
	for i, id := range cfg.Nodes {
		nodeDir := filepath.Join(dir, "nodes", strconv.Itoa(int(id)))
		endpoints[i] = Endpoint{
			Node: id, Listen: address(ports[2*i]), Metrics: address(ports[2*i+1]),
			Dir: nodeDir, Data: filepath.Join(nodeDir, "data"),
		}
		if err := os.MkdirAll(endpoints[i].Data, 0o755); err != nil {
			return nil, err
		}
	}
	return endpoints, nil
}

// Nodes lists the ids of all nodes, up or down, ascending.
func (c *Cluster) Nodes() []int32 { return slices.Clone(c.ids) }

// Endpoint of a node; the zero Endpoint when there is no such node.
func (c *Cluster) Endpoint(id int32) Endpoint {
	if n := c.nodes[id]; n != nil {
		return n.endpoint
	}
	return Endpoint{}
}

// Address is where clients reach a node, host:port; "" when there is no such node.
func (c *Cluster) Address(id int32) string { return c.Endpoint(id).Listen }

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
// ends. When it returns no process of the cluster is left. The error names nodes that had to be
// killed or that ended with another status than 0. Later calls return the first one's result.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stop.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, c.stopWithin)
		defer cancel()
		errs := make([]error, len(c.ids))
		var all sync.WaitGroup
		for i, id := range c.ids {
			all.Go(func() { errs[i] = c.nodes[id].end(ctx) })
		}
		all.Wait()
		c.spawner.close()
		c.stopped = errors.Join(errs...)
	})
	return c.stopped
}
