package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/canary"
)

// Versions of the requests of a transfer; both are flexible.
const (
	assignVersion = 0
	electVersion  = 2
)

// Transfer makes a replica of a partition its leader: it becomes the preferred one (KIP-455), which is then
// elected (KIP-183). It is an error if the replica is not in sync.
func (c *Cluster) Transfer(ctx context.Context, topic string, partition, to int32) error {
	replicas, err := c.Replicas(ctx, topic, partition)
	if err != nil {
		return err
	}
	if !slices.Contains(replicas, to) {
		return fmt.Errorf("transfer %s/%d: node %d is none of its replicas %v", topic, partition, to, replicas)
	}
	order := append([]int32{to}, slices.DeleteFunc(replicas, func(id int32) bool { return id == to })...)
	if err := c.anyBroker(func(id int32) error { return c.assign(ctx, id, topic, partition, order) }); err != nil {
		return fmt.Errorf("transfer %s/%d: make node %d its preferred leader: %w", topic, partition, to, err)
	}
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		err := c.anyBroker(func(id int32) error { return c.elect(ctx, id, topic, partition) })
		if err == nil {
			return nil
		}
		select { // the order of the replicas may not be known to who elects yet
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("transfer %s/%d: elect its preferred leader, node %d: %w", topic, partition, to, err)
		}
	}
}

// assign asks a broker to put the replicas of a partition into an order.
func (c *Cluster) assign(ctx context.Context, broker int32, topic string, partition int32, order []int32) error {
	request, response := kmsg.NewPtrAlterPartitionAssignmentsRequest(), kmsg.NewPtrAlterPartitionAssignmentsResponse()
	request.Version, request.TimeoutMillis = assignVersion, topicMillis
	t, p := kmsg.NewAlterPartitionAssignmentsRequestTopic(), kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	p.Partition, p.Replicas = partition, order
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	if err := canary.Ask(ctx, c.Direct(broker), request, response); err != nil {
		return err
	}
	errs := []error{kerr.ErrorForCode(response.ErrorCode)}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			errs = append(errs, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	return errors.Join(errs...)
}

// elect asks a broker to have the preferred leader of a partition elected.
func (c *Cluster) elect(ctx context.Context, broker int32, topic string, partition int32) error {
	request, response := kmsg.NewPtrElectLeadersRequest(), kmsg.NewPtrElectLeadersResponse()
	request.Version, request.TimeoutMillis = electVersion, topicMillis
	t := kmsg.NewElectLeadersRequestTopic()
	t.Topic, t.Partitions = topic, []int32{partition}
	request.Topics = append(request.Topics, t)
	if err := canary.Ask(ctx, c.Direct(broker), request, response); err != nil {
		return err
	}
	errs := []error{kerr.ErrorForCode(response.ErrorCode)}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); !errors.Is(err, kerr.ElectionNotNeeded) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
