package controller

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// failure is an error of one item of a request: Kafka's code and a sentence for people.
type failure struct {
	code    *kerr.Error
	message string
}

func fail(code *kerr.Error, format string, args ...any) *failure {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// CreateTopics decides about each topic of the request on its own: one that fails does not stop
// the others. With validate-only nothing is recorded.
func (m *Machine) CreateTopics(req *kmsg.CreateTopicsRequest) ([]metadata.Record, *kmsg.CreateTopicsResponse) {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	var records []metadata.Record
	times := map[string]int{}
	for i := range req.Topics {
		times[req.Topics[i].Topic]++
	}
	done := map[string]bool{}
	for i := range req.Topics {
		asked := &req.Topics[i]
		if done[asked.Topic] {
			continue
		}
		done[asked.Topic] = true
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic = asked.Topic
		answer.NumPartitions, answer.ReplicationFactor = -1, -1
		made, err := m.createTopic(asked, times[asked.Topic])
		if err != nil {
			answer.ErrorCode, answer.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
		} else {
			answer.TopicID = made[0].Topic.ID
			answer.NumPartitions = int32(len(made) - 1)
			answer.ReplicationFactor = int16(len(made[1].Partition.Replicas))
			answer.Configs = m.shownConfigs(made[0].Topic.Configs)
			if !req.ValidateOnly {
				records = append(records, made...)
			}
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return records, resp
}

// createTopic gives the topic's record followed by one record for each partition.
func (m *Machine) createTopic(asked *kmsg.CreateTopicsRequestTopic, times int) ([]metadata.Record, *failure) {
	if times > 1 {
		return nil, fail(kerr.InvalidRequest, "topic %q stands %d times in the request", asked.Topic, times)
	}
	if err := checkName(asked.Topic); err != nil {
		return nil, err
	}
	if m.image.Topic(asked.Topic) != nil {
		return nil, fail(kerr.TopicAlreadyExists, "topic %q already exists", asked.Topic)
	}
	if err := m.checkCollision(asked.Topic); err != nil {
		return nil, err
	}
	configs, err := checkConfigs(asked.Configs)
	if err != nil {
		return nil, err
	}
	assignment, err := m.assign(asked)
	if err != nil {
		return nil, err
	}
	id := m.newTopicID()
	records := []metadata.Record{{Topic: &metadata.TopicRecord{Name: asked.Topic, ID: id, Configs: configs}}}
	for index, replicas := range assignment {
		r, err := m.newPartition(id, int32(index), replicas)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// checkName refuses what cannot be a topic's name.
func checkName(name string) *failure {
	if problem := metadata.NameProblem(name); problem != "" {
		return fail(kerr.InvalidTopicException, "%s", problem)
	}
	return nil
}

// checkCollision refuses names that differ only by '.' and '_', which collide in metric names.
func (m *Machine) checkCollision(name string) *failure {
	if !strings.ContainsAny(name, "._") {
		return nil
	}
	flat := strings.ReplaceAll(name, ".", "_")
	for _, other := range m.image.Names() {
		if strings.ReplaceAll(other, ".", "_") == flat {
			return fail(kerr.InvalidTopicException, "topic name %q collides with %q: '.' and '_' are the same in metric names", name, other)
		}
	}
	return nil
}

// checkConfigs gives the settings of a new topic in their canonical form.
func checkConfigs(asked []kmsg.CreateTopicsRequestTopicConfig) (map[string]string, *failure) {
	given := map[string]string{}
	for _, c := range asked {
		if c.Value == nil {
			return nil, fail(kerr.InvalidConfig, "topic config %q has no value", c.Name)
		}
		given[c.Name] = *c.Value
	}
	checked, err := metadata.CheckSettings(given)
	if err != nil {
		return nil, fail(kerr.InvalidConfig, "%v", err)
	}
	return checked, nil
}

// shownConfigs is what the answer tells of the topic's settings: all that are in force, and never null, which
// Kafka's own admin client does not take.
func (m *Machine) shownConfigs(configs map[string]string) []kmsg.CreateTopicsResponseTopicConfig {
	shown := []kmsg.CreateTopicsResponseTopicConfig{}
	for _, v := range m.image.TopicValues(configs, m.cfg.Static, metadata.AllBrokers) {
		config := kmsg.NewCreateTopicsResponseTopicConfig()
		config.Name, config.Value, config.Source = v.Name, kmsg.StringPtr(v.Value), int8(v.Source)
		shown = append(shown, config)
	}
	return shown
}

// assign places the replicas of a new topic: as the client says, or spread over the brokers that are not fenced.
func (m *Machine) assign(asked *kmsg.CreateTopicsRequestTopic) ([][]int32, *failure) {
	if len(asked.ReplicaAssignment) > 0 {
		return m.assignManually(asked)
	}
	partitions, replication := asked.NumPartitions, asked.ReplicationFactor
	if partitions == -1 {
		partitions = m.cfg.DefaultPartitions
	}
	if replication == -1 {
		replication = m.cfg.DefaultReplication
	}
	if partitions < 1 || partitions > m.cfg.MaxPartitions {
		return nil, fail(kerr.InvalidPartitions, "%d partitions: want 1 to %d", partitions, m.cfg.MaxPartitions)
	}
	return m.spread(int(partitions), int(replication))
}

// spread places replicas on the brokers that are active. Where these are too few, those that are registered and
// away get the rest, last in the list and out of the ISR until they come back: a topic can be made while a broker
// is down, as in Kafka.
func (m *Machine) spread(partitions, replication int) ([][]int32, *failure) {
	var active, away []metadata.Broker
	for _, b := range m.image.Registered() {
		if b.Active() {
			active = append(active, b)
		} else {
			away = append(away, b)
		}
	}
	switch {
	case replication < 1 || replication > len(active)+len(away):
		return nil, fail(kerr.InvalidReplicationFactor, "replication factor %d: the cluster has %d brokers", replication, len(active)+len(away))
	case len(active) == 0:
		return nil, fail(kerr.InvalidReplicationFactor, "all %d brokers are fenced or shutting down", len(away))
	}
	here := min(replication, len(active))
	assignment := m.place(active, partitions, here)
	for p := range assignment {
		for i := range replication - here {
			assignment[p] = append(assignment[p], away[(p+i)%len(away)].ID)
		}
	}
	return assignment, nil
}

func (m *Machine) assignManually(asked *kmsg.CreateTopicsRequestTopic) ([][]int32, *failure) {
	if asked.NumPartitions != -1 || asked.ReplicationFactor != -1 {
		return nil, fail(kerr.InvalidRequest, "with an assignment, partitions and replication factor must be -1")
	}
	assignment := make([][]int32, len(asked.ReplicaAssignment))
	for _, a := range asked.ReplicaAssignment {
		if a.Partition < 0 || int(a.Partition) >= len(assignment) || assignment[a.Partition] != nil {
			return nil, fail(kerr.InvalidReplicaAssignment, "partitions of an assignment must be 0..%d, each once; got %d", len(assignment)-1, a.Partition)
		}
		if len(a.Replicas) == 0 || len(a.Replicas) != len(asked.ReplicaAssignment[0].Replicas) {
			return nil, fail(kerr.InvalidReplicaAssignment, "partition %d has %d replicas: every partition needs the same number, at least 1", a.Partition, len(a.Replicas))
		}
		if err := m.checkReplicas(a.Partition, a.Replicas); err != nil {
			return nil, err
		}
		assignment[a.Partition] = a.Replicas
	}
	return assignment, nil
}

// DeleteTopics decides about each topic of the request on its own, by name or by id (v6, KIP-516). One that is
// named twice, be it once by name and once by id, is not deleted.
func (m *Machine) DeleteTopics(req *kmsg.DeleteTopicsRequest) ([]metadata.Record, *kmsg.DeleteTopicsResponse) {
	resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
	asked := namedTopics(req)
	times := map[metadata.TopicID]int{}
	for i := range asked {
		if topic, err := m.findTopic(asked[i].Topic, asked[i].TopicID); err == nil {
			times[topic.ID]++
		}
	}
	var records []metadata.Record
	for i := range asked {
		answer := kmsg.NewDeleteTopicsResponseTopic()
		answer.Topic, answer.TopicID = asked[i].Topic, asked[i].TopicID
		topic, err := m.findTopic(asked[i].Topic, asked[i].TopicID)
		if err == nil && times[topic.ID] > 1 {
			err = fail(kerr.InvalidRequest, "topic %q stands %d times in the request", topic.Name, times[topic.ID])
		}
		if err != nil {
			answer.ErrorCode, answer.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
		} else {
			answer.Topic, answer.TopicID = kmsg.StringPtr(topic.Name), topic.ID
			records = append(records, metadata.Record{RemoveTopic: &metadata.RemoveTopicRecord{ID: topic.ID}})
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return records, resp
}

// namedTopics are the topics of the request in the form of version 6.
func namedTopics(req *kmsg.DeleteTopicsRequest) []kmsg.DeleteTopicsRequestTopic {
	asked := req.Topics
	for _, name := range req.TopicNames {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		asked = append(asked, topic)
	}
	return asked
}

func (m *Machine) findTopic(name *string, id metadata.TopicID) (*metadata.Topic, *failure) {
	switch {
	case name != nil && id != (metadata.TopicID{}):
		return nil, fail(kerr.InvalidRequest, "topic %q is named by name and by id: want one of them", *name)
	case name == nil && id == (metadata.TopicID{}):
		return nil, fail(kerr.InvalidRequest, "a topic is named neither by name nor by id")
	case name != nil:
		if topic := m.image.Topic(*name); topic != nil {
			return topic, nil
		}
		return nil, fail(kerr.UnknownTopicOrPartition, "there is no topic %q", *name)
	}
	if topic := m.image.TopicByID(id); topic != nil {
		return topic, nil
	}
	return nil, fail(kerr.UnknownTopicID, "there is no topic with id %s", id)
}

// newTopicID draws an id that no topic has; the zero id means "by name" on the wire.
func (m *Machine) newTopicID() metadata.TopicID {
	for {
		var id metadata.TopicID
		for i := 0; i < len(id); i += 8 {
			draw := m.draw()
			for j := range 8 {
				id[i+j] = byte(draw >> (8 * j))
			}
		}
		if id != (metadata.TopicID{}) && m.image.TopicByID(id) == nil {
			return id
		}
	}
}
