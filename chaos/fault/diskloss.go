package fault

import (
	"context"
	"fmt"
	"os"

	"github.com/logproof/logproof/chaos/cluster"
)

// diskLoss kills a node's process, deletes its files and starts it again, empty.
//
//	effect: the process is gone as after a kill, and its data directory is there and holds nothing
//	heal:   that of kill, and the node's replicas are in the ISR again: the others gave it theirs
type diskLoss struct {
	kill
	wiper      cluster.Wiper
	replicated cluster.Replicated
}

// Inject kills the process, and deletes the files when it has ended.
func (d *diskLoss) Inject(ctx context.Context) (string, error) {
	detail, err := d.kill.Inject(ctx)
	if err != nil {
		return "", err
	}
	if err := d.wiper.Wipe(ctx, d.node); err != nil {
		return "", err
	}
	return detail + ", then everything in " + d.wiper.Data(d.node) + " deleted", nil
}

// Prove shows that the process and the files are gone.
func (d *diskLoss) Prove(ctx context.Context) (string, error) {
	detail, err := d.gone(ctx)
	if err != nil {
		return "", err
	}
	dir := d.wiper.Data(d.node)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: it holds %d entries, such as %s", dir, len(entries), entries[0].Name())
	}
	return fmt.Sprintf("%s, %s is empty", detail, dir), nil
}

// ProveHealed waits until the node serves and its replicas have caught up.
func (d *diskLoss) ProveHealed(ctx context.Context) (string, error) {
	return d.inSync(ctx, d.replicated)
}
