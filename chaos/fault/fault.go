package fault

import (
	"context"
	"errors"
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
	info, ok := timeline.Lookup(f.Kind)
	if !ok {
		return nil, fmt.Errorf("unknown fault %q", string(f.Kind))
	}
	f = f.WithDefaults()
	make, ok := makers[f.Kind]
	if !ok {
		return nil, fmt.Errorf("fault %q is in the table of kinds and has no implementation", string(f.Kind))
	}
	fault, err := make(f, c, target, peers)
	if errors.Is(err, errLacks) {
		return nil, fmt.Errorf("this cluster cannot do %s: it lacks the capability %s", f.Kind, info.Capability)
	}
	return fault, err
}

// proveEvery is how long a proof waits before it looks again.
const proveEvery = 2 * time.Millisecond

// until looks again and again until what it looks for is there, or ctx ends: then the error is that
// of the last look that ctx did not cut short.
func until(ctx context.Context, look func() error) error {
	tick := time.NewTicker(proveEvery)
	defer tick.Stop()
	var last error
	for {
		err := look()
		if err == nil {
			return nil
		}
		deadline, bounded := ctx.Deadline()
		if last == nil || ctx.Err() == nil && !(bounded && !time.Now().Before(deadline)) {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (gave up: %w)", last, ctx.Err())
		}
	}
}
