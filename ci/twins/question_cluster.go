package twins

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster are the questions about brokers, producers and what moves between brokers.
func cluster() []question { return slices.Concat(introductions(), moves()) }

// introductions are the questions of clients that have just connected.
func introductions() []question {
	versions := func(name string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = name, "1.0"
			return req
		}
	}
	producer := func(change func(*kmsg.InitProducerIDRequest)) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrInitProducerIDRequest()
			req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = 60_000, -1, -1
			if change != nil {
				change(req)
			}
			return req
		}
	}
	return []question{
		{name: "what is served", ask: versions("twins")},
		{name: "what is served, by a client with no name", from: 3, ask: versions("")},
		{name: "what is served, by a client with a name that is none", from: 3, ask: versions("a b")},
		{name: "a producer", ask: producer(nil)},
		{name: "a producer that says an id without an epoch", from: 3, ask: producer(func(r *kmsg.InitProducerIDRequest) { r.ProducerID = 5 })},
		{name: "a producer with an empty transactional id", ask: producer(func(r *kmsg.InitProducerIDRequest) { r.TransactionalID = kmsg.StringPtr("") })},
		{name: "no features", ask: features()},
		{name: "transactions of version 1", ask: features(feature("transaction.version", 1, true))},
		{name: "transactions of version 2 again", ask: features(feature("transaction.version", 2, false))},
		{name: "transactions of version 1, and nobody says that it is less", ask: features(feature("transaction.version", 1, false))},
		{name: "transactions of a version that is none", ask: features(feature("transaction.version", 9, false))},
		{name: "a feature that is none", ask: features(feature("unheard.of", 1, false))},
		{name: "the cluster", ask: func(*Twin, int16) kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() }},
		{name: "the cluster, of no kind of endpoint", from: 1, ask: func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrDescribeClusterRequest()
			req.EndpointType = 9
			return req
		}},
	}
}

// moves are the questions about leaders and replicas.
func moves() []question {
	elect := func(topic string, partition int32, kind int8) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrElectLeadersRequest()
			req.ElectionType, req.TimeoutMillis = kind, 5000
			t := kmsg.NewElectLeadersRequestTopic()
			t.Topic, t.Partitions = topic, []int32{partition}
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	move := func(topic string, partition int32, replicas []int32) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
			req.TimeoutMillis = 5000
			t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			t.Topic = topic
			p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
			p.Partition, p.Replicas = partition, replicas
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	moving := func(topic string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrListPartitionReassignmentsRequest()
			if topic != "" {
				t := kmsg.NewListPartitionReassignmentsRequestTopic()
				t.Topic, t.Partitions = topic, []int32{0}
				req.Topics = append(req.Topics, t)
			}
			return req
		}
	}
	return []question{
		{name: "the preferred leader, that leads", ask: elect("orders", 0, 0)},
		{name: "the leader of an unknown partition", ask: elect("orders", 7, 0)},
		{name: "the leader of an unknown topic", ask: elect("nothing", 0, 0)},
		{name: "an unclean election that is not needed", from: 1, ask: elect("orders", 0, 1)},
		{name: "an election of no kind", from: 1, ask: elect("orders", 0, 7)},
		{name: "a move of an unknown partition", ask: move("orders", 7, []int32{0})},
		{name: "a move of an unknown topic", ask: move("nothing", 0, []int32{0})},
		{name: "a move to no broker that there is", ask: move("orders", 0, []int32{9})},
		{name: "a move to nowhere", ask: move("orders", 0, []int32{})},
		{name: "a move to one broker twice", ask: move("orders", 0, []int32{0, 0})},
		{name: "the end of a move that is not", ask: move("orders", 0, nil)},
		{name: "what moves", ask: moving("")},
		{name: "what moves of a topic", ask: moving("orders")},
		{name: "what moves of an unknown topic", ask: moving("nothing")},
	}
}

// features asks for levels of features.
func features(levels ...kmsg.UpdateFeaturesRequestFeatureUpdate) func(*Twin, int16) kmsg.Request {
	return func(*Twin, int16) kmsg.Request {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		req.FeatureUpdates = levels
		return req
	}
}

// feature is one of them, to be lowered or not.
func feature(name string, level int16, lower bool) kmsg.UpdateFeaturesRequestFeatureUpdate {
	f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	f.Feature, f.MaxVersionLevel, f.AllowDowngrade, f.UpgradeType = name, level, lower, 1
	if lower {
		f.UpgradeType = 2
	}
	return f
}
