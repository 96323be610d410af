package fault

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// doubleClient starts a second process under the transactional id of a client that goes on.
//
//	effect: the first one was told that it is fenced, as it was not before
//	heal:   ends of transactions are acknowledged to the second one
type doubleClient struct {
	doubler cluster.ClientDoubler
	client  int32
	fenced  int    // how often before
	ended   uint64 // when the first one was fenced
	doubled bool
}

func (d *doubleClient) name() string { return timeline.End{Client: true, ID: d.client}.String() }

// Inject starts the second process.
func (d *doubleClient) Inject(ctx context.Context) (string, error) {
	var err error
	if d.fenced, _, err = d.doubler.Doubled(ctx, d.client); err != nil {
		return "", err
	}
	if err := d.doubler.DoubleClient(ctx, d.client); err != nil {
		return "", err
	}
	d.doubled = true
	return d.name() + " was started a second time, under the same transactional id", nil
}

// Prove waits until the first one was fenced.
func (d *doubleClient) Prove(ctx context.Context) (string, error) {
	err := until(ctx, func() error {
		fenced, ended, err := d.doubler.Doubled(ctx, d.client)
		if err == nil && fenced <= d.fenced {
			err = fmt.Errorf("%s goes on: nobody has told it that it is fenced", d.name())
		}
		d.ended = ended
		return err
	})
	if err != nil {
		return "", err
	}
	return d.name() + " was told that another process has its transactional id", nil
}

// Heal has nothing to undo: the first one ends when it is fenced.
func (d *doubleClient) Heal(context.Context) (string, error) {
	if !d.doubled {
		return "no client was doubled: nothing to undo", nil
	}
	return d.name() + " is the second process now", nil
}

// ProveHealed waits until the second one has ended transactions.
func (d *doubleClient) ProveHealed(ctx context.Context) (string, error) {
	if !d.doubled {
		return "no client was doubled", nil
	}
	now := uint64(0)
	err := until(ctx, func() error {
		_, ended, err := d.doubler.Doubled(ctx, d.client)
		if err == nil && ended <= d.ended {
			err = fmt.Errorf("no transaction of %s has ended since", d.name())
		}
		now = ended
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d transactions have ended since", d.name(), now-d.ended), nil
}
