package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/logproof/logproof/chaos/cluster"
)

// bitRot flips a bit in a sealed segment of a partition.
//
//	effect: the node noted that it found a segment of the partition damaged, and set it aside
//	heal:   the directory of the partition has a segment of that name again, which is not empty, and the
//	        node's replicas are in the ISR: what it set aside it has from the leader
type bitRot struct {
	cluster    cluster.Cluster
	disk       cluster.DiskController
	replicated cluster.Replicated
	node       int32
	topic      string
	partition  int32

	from   int64
	rotten string // the segment, from the data directory on
	aside  string // the file that the node set aside
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
	b.rotten, _, _ = strings.Cut(where, " ")
	return "a bit was flipped in " + where, nil
}

// damagedEvent is what a node notes that sets a damaged segment aside.
const damagedEvent = "segment-quarantined"

// Prove waits until the node noted that it found the damage.
func (b *bitRot) Prove(ctx context.Context) (string, error) {
	file := b.disk.Events(b.node)
	err := until(ctx, func() error {
		found, ok, err := notedSince(file, b.from, func(e noted) bool {
			return e.Event == damagedEvent && e.Topic == b.topic && e.Partition == b.partition
		})
		if err == nil && !ok {
			err = fmt.Errorf("no event %s of %s/%d in %s since the injection", damagedEvent, b.topic, b.partition, file)
		}
		b.aside = found.File
		return err
	})
	if err != nil {
		return "", err
	}
	return "the node noted that it found the damage and set aside " + b.aside, nil
}

// Heal has nothing to do: the node heals itself.
func (b *bitRot) Heal(context.Context) (string, error) {
	return "nothing: the node gets what is damaged from the leader", nil
}

// ProveHealed waits until the node has a segment in the place of the damaged one, and is in sync.
func (b *bitRot) ProveHealed(ctx context.Context) (string, error) {
	if err := b.replicated.WaitInSync(ctx, b.node); err != nil {
		return "", err
	}
	if b.rotten == "" {
		return "nothing was damaged, its replicas are in sync", nil
	}
	segment := filepath.Join(b.disk.Data(b.node), b.rotten)
	err := until(ctx, func() error {
		info, err := os.Stat(segment)
		if err == nil && info.Size() == 0 {
			err = fmt.Errorf("%s is empty", segment)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return b.rotten + " is there again, the node's replicas are in sync", nil
}
