package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/logproof/logproof/verify/history"
)

// Topic that a run creates.
type Topic struct {
	Name              string
	Partitions        int32
	ReplicationFactor int16
	// Configs of the topic by Kafka's names, such as min.insync.replicas; nil for the cluster's defaults.
	Configs map[string]string
}

// Targets lists the partitions of the topics, in the order of the topics and then of the partitions.
func Targets(topics []Topic) []Target {
	var targets []Target
	for i, topic := range topics {
		for p := range topic.Partitions {
			targets = append(targets, Target{Partition: history.Partition{Topic: topic.Name, Index: p}, Topic: uint16(i)})
		}
	}
	return targets
}

// CreateTopics creates the topics and waits until every partition is empty and answers through its
// leader. It refuses a topic that was there before: the sequences of a run begin at 0, in empty
// partitions. When ctx ends the error names what is still pending.
func CreateTopics(ctx context.Context, shared Shared, topics []Topic) error {
	client, err := shared.client(shared.Tap.Process("setup"))
	if err != nil {
		return err
	}
	defer client.Close()
	s := setup{admin: kadm.NewClient(client)}
	backoff := shared.Options.withDefaults().RetryBackoff
	if err := s.until(ctx, backoff, func() (string, error) { return s.strangers(ctx, topics) }); err != nil {
		return err
	}
	if err := s.until(ctx, backoff, func() (string, error) { return s.create(ctx, topics) }); err != nil {
		return err
	}
	return s.until(ctx, backoff, func() (string, error) { return s.answering(ctx, topics), nil })
}

type setup struct{ admin *kadm.Client }

// until repeats step until nothing is pending, it fails, or ctx ends.
func (s *setup) until(ctx context.Context, backoff time.Duration, step func() (pending string, err error)) error {
	for {
		pending, err := step()
		if err != nil || pending == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("setup: the cluster is not ready: %s: %w", pending, context.Cause(ctx))
		case <-time.After(backoff):
		}
	}
}

// strangers refuses topics that exist before anybody asked for them. Later it cannot be told: the client asks
// again where an answer does not come, and is then told that the topic exists which it has made.
func (s *setup) strangers(ctx context.Context, topics []Topic) (pending string, err error) {
	var names []string
	for _, topic := range topics {
		names = append(names, topic.Name)
	}
	there, err := s.admin.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Sprintf("which topics exist is not known (%v)", err), nil
	}
	for _, topic := range topics {
		switch known, told := there[topic.Name]; {
		case !told || errors.Is(known.Err, kerr.UnknownTopicOrPartition):
		case known.Err != nil:
			return fmt.Sprintf("whether topic %s exists is not known (%v)", topic.Name, known.Err), nil
		default:
			return "", fmt.Errorf("setup: topic %s exists already: a run needs an empty topic of its own, choose another name or delete it", topic.Name)
		}
	}
	return "", nil
}

// create asks for every topic.
func (s *setup) create(ctx context.Context, topics []Topic) (pending string, err error) {
	var missing []string
	for _, topic := range topics {
		configs := make(map[string]*string, len(topic.Configs))
		for name, value := range topic.Configs {
			configs[name] = &value
		}
		resp, err := s.admin.CreateTopic(ctx, topic.Partitions, topic.ReplicationFactor, configs, topic.Name)
		var refused *kerr.Error
		switch {
		case err == nil || errors.Is(err, kerr.TopicAlreadyExists): // it did not exist before: it is ours
		case errors.As(err, &refused) && !refused.Retriable:
			return "", fmt.Errorf("setup: the cluster refuses to create topic %s with %d partitions and replication factor %d: %w %s",
				topic.Name, topic.Partitions, topic.ReplicationFactor, err, resp.ErrMessage)
		default:
			missing = append(missing, fmt.Sprintf("topic %s is not created (%v)", topic.Name, err))
		}
	}
	return strings.Join(missing, "; "), nil
}

// answering names the partitions whose leader does not yet tell the end of an empty log.
func (s *setup) answering(ctx context.Context, topics []Topic) (pending string) {
	var names, waiting []string
	for _, topic := range topics {
		names = append(names, topic.Name)
	}
	ends, err := s.admin.ListEndOffsets(ctx, names...)
	if err != nil {
		waiting = append(waiting, fmt.Sprintf("end offsets: %v", err))
	}
	for _, target := range Targets(topics) {
		p := target.Partition
		end, known := ends.Lookup(p.Topic, p.Index)
		switch {
		case !known:
			waiting = append(waiting, fmt.Sprintf("%s/%d has no leader", p.Topic, p.Index))
		case end.Err != nil:
			waiting = append(waiting, fmt.Sprintf("%s/%d: %v", p.Topic, p.Index, end.Err))
		case end.Offset != 0:
			waiting = append(waiting, fmt.Sprintf("%s/%d ends at offset %d and should be empty", p.Topic, p.Index, end.Offset))
		}
	}
	slices.Sort(waiting)
	return strings.Join(waiting, "; ")
}
