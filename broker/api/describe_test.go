package api

import (
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerTo is what broker 1 answers at once, of three brokers, the last of which is fenced, and a topic.
func answerTo[R kmsg.Response](t *testing.T, req kmsg.Request) R {
	t.Helper()
	records := []metadata.Record{
		{Topic: &metadata.TopicRecord{Name: "orders", ID: metadata.TopicID{1}, Configs: map[string]string{"retention.ms": "5"}}},
		{Partition: &metadata.PartitionRecord{TopicID: metadata.TopicID{1}, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1}},
		{BrokerConfig: &metadata.BrokerConfigRecord{Broker: metadata.AllBrokers, Set: map[string]string{"log.roll.ms": "9"}}},
	}
	im := metadata.NewImage("c", []metadata.Broker{{ID: 1, Host: "one"}, {ID: 2, Rack: "r"}, {ID: 3, Fenced: true}}).Apply(records)
	s := NewSession(Config{NodeID: 1, Shards: 1, Fixed: []metadata.Value{metadata.FixedValue("node.id", metadata.IntSetting, "1", "The id.")}}, actor.Address{}, wire.Clients)
	s.image = im
	c := &call{request: &wire.Request{Version: req.GetVersion(), Body: req}, handler: handlers[wire.Clients][req.Key()]()}
	var fx actor.Effects
	c.handler.start(s, c, time.Time{}, &fx)
	if !c.done {
		t.Fatalf("%T is not answered at once", req)
	}
	return c.response.Body.(R)
}

func TestDescribeConfigs(t *testing.T) {
	for name, c := range map[string]struct {
		kind     kmsg.ConfigResourceType
		resource string
		names    []string
		want     *kerr.Error
		// values are how many there are; -1 for all that brokers and topics have.
		values int
	}{
		"a topic":             {kmsg.ConfigResourceTypeTopic, "orders", nil, nil, -1},
		"one of its settings": {kmsg.ConfigResourceTypeTopic, "orders", []string{"retention.ms", "unheard.of"}, nil, 1},
		"none of them":        {kmsg.ConfigResourceTypeTopic, "orders", []string{}, nil, 0},
		"no topic":            {kmsg.ConfigResourceTypeTopic, "gone", nil, kerr.UnknownTopicOrPartition, 0},
		"this broker":         {kmsg.ConfigResourceTypeBroker, "1", nil, nil, -1},
		"all brokers":         {kmsg.ConfigResourceTypeBroker, "", nil, nil, 1},
		"another broker":      {kmsg.ConfigResourceTypeBroker, "2", nil, kerr.InvalidRequest, 0},
		"a logger":            {kmsg.ConfigResourceTypeBrokerLogger, "1", nil, nil, 0},
		"another's logger":    {kmsg.ConfigResourceTypeBrokerLogger, "2", nil, kerr.InvalidRequest, 0},
		"a group":             {kmsg.ConfigResourceTypeGroupConfig, "g", nil, nil, 0},
		"metrics of nobody":   {kmsg.ConfigResourceTypeClientMetrics, "", nil, kerr.InvalidRequest, 0},
		"a type of nothing":   {7, "x", nil, kerr.InvalidRequest, 0},
	} {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.SetVersion(4)
		req.IncludeSynonyms, req.IncludeDocumentation = true, true
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = c.kind, c.resource, c.names
		req.Resources = append(req.Resources, r)
		out := answerTo[*kmsg.DescribeConfigsResponse](t, req).Resources[0]
		code := int16(0)
		if c.want != nil {
			code = c.want.Code
		}
		if out.ErrorCode != code || (out.ErrorMessage == nil) != (c.want == nil) || len(out.Configs) != c.values && !(c.values < 0 && len(out.Configs) > 25) {
			t.Errorf("%s: %v with %d values, want %v with %d", name, kerr.ErrorForCode(out.ErrorCode), len(out.Configs), c.want, c.values)
		}
		for _, v := range out.Configs {
			own := v.Name == "retention.ms" && v.Source == kmsg.ConfigSourceDynamicTopicConfig && len(v.ConfigSynonyms) == 2 && *v.Value == "5"
			if v.Name == "retention.ms" && !own || v.Documentation == nil || v.ConfigType == 0 || v.IsSensitive || v.ReadOnly != (v.Name == "node.id") {
				t.Errorf("%s: %+v", name, v)
			}
		}
		if !slices.IsSortedFunc(out.Configs, func(a, b kmsg.DescribeConfigsResponseResourceConfig) int {
			return metadata.CompareNames(a.Name, b.Name)
		}) {
			t.Errorf("%s: not by name", name)
		}
	}
}

// What a client may do is told to those who ask, and to nobody else.
func TestAuthorisedOperations(t *testing.T) {
	const none = -1 << 31
	for _, asks := range []bool{true, false} {
		req := kmsg.NewPtrMetadataRequest()
		req.SetVersion(10)
		req.IncludeClusterAuthorizedOperations, req.IncludeTopicAuthorizedOperations = asks, asks
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr("gone")
		other := topic
		other.Topic = kmsg.StringPtr("orders")
		req.Topics = append(req.Topics, topic, other)
		cluster := kmsg.NewPtrDescribeClusterRequest()
		cluster.SetVersion(2)
		cluster.IncludeClusterAuthorizedOperations = asks
		got, about := answerTo[*kmsg.MetadataResponse](t, req), answerTo[*kmsg.DescribeClusterResponse](t, cluster)
		want := []int32{none, none, none, none}
		if asks {
			want = []int32{8096, none, 3576, 8096}
		}
		if all := []int32{got.AuthorizedOperations, got.Topics[0].AuthorizedOperations, got.Topics[1].AuthorizedOperations, about.ClusterAuthorizedOperations}; !slices.Equal(all, want) {
			t.Errorf("asks %v: %v, want %v", asks, all, want)
		}
	}
	pages := kmsg.NewPtrDescribeTopicPartitionsRequest()
	pages.ResponsePartitionLimit = 10
	if page := answerTo[*kmsg.DescribeTopicPartitionsResponse](t, pages); page.Topics[0].AuthorizedOperations != 3576 {
		t.Errorf("%+v", page.Topics[0])
	}
}

func TestDescribeCluster(t *testing.T) {
	ask := func(version int16, endpoint int8, fenced bool) *kmsg.DescribeClusterResponse {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.SetVersion(version)
		req.EndpointType, req.IncludeFencedBrokers = endpoint, fenced
		return answerTo[*kmsg.DescribeClusterResponse](t, req)
	}
	if r := ask(0, 0, false); r.ErrorCode != 0 || len(r.Brokers) != 2 || r.ClusterID != "c" || r.ControllerID != 1 || *r.Brokers[1].Rack != "r" || r.Brokers[0].Rack != nil {
		t.Errorf("%+v", r)
	}
	if r := ask(2, 1, true); len(r.Brokers) != 3 || !r.Brokers[2].IsFenced {
		t.Errorf("with those that are fenced: %+v", r)
	}
	if r := ask(1, 2, false); r.ErrorCode != kerr.MismatchedEndpointType.Code || r.EndpointType != 2 {
		t.Errorf("controllers: %+v", r)
	}
	if r := ask(1, 3, false); r.ErrorCode != kerr.UnsupportedEndpointType.Code {
		t.Errorf("what does not exist: %+v", r)
	}
}

func TestListConfigResources(t *testing.T) {
	ask := func(version int16, types ...int8) (names []string, code int16) {
		req := kmsg.NewPtrListConfigResourcesRequest()
		req.SetVersion(version)
		req.ResourceTypes = types
		resp := answerTo[*kmsg.ListConfigResourcesResponse](t, req)
		for _, r := range resp.ConfigResources {
			names = append(names, kmsg.ConfigResourceType(r.Type).String()+" "+r.Name)
		}
		return names, resp.ErrorCode
	}
	if names, code := ask(0); len(names) != 0 || code != 0 {
		t.Errorf("client metrics: %v, %d", names, code)
	}
	if names, _ := ask(1); !slices.Equal(names, []string{"TOPIC orders", "BROKER 1", "BROKER 2", "BROKER_LOGGER 1", "BROKER_LOGGER 2"}) {
		t.Errorf("all: %v", names)
	}
	if names, _ := ask(1, 4, 32); !slices.Equal(names, []string{"BROKER 1", "BROKER 2"}) {
		t.Errorf("brokers and groups: %v", names)
	}
	if names, code := ask(1, 4, 5); len(names) != 0 || code != kerr.UnsupportedVersion.Code {
		t.Errorf("a type of nothing: %v, %d", names, code)
	}
}

// The directory's answer is put together from those of all shards, in order.
func TestDescribeLogDirs(t *testing.T) {
	req := kmsg.NewPtrDescribeLogDirsRequest()
	for _, failed := range []bool{false, true} {
		s := NewSession(Config{NodeID: 1, Shards: 2, LogDir: "/data"}, actor.Address{}, wire.Clients)
		req.Topics = nil
		for range 2 {
			c := &call{request: &wire.Request{Version: 5, Body: req}, handler: new(describeLogDirs)}
			var fx actor.Effects
			c.handler.start(s, c, time.Time{}, &fx)
			if len(fx.Sends) != 2 {
				t.Fatalf("%d shards are asked", len(fx.Sends))
			}
			h := c.handler.(measurer)
			h.measured(c, SizeAnswer{Replicas: []ReplicaSize{{"orders", 1, 10, 3}, {"orders", 0, 20, 0}}})
			h.measured(c, SizeAnswer{Room: true, Total: 100, Usable: 40, Failed: failed, Replicas: []ReplicaSize{{"events", 0, 5, 0}}})
			dir := c.response.Body.(*kmsg.DescribeLogDirsResponse).Dirs[0]
			switch {
			case failed:
				if dir.ErrorCode != kerr.KafkaStorageError.Code || dir.Topics != nil {
					t.Errorf("a directory that cannot be looked at: %+v", dir)
				}
			case req.Topics == nil:
				if dir.Dir != "/data" || dir.TotalBytes != 100 || dir.UsableBytes != 40 || len(dir.Topics) != 2 || dir.Topics[0].Topic != "events" ||
					dir.Topics[1].Partitions[1].Size != 10 || dir.Topics[1].Partitions[1].OffsetLag != 3 || dir.Topics[1].Partitions[0].Partition != 0 {
					t.Errorf("%+v", dir)
				}
			default:
				if len(dir.Topics) != 1 || len(dir.Topics[0].Partitions) != 1 || dir.Topics[0].Partitions[0].Partition != 1 {
					t.Errorf("one partition: %+v", dir)
				}
			}
			req.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "orders", Partitions: []int32{1, 9}}, {Topic: "gone", Partitions: []int32{0}}}
		}
	}
}

func TestDescribeProducersErrors(t *testing.T) {
	req := kmsg.NewPtrDescribeProducersRequest()
	req.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "gone", Partitions: []int32{0}}, {Topic: "orders", Partitions: []int32{4}}}
	for _, topic := range answerTo[*kmsg.DescribeProducersResponse](t, req).Topics {
		if p := topic.Partitions[0]; p.ErrorCode != kerr.UnknownTopicOrPartition.Code || p.ErrorMessage == nil {
			t.Errorf("%s: %+v", topic.Topic, p)
		}
	}
}
