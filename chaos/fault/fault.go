package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// Fault is one fault on one node, or on several at once (see Several), used once: its methods are called in this order, each at most
// once, by one goroutine. Every method returns what it did or saw, for people, and nil, or why it
// failed by the time ctx ended. Heal is called whatever Inject and Prove returned and must do
// nothing where nothing was injected.
type Fault interface {
	Inject(ctx context.Context) (detail string, err error)
	Prove(ctx context.Context) (detail string, err error)
	Heal(ctx context.Context) (detail string, err error)
	ProveHealed(ctx context.Context) (detail string, err error)
}

// New prepares a fault on one end that its target means: a node, or clients of the load. Its parameters are
// those of f, with the defaults filled in (see timeline.Fault.WithDefaults); peers are the other ends of the
// links that a fault of links strikes, none for other kinds. It is an error if the kind is unknown or the
// cluster lacks the capability it needs.
func New(f timeline.Fault, c cluster.Cluster, target timeline.End, peers []timeline.End) (Fault, error) {
	kind, node := f.Kind, target.ID
	info, ok := timeline.Lookup(kind)
	if !ok {
		return nil, fmt.Errorf("unknown fault %q", string(kind))
	}
	replicated, syncs := c.(cluster.Replicated)
	switch kind {
	case timeline.Kill:
		if killer, ok := c.(cluster.Killer); ok {
			return &kill{mortal{cluster: c, starter: killer, node: node}, killer}, nil
		}
	case timeline.Pause:
		if pauser, ok := c.(cluster.Pauser); ok {
			return &pause{cluster: c, pauser: pauser, node: node}, nil
		}
	case timeline.Restart:
		if terminator, ok := c.(cluster.Terminator); ok && syncs {
			return &restart{mortal: mortal{cluster: c, starter: terminator, node: node}, terminator: terminator, replicated: replicated}, nil
		}
	case timeline.DiskLoss:
		if wiper, ok := c.(cluster.Wiper); ok && syncs {
			k := kill{mortal{cluster: c, starter: wiper, node: node}, wiper}
			return &diskLoss{kill: k, wiper: wiper, replicated: replicated}, nil
		}
	default:
		return nil, fmt.Errorf("fault %q cannot be injected yet: it needs the capability %s of the cluster, which nothing uses", string(kind), info.Capability)
	}
	return nil, fmt.Errorf("this cluster cannot do %s: it lacks the capability %s", kind, info.Capability)
}

// proveEvery is how long a proof waits before it looks again.
const proveEvery = 2 * time.Millisecond

// until looks again and again until what it looks for is there, or ctx ends: then the error is that
// of the last look.
func until(ctx context.Context, look func() error) error {
	tick := time.NewTicker(proveEvery)
	defer tick.Stop()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (gave up: %w)", err, ctx.Err())
		}
	}
}
