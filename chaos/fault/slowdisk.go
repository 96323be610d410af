package fault

import (
	"context"
	"fmt"
	"time"
)

// slowDisk lets every sync of a node's disk take longer.
//
//	effect: several records in a row that the node leads alone are acknowledged after the delay, as they are
//	        synced before
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
	var least time.Duration
	err := until(ctx, func() error {
		least = 0
		for range inARow {
			took, err := d.writer.write(ctx)
			if err != nil {
				return err
			}
			if took < d.delay {
				return fmt.Errorf("a record is acknowledged after %v", took)
			}
			if least == 0 || took < least {
				least = took
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("each of %d records that only this node syncs is acknowledged after %v or more", inARow, least), nil
}

// inARow is how many requests must take the time that a fault adds: a busy machine may slow one down.
const inARow = 4

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
