package twins

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics are the questions about topics as such.
func topics() []question {
	return slices.Concat(metadata(), creations(), deletions())
}

func metadata() []question {
	of := func(names ...string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrMetadataRequest()
			req.Topics = []kmsg.MetadataRequestTopic{}
			for _, name := range names {
				t := kmsg.NewMetadataRequestTopic()
				t.Topic = kmsg.StringPtr(name)
				req.Topics = append(req.Topics, t)
			}
			return req
		}
	}
	byID := func(topic string) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, _ int16) kmsg.Request {
			req := kmsg.NewPtrMetadataRequest()
			one := kmsg.NewMetadataRequestTopic()
			one.TopicID = t.id(topic)
			req.Topics = append(req.Topics, one)
			return req
		}
	}
	parts := func(names ...string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrDescribeTopicPartitionsRequest()
			req.ResponsePartitionLimit = 100
			for _, name := range names {
				t := kmsg.NewDescribeTopicPartitionsRequestTopic()
				t.Topic = name
				req.Topics = append(req.Topics, t)
			}
			return req
		}
	}
	return []question{
		{name: "all topics", ask: func(*Twin, int16) kmsg.Request { return kmsg.NewPtrMetadataRequest() }},
		{name: "no topic", from: 1, ask: of()},
		{name: "a topic", ask: of("orders")},
		{name: "an unknown topic, not to be created", from: 4, ask: of("nothing")},
		{name: "a name that no topic can have", from: 4, ask: of("no/topic")},
		{name: "a name that is too long", from: 4, ask: of(strings.Repeat("x", 250))},
		{name: "the id of a topic", from: 12, ask: byID("orders")},
		{name: "the id of no topic", from: 12, ask: byID("nothing")},
		{name: "partitions of a topic", ask: parts("orders")},
		{name: "partitions of an unknown topic", ask: parts("nothing")},
		{name: "partitions of a name that no topic can have", ask: parts("no/topic")},
	}
}

// creation of a topic whose name may hold the version.
func creation(name string, partitions int32, replication int16, change func(*kmsg.CreateTopicsRequest)) func(*Twin, int16) kmsg.Request {
	return func(_ *Twin, version int16) kmsg.Request {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = 10_000
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = strings.ReplaceAll(name, "%", fmt.Sprint(version)), partitions, replication
		req.Topics = append(req.Topics, t)
		if change != nil {
			change(req)
		}
		return req
	}
}

// made keeps the ids of topics.
func made(t *Twin, resp kmsg.Response) {
	for _, topic := range resp.(*kmsg.CreateTopicsResponse).Topics {
		if topic.ErrorCode == 0 && topic.TopicID != ([16]byte{}) {
			t.topics[topic.Topic] = topic.TopicID
		}
	}
}

func creations() []question {
	config := func(name, value string) func(*kmsg.CreateTopicsRequest) {
		return func(r *kmsg.CreateTopicsRequest) {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = name, kmsg.StringPtr(value)
			r.Topics[0].Configs = append(r.Topics[0].Configs, c)
		}
	}
	assigned := func(replicas ...int32) func(*kmsg.CreateTopicsRequest) {
		return func(r *kmsg.CreateTopicsRequest) {
			a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
			a.Replicas = replicas
			r.Topics[0].ReplicaAssignment = append(r.Topics[0].ReplicaAssignment, a)
		}
	}
	return []question{
		{name: "a new topic", ask: creation("made-%", 2, 1, nil), heard: made},
		{name: "a topic that there is", ask: creation("orders", 2, 1, nil)},
		{name: "a topic with a point in its name", ask: creation("dot.%", 1, 1, nil), heard: made},
		{name: "a name that collides", ask: creation("dot_%", 1, 1, nil)},
		{name: "a name that no topic can have", ask: creation("no/topic", 1, 1, nil)},
		{name: "a name of nothing", ask: creation("", 1, 1, nil)},
		{name: "a name that is too long", ask: creation(strings.Repeat("x", 250), 1, 1, nil)},
		{name: "the metadata log's name", ask: creation("__cluster_metadata", 1, 1, nil)},
		{name: "no partitions", ask: creation("none-%", 0, 1, nil)},
		{name: "no replicas", ask: creation("none-%", 1, 0, nil)},
		{name: "too many replicas", ask: creation("many-%", 1, 3, nil)},
		{name: "the broker's defaults", from: 4, ask: creation("default-%", -1, -1, nil), heard: made},
		{name: "only to look whether it could be", ask: creation("perhaps-%", 1, 1, func(r *kmsg.CreateTopicsRequest) { r.ValidateOnly = true })},
		{name: "a good setting", ask: creation("set-%", 1, 1, config("cleanup.policy", "delete")), heard: made},
		{name: "a setting that is none", ask: creation("unset-%", 1, 1, config("no.such.setting", "1"))},
		{name: "a value that is none", ask: creation("unset-%", 1, 1, config("retention.ms", "soon"))},
		{name: "replicas by hand", ask: creation("hand-%", -1, -1, assigned(0)), heard: made},
		{name: "replicas by hand, and a number", ask: creation("hands-%", 1, 1, assigned(0))},
		{name: "a replica on no broker", ask: creation("hands-%", -1, -1, assigned(9))},
		{name: "a replica twice", ask: creation("hands-%", -1, -1, assigned(0, 0))},
		{name: "a topic twice", ask: creation("twice-%", 1, 1, func(r *kmsg.CreateTopicsRequest) { r.Topics = append(r.Topics, r.Topics[0]) })},
	}
}

func deletions() []question {
	of := func(name string) func(*Twin, int16) kmsg.Request {
		return func(_ *Twin, version int16) kmsg.Request {
			req := kmsg.NewPtrDeleteTopicsRequest()
			req.TimeoutMillis = 10_000
			name := strings.ReplaceAll(name, "%", fmt.Sprint(version+1)) // versions of creations begin at 2
			req.TopicNames = []string{name}
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = kmsg.StringPtr(name)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	byID := func(name string) func(*Twin, int16) kmsg.Request {
		return func(tw *Twin, _ int16) kmsg.Request {
			req := kmsg.NewPtrDeleteTopicsRequest()
			req.TimeoutMillis = 10_000
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.TopicID = tw.id(name)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	return []question{
		{name: "a topic", ask: of("made-%")},
		{name: "a topic that is gone", ask: of("made-%")},
		{name: "a name that no topic can have", ask: of("no/topic")},
		{name: "the id of a topic", from: 6, ask: byID("hand-7")},
		{name: "the id of no topic", from: 6, ask: byID("nothing")},
	}
}
