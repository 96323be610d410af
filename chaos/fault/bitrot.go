package fault

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/chaos/cluster"
)

// bitRot flips a bit in a sealed segment of a partition.
//
//	effect: the node noted that it found the segment damaged, and put it aside
//	heal:   the node noted that it has what was in it from the leader again, and its replicas are in the ISR
type bitRot struct {
	cluster    cluster.Cluster
	disk       cluster.DiskController
	replicated cluster.Replicated
	node       int32
	topic      string
	partition  int32

	from   int64
	rotten bool
}

// rotSeed draws the place; which it is is noted.
const rotSeed = 1

// Inject flips the bit.
func (b *bitRot) Inject(ctx context.Context) (string, error) {
	var err error
	if b.from, err = mark(b.disk.Events(b.node)); err != nil {
		return "", err
	}
	where, err := b.disk.Rot(ctx, b.node, b.topic, b.partition, rotSeed)
	if err != nil {
		return "", err
	}
	b.rotten = true
	return "a bit was flipped in " + where, nil
}

// The events of a node that finds a segment damaged, and of one that has its records again.
const (
	damagedEvent  = "segment-quarantined"
	refilledEvent = "segment-refilled"
)

// Prove waits until the node noted that it found the damage.
func (b *bitRot) Prove(ctx context.Context) (string, error) { return b.noted(ctx, damagedEvent) }

func (b *bitRot) noted(ctx context.Context, event string) (string, error) {
	file := b.disk.Events(b.node)
	var seen noted
	err := until(ctx, func() error {
		found, ok, err := notedSince(file, b.from, func(e noted) bool {
			return e.Event == event && e.Topic == b.topic && e.Partition == b.partition
		})
		if err == nil && !ok {
			err = fmt.Errorf("no event %s of %s/%d in %s since the injection", event, b.topic, b.partition, file)
		}
		seen = found
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the node noted %s: %s", seen.Event, seen.File), nil
}

// Heal has nothing to do: the node heals itself.
func (b *bitRot) Heal(context.Context) (string, error) {
	return "nothing: the node gets what is damaged from the leader", nil
}

// ProveHealed waits until the node noted that it has the records again, and is in sync.
func (b *bitRot) ProveHealed(ctx context.Context) (string, error) {
	detail := "nothing was damaged"
	if b.rotten {
		var err error
		if detail, err = b.noted(ctx, refilledEvent); err != nil {
			return "", err
		}
	}
	if err := b.replicated.WaitInSync(ctx, b.node); err != nil {
		return "", err
	}
	return detail + ", its replicas are in sync", nil
}
