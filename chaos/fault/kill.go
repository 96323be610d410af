package fault

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/chaos/cluster"
)

// kill ends a node's process with SIGKILL and starts it again.
//
//	effect: /proc shows the process gone, a zombie, or another one under its pid, and the address
//	        refuses connections
//	heal:   a process with another identity owns the socket that listens on the node's port, and
//	        the node answers on a new connection
type kill struct {
	mortal
	killer cluster.Killer
}

// Inject sends the signal.
func (k *kill) Inject(ctx context.Context) (string, error) {
	if err := k.identify("kill"); err != nil {
		return "", err
	}
	if err := k.killer.Kill(ctx, k.node); err != nil {
		return "", err
	}
	k.struck = true
	return fmt.Sprintf("SIGKILL to the process group of pid %d", k.before.Pid), nil
}

// Prove waits until the process is gone and nobody listens in its place.
func (k *kill) Prove(ctx context.Context) (string, error) { return k.gone(ctx) }

// Heal starts the node again.
func (k *kill) Heal(ctx context.Context) (string, error) { return k.start(ctx) }

// ProveHealed waits until the node answers and shows that it is the new process which does.
func (k *kill) ProveHealed(ctx context.Context) (string, error) { return k.serves(ctx) }
