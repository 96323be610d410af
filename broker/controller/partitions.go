package controller

import (
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreatePartitions gives topics more partitions, behind those that they have. Each topic has its own outcome;
// with validate-only nothing is recorded.
func (m *Machine) CreatePartitions(req *kmsg.CreatePartitionsRequest) ([]metadata.Record, *kmsg.CreatePartitionsResponse) {
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	times := map[string]int{}
	for i := range req.Topics {
		times[req.Topics[i].Topic]++
	}
	var records []metadata.Record
	done := map[string]bool{}
	for i := range req.Topics {
		asked := &req.Topics[i]
		if done[asked.Topic] {
			continue
		}
		done[asked.Topic] = true
		answer := kmsg.NewCreatePartitionsResponseTopic()
		answer.Topic = asked.Topic
		made, err := m.createPartitions(asked, times[asked.Topic])
		if err != nil {
			answer.ErrorCode, answer.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
		} else if !req.ValidateOnly {
			records = append(records, made...)
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return records, resp
}

// createPartitions gives the records of the new partitions of one topic.
func (m *Machine) createPartitions(asked *kmsg.CreatePartitionsRequestTopic, times int) ([]metadata.Record, *failure) {
	topic := m.image.Topic(asked.Topic)
	switch {
	case times > 1:
		return nil, fail(kerr.InvalidRequest, "topic %q stands %d times in the request", asked.Topic, times)
	case topic == nil:
		return nil, fail(kerr.UnknownTopicOrPartition, "there is no topic %q", asked.Topic)
	}
	has := int32(len(topic.Partitions))
	switch {
	case asked.Count <= has:
		return nil, fail(kerr.InvalidPartitions, "topic %q has %d partitions, and %d would not be more", asked.Topic, has, asked.Count)
	case asked.Count > m.cfg.MaxPartitions:
		return nil, fail(kerr.InvalidPartitions, "%d partitions: a topic has %d at most", asked.Count, m.cfg.MaxPartitions)
	}
	// All partitions of a topic have as many replicas as its first, as in Kafka.
	assignment, err := m.assignMore(asked, int(asked.Count-has), len(topic.Partitions[0].Target()))
	if err != nil {
		return nil, err
	}
	var records []metadata.Record
	for i, replicas := range assignment {
		r, err := m.newPartition(topic.ID, has+int32(i), replicas)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// assignMore places the replicas of new partitions: as the client says, or spread over the brokers.
func (m *Machine) assignMore(asked *kmsg.CreatePartitionsRequestTopic, more, replication int) ([][]int32, *failure) {
	if asked.Assignment == nil {
		return m.spread(more, replication)
	}
	if len(asked.Assignment) != more {
		return nil, fail(kerr.InvalidReplicaAssignment, "%d partitions come to topic %q, and the assignment has %d", more, asked.Topic, len(asked.Assignment))
	}
	assignment := make([][]int32, more)
	for i, a := range asked.Assignment {
		if len(a.Replicas) != replication {
			return nil, fail(kerr.InvalidReplicaAssignment, "new partition %d has %d replicas, and those that are there have %d", i, len(a.Replicas), replication)
		}
		if err := m.checkReplicas(int32(i), a.Replicas); err != nil {
			return nil, err
		}
		assignment[i] = a.Replicas
	}
	return assignment, nil
}

// checkReplicas refuses brokers that are unknown or stand twice.
func (m *Machine) checkReplicas(partition int32, replicas []int32) *failure {
	seen := map[int32]bool{}
	for _, id := range replicas {
		if seen[id] || m.image.Broker(id) == nil {
			return fail(kerr.InvalidReplicaAssignment, "partition %d: broker %d is unknown or stands twice", partition, id)
		}
		seen[id] = true
	}
	return nil
}

// newPartition is the record of a partition that begins on those of its replicas that are active.
func (m *Machine) newPartition(id metadata.TopicID, index int32, replicas []int32) (metadata.Record, *failure) {
	isr := only(replicas, func(id int32) bool { return m.image.Broker(id).Active() })
	if len(isr) == 0 {
		return metadata.Record{}, fail(kerr.InvalidReplicaAssignment, "partition %d: every broker of %v is fenced or shutting down", index, replicas)
	}
	return metadata.Record{Partition: &metadata.PartitionRecord{TopicID: id, Index: index, Replicas: replicas, ISR: isr, Leader: isr[0]}}, nil
}
