package process

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
)

// listVersion of ListPartitionReassignments, which is flexible.
const listVersion = 0

// Reassign begins to give a partition other replicas (KIP-455).
func (c *Cluster) Reassign(ctx context.Context, topic string, partition int32, replicas []int32) error {
	if err := c.anyBroker(func(id int32) error { return c.assign(ctx, id, topic, partition, replicas) }); err != nil {
		return fmt.Errorf("reassign %s/%d to %v: %w", topic, partition, replicas, err)
	}
	return nil
}

// Assignment is what the controller tells of a reassignment that is under way, or else what the brokers list.
func (c *Cluster) Assignment(ctx context.Context, topic string, partition int32) (now cluster.Assignment, err error) {
	err = c.anyBroker(func(id int32) (err error) {
		now, err = c.moving(ctx, id, topic, partition)
		return err
	})
	if err != nil {
		return now, fmt.Errorf("list reassignments of %s/%d: %w", topic, partition, err)
	}
	if !now.UnderWay() {
		now.Replicas, err = c.Replicas(ctx, topic, partition)
	}
	return now, err
}

// moving asks a broker for the reassignment of a partition; the zero value if none is under way.
func (c *Cluster) moving(ctx context.Context, broker int32, topic string, partition int32) (now cluster.Assignment, err error) {
	request, response := kmsg.NewPtrListPartitionReassignmentsRequest(), kmsg.NewPtrListPartitionReassignmentsResponse()
	request.Version, request.TimeoutMillis = listVersion, topicMillis
	request.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{{Topic: topic, Partitions: []int32{partition}}}
	if err := canary.Ask(ctx, c.Direct(broker), request, response); err != nil {
		return now, err
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			now = cluster.Assignment{Replicas: p.Replicas, Adding: p.AddingReplicas, Removing: p.RemovingReplicas}
		}
	}
	return now, kerr.ErrorForCode(response.ErrorCode)
}
