package controller

import (
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newMachine(seed uint64, brokers ...int32) *Machine {
	var list []metadata.Broker
	for _, id := range brokers {
		list = append(list, metadata.Broker{ID: id})
	}
	return New(Config{Seed: seed, DefaultPartitions: 3, DefaultReplication: 1, MaxPartitions: 100}, metadata.NewImage("test", list))
}

func createRequest(name string, partitions int32, replication int16) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(7)
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, replication
	req.Topics = append(req.Topics, topic)
	return req
}

// create decides and replays.
func create(m *Machine, req *kmsg.CreateTopicsRequest) *kmsg.CreateTopicsResponse {
	records, resp := m.CreateTopics(req)
	m.Replay(records)
	return resp
}

func TestCreateTopics(t *testing.T) {
	m := newMachine(1, 0, 1, 2)
	resp := create(m, createRequest("orders", 6, 2))
	topic := m.Image().Topic("orders")
	if resp.Topics[0].ErrorCode != 0 || topic == nil || len(topic.Partitions) != 6 || resp.Topics[0].NumPartitions != 6 {
		t.Fatalf("created %+v, image %+v", resp.Topics[0], topic)
	}
	leaders := map[int32]int{}
	for _, p := range topic.Partitions {
		leaders[p.Leader]++
		if len(p.Replicas) != 2 || p.Replicas[0] == p.Replicas[1] || p.Leader != p.Replicas[0] {
			t.Errorf("partition %+v", p)
		}
	}
	if leaders[0] != 2 || leaders[1] != 2 || leaders[2] != 2 {
		t.Errorf("leaders per broker %v, want 2 each", leaders)
	}
	if resp.Topics[0].Configs == nil {
		t.Error("the answer has null in place of no configs: Kafka's own tools fail on that")
	}
	if by := m.Image().TopicByID(topic.ID); by != topic {
		t.Errorf("by id: %+v", by)
	}
}

func TestCreateTopicsErrors(t *testing.T) {
	m := newMachine(1, 0)
	create(m, createRequest("my.topic", 1, 1))
	withConfig := func(name string) *kmsg.CreateTopicsRequest {
		req := createRequest("configured", 1, 1)
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, kmsg.StringPtr("1")
		req.Topics[0].Configs = append(req.Topics[0].Configs, config)
		return req
	}
	assigned := func(partition int32, replicas ...int32) *kmsg.CreateTopicsRequest {
		req := createRequest("assigned", -1, -1)
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = partition, replicas
		req.Topics[0].ReplicaAssignment = append(req.Topics[0].ReplicaAssignment, a)
		return req
	}
	twice := createRequest("twice", 1, 1)
	twice.Topics = append(twice.Topics, twice.Topics[0])
	for name, c := range map[string]struct {
		req  *kmsg.CreateTopicsRequest
		want *kerr.Error
	}{
		"exists":             {createRequest("my.topic", 1, 1), kerr.TopicAlreadyExists},
		"collides":           {createRequest("my_topic", 1, 1), kerr.InvalidTopicException},
		"empty name":         {createRequest("", 1, 1), kerr.InvalidTopicException},
		"a path":             {createRequest("../x", 1, 1), kerr.InvalidTopicException},
		"long name":          {createRequest(strings.Repeat("x", 250), 1, 1), kerr.InvalidTopicException},
		"the cluster's own":  {createRequest("__cluster_metadata", 1, 1), kerr.InvalidTopicException},
		"no partitions":      {createRequest("a", 0, 1), kerr.InvalidPartitions},
		"too many":           {createRequest("a", 101, 1), kerr.InvalidPartitions},
		"replication":        {createRequest("a", 1, 2), kerr.InvalidReplicationFactor},
		"config":             {withConfig("retention.hours"), kerr.InvalidConfig},
		"twice":              {twice, kerr.InvalidRequest},
		"assignment gap":     {assigned(1, 0), kerr.InvalidReplicaAssignment},
		"unknown broker":     {assigned(0, 9), kerr.InvalidReplicaAssignment},
		"broker twice":       {assigned(0, 0, 0), kerr.InvalidReplicaAssignment},
		"assigned to nobody": {assigned(0), kerr.InvalidReplicaAssignment},
	} {
		records, resp := m.CreateTopics(c.req)
		if got := resp.Topics[0].ErrorCode; got != c.want.Code || len(records) != 0 || len(resp.Topics) != 1 {
			t.Errorf("%s: %v with %d records, want %v", name, kerr.ErrorForCode(got), len(records), c.want)
		}
		if resp.Topics[0].ErrorMessage == nil || *resp.Topics[0].ErrorMessage == "" {
			t.Errorf("%s: no message", name)
		}
	}
	if resp := create(m, withConfig("retention.ms")); resp.Topics[0].ErrorCode != 0 || m.Image().Topic("configured").Configs["retention.ms"] != "1" {
		t.Errorf("a known config: %+v", resp.Topics[0])
	}
	if resp := create(m, assigned(0, 0)); resp.Topics[0].ErrorCode != 0 {
		t.Errorf("a good assignment: %+v", resp.Topics[0])
	}
}

// A topic is made while brokers are away: they get replicas where there are too few others, last in the list, and
// are not in the ISR.
func TestCreateTopicsWhileBrokersAreAway(t *testing.T) {
	list := []metadata.Broker{{ID: 0, Fenced: true}, {ID: 1}, {ID: 2}, {ID: 3, Fenced: true}}
	m := New(Config{Seed: 1, DefaultPartitions: 3, DefaultReplication: 1, MaxPartitions: 100}, metadata.NewImage("test", list))
	if resp := create(m, createRequest("a", 4, 3)); resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("three replicas on two brokers that are here and two that are away: %+v", resp.Topics[0])
	}
	lasts := map[int32]int{}
	for i, p := range m.Image().Topic("a").Partitions {
		lasts[p.Replicas[2]]++
		if len(p.ISR) != 2 || slices.Contains(p.ISR, p.Replicas[2]) || p.Leader != p.Replicas[0] {
			t.Errorf("partition %d: %+v", i, p)
		}
	}
	if lasts[0] != 2 || lasts[3] != 2 {
		t.Errorf("the last replicas are on %v, want each broker that is away twice", lasts)
	}
	if resp := create(m, createRequest("b", 4, 2)); resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("%+v", resp.Topics[0])
	}
	for i, p := range m.Image().Topic("b").Partitions {
		if len(p.ISR) != 2 {
			t.Errorf("partition %d has a replica on a broker that is away, and there are enough others: %+v", i, p)
		}
	}
	more := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = "a", 5
	more.Topics = append(more.Topics, topic)
	if _, resp := m.CreatePartitions(more); resp.Topics[0].ErrorCode != 0 {
		t.Errorf("one more partition: %+v", resp.Topics[0])
	}
	if resp := create(m, createRequest("c", 1, 5)); resp.Topics[0].ErrorCode != kerr.InvalidReplicationFactor.Code {
		t.Errorf("five replicas on four brokers: %+v", resp.Topics[0])
	}
	for i := range list {
		list[i].Fenced = true
	}
	m = New(Config{Seed: 1, MaxPartitions: 100}, metadata.NewImage("test", list))
	if resp := create(m, createRequest("a", 1, 1)); resp.Topics[0].ErrorCode != kerr.InvalidReplicationFactor.Code {
		t.Errorf("no broker is here: %+v", resp.Topics[0])
	}
}

func TestValidateOnlyRecordsNothing(t *testing.T) {
	m := newMachine(1, 0)
	req := createRequest("orders", 2, 1)
	req.ValidateOnly = true
	records, resp := m.CreateTopics(req)
	if len(records) != 0 || resp.Topics[0].ErrorCode != 0 || resp.Topics[0].NumPartitions != 2 {
		t.Fatalf("%d records, %+v", len(records), resp.Topics[0])
	}
}

func TestDeleteTopics(t *testing.T) {
	m := newMachine(1, 0)
	create(m, createRequest("a", 1, 1))
	create(m, createRequest("b", 1, 1))
	create(m, createRequest("c", 1, 1))
	create(m, createRequest("d", 1, 1))
	id := m.Image().Topic("b").ID
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.SetVersion(6)
	for _, name := range []string{"a", "c", "c", "d", "missing"} {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, topic)
	}
	for _, id := range []metadata.TopicID{id, m.Image().Topic("d").ID, {}, {9}} { // d has been named already
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.TopicID = id
		req.Topics = append(req.Topics, topic)
	}
	records, resp := m.DeleteTopics(req)
	m.Replay(records)
	twice, unknown := kerr.InvalidRequest.Code, kerr.UnknownTopicOrPartition.Code
	want := []int16{0, twice, twice, twice, unknown, 0, twice, kerr.InvalidRequest.Code, kerr.UnknownTopicID.Code}
	var codes []int16
	for _, topic := range resp.Topics {
		codes = append(codes, topic.ErrorCode)
	}
	if !slices.Equal(codes, want) || len(records) != 2 || resp.Topics[5].Topic == nil || *resp.Topics[5].Topic != "b" {
		t.Fatalf("codes %v, want %v; %d records", codes, want, len(records))
	}
	if names := m.Image().Names(); !slices.Equal(names, []string{"c", "d"}) {
		t.Fatalf("left: %v", names)
	}
}

// What a machine decided and another replays gives the same state.
func TestReplayGivesTheSameImage(t *testing.T) {
	first := newMachine(1, 0, 1)
	var all []metadata.Record
	decide := func(records []metadata.Record) {
		first.Replay(records)
		all = append(all, records...)
	}
	records, _ := first.CreateTopics(createRequest("orders", 3, 2))
	decide(records)
	id, records := first.ProducerID()
	decide(records)
	second := newMachine(2, 0, 1)
	for _, r := range all {
		encoded, err := metadata.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := metadata.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		second.Replay([]metadata.Record{decoded})
	}
	second.Recovered()
	if a, b := first.Image().Topic("orders"), second.Image().Topic("orders"); a.ID != b.ID || len(a.Partitions) != len(b.Partitions) || a.Partitions[2].Replicas[1] != b.Partitions[2].Replicas[1] {
		t.Errorf("first %+v, second %+v", a, b)
	}
	if next, _ := second.ProducerID(); next <= id {
		t.Errorf("producer id %d after %d", next, id)
	}
}

func TestDecodeRefusesUnknownRecords(t *testing.T) {
	for _, value := range []string{"", "{}", `{"future":{}}`, "{"} {
		if _, err := metadata.Decode([]byte(value)); err == nil {
			t.Errorf("Decode(%q) must fail", value)
		}
	}
}
