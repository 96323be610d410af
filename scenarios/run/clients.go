package run

import (
	"context"
	"errors"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/loadgen"
)

// loaded is a cluster and the clients that load it: what faults act on.
type loaded struct {
	*process.Cluster
	load *loadgen.Generator
}

// networked is loaded where the networks of nodes can be taken away.
type networked struct {
	loaded
	networks cluster.Disconnecter
}

var (
	_ cluster.ClientCrasher = loaded{}
	_ cluster.ClientDoubler = loaded{}
	_ cluster.Disconnecter  = networked{}
)

// Disconnect takes the network of a node away.
func (n networked) Disconnect(ctx context.Context, node int32) error {
	return n.networks.Disconnect(ctx, node)
}

// Connect gives it back.
func (n networked) Connect(ctx context.Context, node int32) error {
	return n.networks.Connect(ctx, node)
}

// target is what the faults of this run act on.
func (c *conductor) target() cluster.Cluster {
	all := loaded{c.cluster, c.load}
	if c.networks != nil {
		return networked{all, c.networks}
	}
	return all
}

// Clients is how many the load has.
func (l loaded) Clients() int { return len(l.ClientIDs()) }

// CrashClient ends a client where it stands, or all of them.
func (l loaded) CrashClient(_ context.Context, number int32) error {
	return l.each(number, l.load.Crash)
}

// RestartClient starts what CrashClient ended.
func (l loaded) RestartClient(_ context.Context, number int32) error {
	return l.each(number, l.load.Revive)
}

// DoubleClient starts a second process under the transactional id of a client.
func (l loaded) DoubleClient(_ context.Context, number int32) error {
	return l.load.Double(int(number))
}

// Doubled tells what became of that.
func (l loaded) Doubled(_ context.Context, number int32) (fenced int, ended uint64, err error) {
	return l.load.Doubled(int(number))
}

func (l loaded) each(number int32, do func(int) error) error {
	if number != cluster.AllOf {
		return do(int(number))
	}
	var errs []error
	for i := range l.Clients() {
		errs = append(errs, do(i))
	}
	return errors.Join(errs...)
}
