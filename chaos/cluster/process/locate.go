package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataVersion is the last before the flexible ones, and since KIP-320 (version 7) it tells leader
// epochs.
const metadataVersion = 7

// unknownTopic is Kafka's error code UNKNOWN_TOPIC_OR_PARTITION.
const unknownTopic = 3

// defaultGrace is how long the other nodes may take after the first one answered: one that was cut
// off from the rest may answer first and tell of a leader that is none any more.
const defaultGrace = 50 * time.Millisecond

// Leader of a partition, as the node with the newest leader epoch tells. It is an error if the
// partition has none now.
func (c *Cluster) Leader(ctx context.Context, topic string, partition int32) (int32, error) {
	p, err := c.partition(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	if p.Leader < 0 {
		return 0, fmt.Errorf("partition %s/%d has no leader now (leader epoch %d)", topic, partition, p.LeaderEpoch)
	}
	return p.Leader, nil
}

// Replicas of a partition, the preferred leader first, up or down.
func (c *Cluster) Replicas(ctx context.Context, topic string, partition int32) ([]int32, error) {
	p, err := c.partition(ctx, topic, partition)
	return p.Replicas, err
}

// Controller that is active, as the first node tells which knows one.
func (c *Cluster) Controller(ctx context.Context) (int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // none: missing would be all
	answers, err := c.metadata(ctx, request)
	if err != nil {
		return 0, err
	}
	for _, a := range answers {
		if a.ControllerID >= 0 {
			return a.ControllerID, nil
		}
	}
	return 0, fmt.Errorf("none of %d nodes that answer knows an active controller", len(answers))
}

// partition asks every node for a partition and returns what is told of it with the newest leader
// epoch.
func (c *Cluster) partition(ctx context.Context, topic string, partition int32) (kmsg.MetadataResponseTopicPartition, error) {
	request := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(topic)
	request.Topics = []kmsg.MetadataRequestTopic{asked}
	request.AllowAutoTopicCreation = false
	answers, err := c.metadata(ctx, request)
	newest := kmsg.NewMetadataResponseTopicPartition()
	if err != nil {
		return newest, err
	}
	found := false
	var refused error
	for _, a := range answers {
		p, err := pick(a, topic, partition)
		if err != nil {
			refused = err
			continue
		}
		if !found || p.LeaderEpoch > newest.LeaderEpoch {
			newest, found = p, true
		}
	}
	if !found {
		return newest, refused
	}
	return newest, nil
}

// pick takes one partition out of an answer. A partition without a leader is no error here.
func pick(a *kmsg.MetadataResponse, topic string, partition int32) (kmsg.MetadataResponseTopicPartition, error) {
	for _, t := range a.Topics {
		if t.Topic == nil || *t.Topic != topic {
			continue
		}
		switch t.ErrorCode {
		case 0:
		case unknownTopic:
			return kmsg.MetadataResponseTopicPartition{}, fmt.Errorf("topic %s does not exist", topic)
		default:
			return kmsg.MetadataResponseTopicPartition{}, fmt.Errorf("topic %s: Kafka's error code %d", topic, t.ErrorCode)
		}
		if i := slices.IndexFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Partition == partition }); i >= 0 {
			return t.Partitions[i], nil
		}
		return kmsg.MetadataResponseTopicPartition{}, fmt.Errorf("topic %s has %d partitions, none is %d", topic, len(t.Partitions), partition)
	}
	return kmsg.MetadataResponseTopicPartition{}, fmt.Errorf("the answer to Metadata does not mention topic %s", topic)
}

// metadata asks all nodes at once and returns the answers that came until all have answered or
// failed, or until c.grace after the first one: nodes that are paused or cut off do not delay it. At
// least one answer or an error that says why each node gave none.
func (c *Cluster) metadata(ctx context.Context, request *kmsg.MetadataRequest) ([]*kmsg.MetadataResponse, error) {
	request.Version = metadataVersion
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the questions that nobody waits for
	type reply struct {
		answer *kmsg.MetadataResponse
		err    error
	}
	replies := make(chan reply, len(c.ids)) // room for all: no question waits for a reader
	for _, id := range c.ids {
		go func() {
			answer := kmsg.NewPtrMetadataResponse()
			if err := ask(ctx, c.Address(id), request, answer); err != nil {
				replies <- reply{err: fmt.Errorf("node %d: %w", id, err)}
				return
			}
			replies <- reply{answer: answer}
		}()
	}
	var answers []*kmsg.MetadataResponse
	var errs []error
	var enough <-chan time.Time
	for range c.ids {
		select {
		case r := <-replies:
			if r.err != nil {
				errs = append(errs, r.err)
				continue
			}
			answers = append(answers, r.answer)
			if enough == nil {
				enough = time.After(c.grace)
			}
		case <-enough:
			return answers, nil
		}
	}
	if len(answers) == 0 {
		return nil, fmt.Errorf("no node answers Metadata: %w", errors.Join(errs...))
	}
	return answers, nil
}
