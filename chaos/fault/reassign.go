package fault

import (
	"context"
	"fmt"
	"slices"

	"github.com/logproof/logproof/chaos/cluster"
)

// reassign gives the replica of a partition's leader to a broker that has none of the partition, or does without it
// where all brokers have one. So the leadership moves too, and what is written meanwhile must be in the new place.
//
//	effect: the brokers list other replicas, or tell which are being added and removed
//	heal:   nothing is being moved, and the replicas are those of before, in their order
type reassign struct {
	reassigner cluster.Reassigner
	topic      string
	partition  int32
	// from is the leader that gives its replica away; before and during are the replicas.
	from           int32
	before, during []int32
}

// Inject asks for the other replicas.
func (r *reassign) Inject(ctx context.Context) (string, error) {
	replicas, err := r.reassigner.Replicas(ctx, r.topic, r.partition)
	if err != nil {
		return "", err
	}
	during := slices.DeleteFunc(slices.Clone(replicas), func(id int32) bool { return id == r.from })
	for _, id := range r.reassigner.Brokers() {
		if !slices.Contains(replicas, id) {
			during = append(during, id)
			break
		}
	}
	if len(during) == 0 {
		return "", fmt.Errorf("node %d is the only replica of %s/%d, and there is no other broker", r.from, r.topic, r.partition)
	}
	r.before, r.during = replicas, during
	if err := r.reassigner.Reassign(ctx, r.topic, r.partition, during); err != nil {
		return "", err
	}
	return fmt.Sprintf("the replicas of %s/%d go from %v to %v", r.topic, r.partition, r.before, r.during), nil
}

// Prove waits until the brokers tell of it.
func (r *reassign) Prove(ctx context.Context) (string, error) {
	var now cluster.Assignment
	err := until(ctx, func() (err error) {
		if now, err = r.reassigner.Assignment(ctx, r.topic, r.partition); err == nil && !now.UnderWay() && slices.Equal(now.Replicas, r.before) {
			err = fmt.Errorf("%s/%d still has the replicas %v", r.topic, r.partition, r.before)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%d has the replicas %s", r.topic, r.partition, now), nil
}

// Heal asks for the replicas of before.
func (r *reassign) Heal(ctx context.Context) (string, error) {
	if r.during == nil {
		return "nothing was moved: nothing to move back", nil
	}
	if err := r.reassigner.Reassign(ctx, r.topic, r.partition, r.before); err != nil {
		return "", err
	}
	return fmt.Sprintf("the replicas of %s/%d go back to %v", r.topic, r.partition, r.before), nil
}

// ProveHealed waits until they are there, and nothing is being moved.
func (r *reassign) ProveHealed(ctx context.Context) (string, error) {
	if r.during == nil {
		return "", fmt.Errorf("nothing was moved")
	}
	err := until(ctx, func() error {
		now, err := r.reassigner.Assignment(ctx, r.topic, r.partition)
		if err == nil && (now.UnderWay() || !slices.Equal(now.Replicas, r.before)) {
			err = fmt.Errorf("%s/%d has the replicas %s, not %v", r.topic, r.partition, now, r.before)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%d has the replicas %v, and nothing is being moved", r.topic, r.partition, r.before), nil
}
