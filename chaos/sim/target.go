package sim

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/chaos/timeline"
)

// locator tells the timeline who has a role, from what is committed.
type locator struct{ sim *simulation }

var (
	_ timeline.Locator      = locator{}
	_ timeline.GroupLocator = locator{}
)

// Leader implements timeline.Locator.
func (l locator) Leader(_ context.Context, topic string, partition int32) (int32, error) {
	p, err := l.partition(topic, partition)
	if err == nil && p.Leader < 0 {
		err = fmt.Errorf("%s-%d has no leader", topic, partition)
	}
	if err != nil {
		return nobody, err
	}
	return p.Leader, nil
}

// Replicas implements timeline.Locator.
func (l locator) Replicas(_ context.Context, topic string, partition int32) ([]int32, error) {
	p, err := l.partition(topic, partition)
	if err != nil {
		return nil, err
	}
	return p.Replicas, nil
}

// Controller implements timeline.Locator.
func (l locator) Controller(context.Context) (int32, error) {
	if h := l.sim.checker.controller(); h != nil {
		return h.id, nil
	}
	return nobody, fmt.Errorf("no controller is active")
}

// Coordinator implements timeline.GroupLocator.
func (l locator) Coordinator(_ context.Context, group string) (int32, error) {
	if len(l.sim.consumers) > 0 {
		if id := l.sim.checker.coordinator(group); id >= 0 {
			return id, nil
		}
	}
	return nobody, fmt.Errorf("nobody coordinates group %s", group)
}

func (l locator) partition(topic string, index int32) (*metadata.Partition, error) {
	if p := l.sim.checker.partition(int(index)); topic == Topic && p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no partition %s-%d", topic, index)
}
