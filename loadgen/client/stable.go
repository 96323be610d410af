package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// WaitStable waits until the last stable offset of every partition is its high watermark: no transaction is open. When
// ctx ends the error names the partitions where that is not so.
func WaitStable(ctx context.Context, shared Shared, targets []Target) error {
	client, err := shared.client(shared.Tap.Process("stable"))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var topics []string
	for _, t := range targets {
		if !slices.Contains(topics, t.Partition.Topic) {
			topics = append(topics, t.Partition.Topic)
		}
	}
	var open []string
	for {
		now := unstable(ctx, admin, topics, targets)
		if len(now) == 0 {
			return nil
		}
		if ctx.Err() == nil || open == nil { // what could not be asked any more says less than the answer before
			open = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a transaction stays open: %s: %w", strings.Join(open, "; "), ctx.Err())
		case <-time.After(shared.Options.withDefaults().RetryBackoff):
		}
	}
}

// unstable names the partitions whose last stable offset is not known to be their high watermark.
func unstable(ctx context.Context, admin *kadm.Client, topics []string, targets []Target) (open []string) {
	stable, err := admin.ListCommittedOffsets(ctx, topics...) // before the ends, which do not fall
	if err != nil {
		return []string{fmt.Sprintf("last stable offsets: %v", err)}
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return []string{fmt.Sprintf("end offsets: %v", err)}
	}
	for _, t := range targets {
		p := t.Partition
		upTo, known := stable.Lookup(p.Topic, p.Index)
		end, there := ends.Lookup(p.Topic, p.Index)
		switch {
		case !known || !there:
			open = append(open, fmt.Sprintf("%v has no leader", p))
		case upTo.Err != nil || end.Err != nil:
			open = append(open, fmt.Sprintf("%v: %v, %v", p, upTo.Err, end.Err))
		case upTo.Offset != end.Offset:
			open = append(open, fmt.Sprintf("%v is decided to offset %d and ends at %d", p, upTo.Offset, end.Offset))
		}
	}
	return open
}
