package fault

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/chaos/cluster"
)

// powerLoss ends a node as the loss of power does: what it had not synced is kept, lost or torn.
//
//	effect: the process is gone as after a kill, and it noted nothing of an end
//	heal:   that of kill, and its replicas are in the ISR again: they were cut to what was synced
type powerLoss struct {
	mortal
	disk       cluster.DiskController
	replicated cluster.Replicated
	seed       uint64
	from       int64
}

// Inject takes the power away.
func (p *powerLoss) Inject(ctx context.Context) (string, error) {
	if err := p.identify("take the power from"); err != nil {
		return "", err
	}
	var err error
	if p.from, err = mark(p.disk.Events(p.node)); err != nil {
		return "", err
	}
	p.struck = true
	p.seed = uint64(p.before.Pid)<<32 ^ p.before.Start
	if err := p.disk.PowerLoss(ctx, p.node, p.seed); err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d lost its power, what was not synced is lost or torn by seed %d", p.before.Pid, p.seed), nil
}

// Prove shows that the process is gone without a word.
func (p *powerLoss) Prove(ctx context.Context) (string, error) {
	detail, err := p.gone(ctx)
	if err != nil {
		return "", err
	}
	ended := func(e noted) bool { return e.Event == stoppedEvent || e.Event == failedEvent }
	e, ok, err := notedSince(p.disk.Events(p.node), p.from, ended)
	switch {
	case err != nil:
		return "", err
	case ok:
		return "", fmt.Errorf("the node noted %s: it ended in order, and synced its files", e.Event)
	}
	return detail + ", it noted nothing of an end", nil
}

// failedEvent is the last event of a process that ends by itself.
const failedEvent = "node-failed"

// Heal starts the node again.
func (p *powerLoss) Heal(ctx context.Context) (string, error) { return p.start(ctx) }

// ProveHealed waits until the node serves and its replicas have caught up.
func (p *powerLoss) ProveHealed(ctx context.Context) (string, error) {
	return p.inSync(ctx, p.replicated)
}
