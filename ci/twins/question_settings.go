package twins

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// settings are the questions about settings, sizes and what is removed.
func settings() []question { return slices.Concat(configs(), sizes()) }

// configs are the questions about the settings of topics and brokers.
func configs() []question {
	describe := func(kind kmsg.ConfigResourceType, name string, configs ...string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrDescribeConfigsRequest()
			r := kmsg.NewDescribeConfigsRequestResource()
			r.ResourceType, r.ResourceName, r.ConfigNames = kind, name, configs
			req.Resources = append(req.Resources, r)
			return req
		}
	}
	change := func(kind kmsg.ConfigResourceType, name, config, value string, op kmsg.IncrementalAlterConfigOp) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrIncrementalAlterConfigsRequest()
			r := kmsg.NewIncrementalAlterConfigsRequestResource()
			r.ResourceType, r.ResourceName = kind, name
			c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			c.Name, c.Value, c.Op = config, kmsg.StringPtr(value), op
			r.Configs = append(r.Configs, c)
			req.Resources = append(req.Resources, r)
			return req
		}
	}
	replace := func(name, config, value string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrAlterConfigsRequest()
			r := kmsg.NewAlterConfigsRequestResource()
			r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, name
			c := kmsg.NewAlterConfigsRequestResourceConfig()
			c.Name, c.Value = config, kmsg.StringPtr(value)
			r.Configs = append(r.Configs, c)
			req.Resources = append(req.Resources, r)
			return req
		}
	}
	const topic, broker = kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker
	const set, forget, add, subtract = kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpDelete, kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract
	return []question{
		{name: "settings of a topic", ask: describe(topic, "orders", "retention.ms", "cleanup.policy", "min.insync.replicas")},
		{name: "a setting that is none", ask: describe(topic, "orders", "no.such.setting")},
		{name: "settings of an unknown topic", ask: describe(topic, "nothing", "retention.ms")},
		{name: "settings of no kind", ask: describe(99, "orders", "retention.ms")},
		{name: "settings of a broker that is none", ask: describe(broker, "77", "log.retention.ms")},
		{name: "what has settings", ask: func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrListConfigResourcesRequest()
			req.ResourceTypes = []int8{int8(topic)}
			return req
		}},
		{name: "a setting is made", ask: change(topic, "orders", "retention.ms", "60000", set)},
		{name: "a setting is made to nothing", ask: change(topic, "orders", "retention.ms", "soon", set)},
		{name: "a setting that is none is made", ask: change(topic, "orders", "no.such.setting", "1", set)},
		{name: "a setting of an unknown topic is made", ask: change(topic, "nothing", "retention.ms", "60000", set)},
		{name: "a setting that is no list is added to", ask: change(topic, "orders", "retention.ms", "1", add)},
		{name: "a list is added to", ask: change(topic, "orders", "cleanup.policy", "compact", add)},
		{name: "a list is subtracted from", ask: change(topic, "orders", "cleanup.policy", "compact", subtract)},
		{name: "a setting is forgotten", ask: change(topic, "orders", "retention.ms", "", forget)},
		{name: "all settings are replaced", ask: replace("orders", "retention.ms", "70000")},
		{name: "all settings are replaced by one that is none", ask: replace("orders", "no.such.setting", "1")},
		{name: "all settings of an unknown topic are replaced", ask: replace("nothing", "retention.ms", "70000")},
	}
}

// sizes are the questions about partitions, records that are removed, and producers.
func sizes() []question {
	grow := func(topic string, count int32) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrCreatePartitionsRequest()
			req.TimeoutMillis = 5000
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = topic, count
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	remove := func(topic string, partition int32, offset int64) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrDeleteRecordsRequest()
			req.TimeoutMillis = 5000
			t := kmsg.NewDeleteRecordsRequestTopic()
			t.Topic = topic
			p := kmsg.NewDeleteRecordsRequestTopicPartition()
			p.Partition, p.Offset = partition, offset
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	return []question{
		{name: "as many partitions as there are", ask: grow("orders", 2)},
		{name: "fewer partitions", ask: grow("orders", 1)},
		{name: "more partitions of an unknown topic", ask: grow("nothing", 3)},
		{name: "records up to an offset", ask: remove("orders", 0, 1)},
		{name: "records beyond the end", ask: remove("orders", 0, 100)},
		{name: "records of an unknown partition", ask: remove("orders", 7, 1)},
		{name: "log directories", ask: func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrDescribeLogDirsRequest()
			t := kmsg.NewDescribeLogDirsRequestTopic()
			t.Topic, t.Partitions = "orders", []int32{0}
			req.Topics = append(req.Topics, t)
			return req
		}},
		{name: "producers of a partition", ask: func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrDescribeProducersRequest()
			t := kmsg.NewDescribeProducersRequestTopic()
			t.Topic, t.Partitions = "orders", []int32{0, 7}
			req.Topics = append(req.Topics, t)
			return req
		}},
	}
}
