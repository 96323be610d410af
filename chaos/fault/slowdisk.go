package fault

import (
	"context"
	"fmt"
	"time"
)

// slowDisk lets every sync of a node's disk take longer.
//
//	effect: a record that the node leads alone is acknowledged after the delay, as it is synced before
//	heal:   it is acknowledged sooner; see diskRules
type slowDisk struct {
	diskRules
	delay time.Duration
}

// Inject looks at how fast the disk is before.
func (d *slowDisk) Inject(ctx context.Context) (string, error) {
	if err := d.writer.open(ctx); err != nil {
		return "", err
	}
	if err := d.quick(ctx); err != nil {
		return "", fmt.Errorf("the disk is as slow before: %w", err)
	}
	return d.diskRules.Inject(ctx)
}

// Prove waits for a record that takes that long.
func (d *slowDisk) Prove(ctx context.Context) (string, error) {
	var took time.Duration
	err := until(ctx, func() (err error) {
		if took, err = d.writer.write(ctx); err == nil && took < d.delay {
			err = fmt.Errorf("a record is acknowledged after %v", took)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("a record that only this node syncs is acknowledged after %v", took), nil
}

// quick waits for a record that takes less than the delay.
func (d *slowDisk) quick(ctx context.Context) error {
	return until(ctx, func() error {
		took, err := d.writer.write(ctx)
		if err == nil && took >= d.delay {
			err = fmt.Errorf("a record is acknowledged after %v", took)
		}
		return err
	})
}

// ProveHealed waits until the disk is as fast as it was.
func (d *slowDisk) ProveHealed(ctx context.Context) (string, error) {
	if d.struck {
		if err := d.quick(ctx); err != nil {
			return "", err
		}
	}
	return d.diskRules.ProveHealed(ctx)
}
