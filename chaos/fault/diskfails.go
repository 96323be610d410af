package fault

import (
	"context"
	"fmt"
)

// diskFails leaves a node's disk no room (disk-full), or lets its syncs fail (sync-error).
//
//	effect: the node noted what the system said, ENOSPC or EIO, and its process has ended: it stops rather
//	        than lie
//	heal:   see diskRules
type diskFails struct {
	diskRules
	errno string
}

// Prove waits until the node noted it and is gone.
func (d *diskFails) Prove(ctx context.Context) (string, error) {
	detail, err := d.failed(ctx, d.errno)
	if err != nil {
		return "", err
	}
	gone, err := d.gone(ctx)
	if err != nil {
		return "", fmt.Errorf("%s, and the node goes on: %w", detail, err)
	}
	return detail + ", " + gone, nil
}
