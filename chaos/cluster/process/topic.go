package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
)

// Versions of requests about topics, the last before the flexible ones.
const (
	createTopicsVersion = 4
	deleteTopicsVersion = 3
	topicMillis         = 5000
)

// topicAgain is the rest between two attempts to make a topic.
const topicAgain = 50 * time.Millisecond

// MakeTopic makes a topic of one partition, with a broker as its only replica, and returns when the broker
// leads it; cluster.AnyNode leaves the broker open.
func (c *Cluster) MakeTopic(ctx context.Context, node int32) (name string, err error) {
	if node == cluster.AnyNode {
		node = c.brokers[rand.IntN(len(c.brokers))]
	}
	name = fmt.Sprintf("logproof-canary-%08x", rand.Uint32())
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Version, request.TimeoutMillis = createTopicsVersion, topicMillis
	topic, place := kmsg.NewCreateTopicsRequestTopic(), kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	place.Replicas = []int32{node}
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	topic.ReplicaAssignment = append(topic.ReplicaAssignment, place)
	request.Topics = append(request.Topics, topic)
	ask := func(id int32) error {
		response := kmsg.NewPtrCreateTopicsResponse()
		if err := canary.Ask(ctx, c.Direct(id), request, response); err != nil {
			return err
		}
		for _, t := range response.Topics {
			if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
				return err
			}
		}
		return nil
	}
	// A broker that is out of the cluster for a moment is given no partition: it is asked for again until it is back.
	back, cancel := context.WithTimeout(ctx, topicMillis*time.Millisecond)
	defer cancel()
	for err = c.anyBroker(ask); errors.Is(err, kerr.InvalidReplicaAssignment) && back.Err() == nil; err = c.anyBroker(ask) {
		select {
		case <-time.After(topicAgain):
		case <-back.Done():
		}
	}
	if err != nil {
		return "", fmt.Errorf("make the topic %s: %w", name, err)
	}
	return name, c.wait(ctx, "topic "+name+" is not there yet", []string{name}, func(views []view) []string {
		for _, v := range views {
			if v.node != node || v.err != nil {
				continue
			}
			if p, err := pick(v.answer, name, 0); err == nil && p.Leader == node {
				return nil
			}
		}
		return []string{fmt.Sprintf("node %d does not lead it", node)}
	})
}

// DropTopic deletes a topic.
func (c *Cluster) DropTopic(ctx context.Context, name string) error {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Version, request.TimeoutMillis, request.TopicNames = deleteTopicsVersion, topicMillis, []string{name}
	err := c.anyBroker(func(id int32) error {
		response := kmsg.NewPtrDeleteTopicsResponse()
		if err := canary.Ask(ctx, c.Direct(id), request, response); err != nil {
			return err
		}
		for _, t := range response.Topics {
			if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete the topic %s: %w", name, err)
	}
	return nil
}

// anyBroker asks one broker after the other until one did what it was asked: which of them reach the
// controller is not known.
func (c *Cluster) anyBroker(ask func(id int32) error) error {
	var errs []error
	for _, id := range c.brokers {
		err := ask(id)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("node %d: %w", id, err))
	}
	return errors.Join(errs...)
}
