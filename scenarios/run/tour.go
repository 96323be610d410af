package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// atOnce is how many partitions change their leaders at a time.
const atOnce = 8

// tour makes each replica of each partition its leader in turn, and reads what it has to the barrier: what replicas
// do not agree on shows as a disagreement of readers. The order in which they were preferred is changed by it; nobody
// asks for it any more.
func (c *conductor) tour(ctx context.Context) error {
	replicas, rounds, err := c.replicas(ctx)
	if err != nil {
		return err
	}
	for round := range rounds {
		err := c.within(func(ctx context.Context) error {
			if err := c.lead(ctx, replicas, round); err != nil {
				return err
			}
			return c.load.Tour(ctx, fmt.Sprint(round+1))
		})(ctx)
		if err != nil {
			return fmt.Errorf("round %d of %d: %w", round+1, rounds, err)
		}
	}
	return nil
}

// place is a partition and who has it.
type place struct {
	topic     string
	partition int32
	replicas  []int32
}

// replicas of every partition, and how many the most have.
func (c *conductor) replicas(ctx context.Context) (all []place, most int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.cfg.Plan.Limits.Converge))
	defer cancel()
	for _, p := range c.cfg.Plan.Partitions() {
		nodes, err := c.cluster.Replicas(ctx, p.Topic, p.Index)
		if err != nil {
			return nil, 0, fmt.Errorf("replicas of %v: %w", p, err)
		}
		all, most = append(all, place{p.Topic, p.Index, nodes}), max(most, len(nodes))
	}
	return all, most, nil
}

// lead makes the replicas of one round leaders. A partition with fewer has had its turn.
func (c *conductor) lead(ctx context.Context, all []place, round int) error {
	turn := make(chan struct{}, atOnce)
	errs := make([]error, len(all))
	var moving sync.WaitGroup
	for i, p := range all {
		if round >= len(p.replicas) {
			continue
		}
		turn <- struct{}{}
		moving.Go(func() {
			defer func() { <-turn }()
			errs[i] = c.cluster.Transfer(ctx, p.topic, p.partition, p.replicas[round])
		})
	}
	moving.Wait()
	return errors.Join(errs...)
}
