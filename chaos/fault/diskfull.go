package fault

import (
	"context"
	"fmt"
)

// diskFull leaves a node's disk no room.
//
//	effect: the node noted that the system said ENOSPC
//	heal:   see diskRules
type diskFull struct{ diskRules }

// Prove waits until the node noted it.
func (d *diskFull) Prove(ctx context.Context) (string, error) { return d.failed(ctx, "ENOSPC") }

// syncError lets the syncs of a node's disk fail.
//
//	effect: the node noted that the system said EIO, and its process has ended: it stops rather than lie
//	heal:   see diskRules
type syncError struct{ diskRules }

// Prove waits until the node noted it and is gone.
func (d *syncError) Prove(ctx context.Context) (string, error) {
	detail, err := d.failed(ctx, "EIO")
	if err != nil {
		return "", err
	}
	gone, err := d.gone(ctx)
	if err != nil {
		return "", fmt.Errorf("%s, and the node goes on: %w", detail, err)
	}
	return detail + ", " + gone, nil
}
