package fault

import (
	"context"
	"fmt"
	"slices"

	"github.com/logproof/logproof/chaos/cluster"
)

// transferLeader gives the leadership of a partition to another of its replicas, and back.
//
//	effect: the brokers' metadata names the other replica as the leader
//	heal:   it names the leader of before
type transferLeader struct {
	transferrer cluster.Transferrer
	topic       string
	partition   int32
	from, to    int32
	moved       bool
}

// Inject makes the first other replica that can lead the leader.
func (t *transferLeader) Inject(ctx context.Context) (string, error) {
	replicas, err := t.transferrer.Replicas(ctx, t.topic, t.partition)
	if err != nil {
		return "", err
	}
	others := slices.DeleteFunc(replicas, func(id int32) bool { return id == t.from })
	if len(others) == 0 {
		return "", fmt.Errorf("node %d is the only replica of %s/%d: nobody else can lead it", t.from, t.topic, t.partition)
	}
	t.to, t.moved = others[0], true
	if err := t.transferrer.Transfer(ctx, t.topic, t.partition, t.to); err != nil {
		return "", err
	}
	return fmt.Sprintf("the leadership of %s/%d goes from node %d to node %d", t.topic, t.partition, t.from, t.to), nil
}

// Prove waits until the brokers name the other.
func (t *transferLeader) Prove(ctx context.Context) (string, error) { return t.leads(ctx, t.to) }

func (t *transferLeader) leads(ctx context.Context, node int32) (string, error) {
	err := until(ctx, func() error {
		leader, err := t.transferrer.Leader(ctx, t.topic, t.partition)
		if err == nil && leader != node {
			err = fmt.Errorf("the brokers name node %d as the leader of %s/%d, not node %d", leader, t.topic, t.partition, node)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the brokers name node %d as the leader of %s/%d", node, t.topic, t.partition), nil
}

// Heal gives it back.
func (t *transferLeader) Heal(ctx context.Context) (string, error) {
	if !t.moved {
		return "nothing was transferred: nothing to give back", nil
	}
	if err := t.transferrer.Transfer(ctx, t.topic, t.partition, t.from); err != nil {
		return "", err
	}
	return fmt.Sprintf("the leadership of %s/%d goes back to node %d", t.topic, t.partition, t.from), nil
}

// ProveHealed waits until the brokers name the leader of before.
func (t *transferLeader) ProveHealed(ctx context.Context) (string, error) {
	if !t.moved {
		return "", fmt.Errorf("nothing was transferred")
	}
	return t.leads(ctx, t.from)
}
