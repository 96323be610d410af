package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/process"
)

// Cluster of containers: that of process, whose nodes can lose their network too.
type Cluster struct {
	*process.Cluster
	starter *starter
}

var (
	_ cluster.Disconnecter = (*Cluster)(nil)
	_ process.Starter      = (*starter)(nil)
)

// Start builds the image of the program cfg.Binary, makes a network, and starts a container for every node
// of a process.Config, behind links, which Peers and Dialler of it are set for. When it fails, nothing it
// made is left. The caller ends the cluster with Stop.
func Start(ctx context.Context, cfg process.Config) (*Cluster, error) {
	if cfg.Ledger == nil || cfg.Args == nil {
		return nil, errors.New("start the cluster in containers: it needs a ledger and arguments")
	}
	s, err := prepared(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start the cluster in containers: %w", err)
	}
	args := cfg.Args
	cfg.Args = func(self process.Endpoint, all []process.Endpoint) []string { return args(inside(self), all) }
	cfg.Starter, cfg.Links, cfg.PeersHost, cfg.Dialler = s, true, s.lan.gateway.String(), s.lan.dialler
	c, err := process.Start(ctx, cfg)
	if err != nil {
		s.Close() // what made it fail says more
		return nil, fmt.Errorf("in containers: %w", err)
	}
	return &Cluster{c, s}, nil
}

// prepared has everything but the containers.
func prepared(ctx context.Context, cfg process.Config) (_ *starter, err error) {
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &starter{engine: e, label: labelKey + "=" + newRun(), env: cfg.Env, ledger: cfg.Ledger, current: map[int32]*running{}}
	if err := cfg.Ledger.AddOutside(s.noted()); err != nil {
		return nil, errors.Join(err, e.close())
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	// In the run directory: what a kill leaves of it is where everything of the run is.
	temporary := filepath.Join(cfg.Dir, "image")
	defer os.RemoveAll(temporary)
	program, err := programFor(ctx, cfg.Binary, temporary)
	if err != nil {
		return nil, err
	}
	if s.image, err = e.build(ctx, program, s.label); err != nil {
		return nil, err
	}
	nodes := slices.Compact(slices.Sorted(slices.Values(slices.Concat(cfg.Brokers, cfg.Controllers))))
	if s.lan, err = e.makeNetwork(ctx, s.label, nodes); err != nil {
		return nil, err
	}
	return s, nil
}

// newRun is the id of a run in an engine.
func newRun() string {
	var id [6]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Label of everything that the cluster has in the engine, key=value.
func (c *Cluster) Label() string { return c.starter.label }

// Disconnect takes the network of a node away. It is an error if the node does not run.
func (c *Cluster) Disconnect(ctx context.Context, node int32) error {
	r, err := c.starter.container(node)
	if err == nil {
		err = c.starter.engine.disconnect(ctx, r.id)
	}
	if err != nil {
		return fmt.Errorf("disconnect node %d: %w", node, err)
	}
	return nil
}

// Connect gives the network back. A node that was not disconnected keeps it.
func (c *Cluster) Connect(ctx context.Context, node int32) error {
	r, err := c.starter.container(node)
	if err == nil {
		err = c.starter.engine.connect(ctx, c.starter.lan, r.id, node)
	}
	if err != nil {
		return fmt.Errorf("connect node %d: %w", node, err)
	}
	return nil
}

// Examine tells what engine there is and that it answers, or why none can be used and what to do.
func Examine(ctx context.Context) (string, error) {
	e, err := connect(ctx)
	if err != nil {
		return "", err
	}
	defer e.close()
	kind := ""
	if e.rootless {
		kind = ", without root: its networks may not reach this machine"
	}
	return fmt.Sprintf("Docker %s answers at %s%s", e.version, e.host, kind), nil
}
