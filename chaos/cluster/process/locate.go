package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/canary"
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

// offsetsTopic keeps the positions of consumer groups, transactionsTopic the state of transactions.
const (
	offsetsTopic      = "__consumer_offsets"
	transactionsTopic = "__transaction_state"
)

// Coordinator of a consumer group: the leader of the partition of __consumer_offsets that keeps its positions,
// as the node with the newest leader epoch tells.
func (c *Cluster) Coordinator(ctx context.Context, group string) (int32, error) {
	return c.keeper(ctx, "group", group, offsetsTopic)
}

// TransactionCoordinator of a transactional id: the leader of the partition of __transaction_state that keeps it.
func (c *Cluster) TransactionCoordinator(ctx context.Context, transactional string) (int32, error) {
	return c.keeper(ctx, "transactional id", transactional, transactionsTopic)
}

// keeper is the leader of the partition of an internal topic that keeps what has a name.
func (c *Cluster) keeper(ctx context.Context, what, name, topic string) (int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(topic)
	request.Topics = []kmsg.MetadataRequestTopic{asked}
	answers, err := c.metadata(ctx, request)
	if err != nil {
		return 0, err
	}
	partitions := 0
	for _, a := range answers {
		for _, t := range a.Topics {
			partitions = max(partitions, len(t.Partitions))
		}
	}
	if partitions == 0 {
		return 0, fmt.Errorf("%s %s has no coordinator yet: topic %s does not exist", what, name, topic)
	}
	return c.Leader(ctx, topic, groupPartition(name, partitions))
}

// groupPartition is where Kafka keeps a group, or a transactional id: Java's hash of its name, without the sign.
func groupPartition(group string, partitions int) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(group)) {
		hash = 31*hash + int32(unit)
	}
	if hash < 0 {
		hash = max(-hash, 0) // the smallest number has no counterpart
	}
	return hash % int32(partitions)
}

// Controller that is active: the leader of the metadata quorum, as the controller tells that knows of the
// newest term. Metadata would not do: there Kafka names any broker that passes requests on (KIP-590).
func (c *Cluster) Controller(ctx context.Context) (int32, error) {
	if len(c.ids) == 1 {
		return c.ids[0], nil // it has nobody to tell of it
	}
	answers, err := gather(ctx, c.grace, c.voters, c.quorum)
	if err != nil {
		return 0, fmt.Errorf("no controller answers DescribeQuorum: %w", err)
	}
	newest := slices.MaxFunc(answers, func(a, b quorum) int { return cmp.Compare(a.term, b.term) })
	if newest.leader < 0 {
		return 0, fmt.Errorf("the metadata quorum has no leader now (term %d)", newest.term)
	}
	return newest.leader, nil
}

// quorum is the metadata quorum as one of its voters sees it; leader -1 is nobody.
type quorum struct{ leader, term int32 }

// describeQuorumVersion that controllers answer.
const describeQuorumVersion = 2

// quorum asks one voter, where its peers reach it.
func (c *Cluster) quorum(ctx context.Context, id int32) (quorum, error) {
	request, response := kmsg.NewPtrDescribeQuorumRequest(), kmsg.NewPtrDescribeQuorumResponse()
	request.Version = describeQuorumVersion
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = "__cluster_metadata", []kmsg.DescribeQuorumRequestTopicPartition{{}}
	request.Topics = append(request.Topics, topic)
	if err := canary.Ask(ctx, c.Endpoint(id).DirectPeers, request, response); err != nil {
		return quorum{}, err
	}
	if response.ErrorCode != 0 || len(response.Topics) == 0 || len(response.Topics[0].Partitions) == 0 {
		return quorum{}, fmt.Errorf("answer to DescribeQuorum: error code %d and no partition", response.ErrorCode)
	}
	p := response.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return quorum{}, fmt.Errorf("answer to DescribeQuorum: error code %d", p.ErrorCode)
	}
	return quorum{p.LeaderID, p.LeaderEpoch}, nil
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

// metadata asks all brokers at once: see gather.
func (c *Cluster) metadata(ctx context.Context, request *kmsg.MetadataRequest) ([]*kmsg.MetadataResponse, error) {
	request.Version = metadataVersion
	answers, err := gather(ctx, c.grace, c.brokers, func(ctx context.Context, id int32) (*kmsg.MetadataResponse, error) {
		answer := kmsg.NewPtrMetadataResponse()
		return answer, canary.Ask(ctx, c.Direct(id), request, answer)
	})
	if err != nil {
		return nil, fmt.Errorf("no node answers Metadata: %w", err)
	}
	return answers, nil
}

// gather asks nodes at once and returns the answers that came until all have answered or failed, or until
// grace after the first one: nodes that are paused or cut off do not delay it. At least one answer or an
// error that says why each node gave none.
func gather[A any](ctx context.Context, grace time.Duration, nodes []int32, ask func(context.Context, int32) (A, error)) ([]A, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the questions that nobody waits for
	type reply struct {
		answer A
		err    error
	}
	replies := make(chan reply, len(nodes)) // room for all: no question waits for a reader
	for _, id := range nodes {
		go func() {
			answer, err := ask(ctx, id)
			if err != nil {
				err = fmt.Errorf("node %d: %w", id, err)
			}
			replies <- reply{answer, err}
		}()
	}
	var answers []A
	var errs []error
	var enough <-chan time.Time
	for range nodes {
		select {
		case r := <-replies:
			if r.err != nil {
				errs = append(errs, r.err)
				continue
			}
			answers = append(answers, r.answer)
			if enough == nil {
				enough = time.After(grace)
			}
		case <-enough:
			return answers, nil
		}
	}
	if len(answers) == 0 {
		return nil, errors.Join(errs...)
	}
	return answers, nil
}
