package twins

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// records are the questions about records and offsets.
func records() []question {
	return slices.Concat(produces(), fetches(), offsets())
}

func produces() []question {
	to := func(topic string, partition int32, records []byte, change func(*kmsg.ProduceRequest)) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, version int16) kmsg.Request {
			req := t.produce(topic, partition, version, slices.Clone(records))
			if change != nil {
				change(req)
			}
			return req
		}
	}
	good, broken := built(5000), built(5000)
	broken[len(broken)-1] ^= 1
	magic := built(5000)
	magic[16] = 1
	return []question{
		{name: "one batch", ask: to("orders", 1, good, nil)},
		{name: "acks=1", ask: to("orders", 1, good, func(r *kmsg.ProduceRequest) { r.Acks = 1 })},
		{name: "acks=2", ask: to("orders", 1, good, func(r *kmsg.ProduceRequest) { r.Acks = 2 })},
		{name: "an unknown partition", ask: to("orders", 7, good, nil)},
		{name: "an unknown topic", ask: to("nothing", 0, good, nil)},
		{name: "a checksum that is wrong", ask: to("orders", 1, broken, nil)},
		{name: "format v1", ask: to("orders", 1, magic, nil)},
		{name: "two batches", ask: to("orders", 1, append(built(5000), good...), nil)},
		{name: "no batch", ask: to("orders", 1, nil, nil)},
		{name: "a batch that is too large", ask: to("orders", 1, padded(2<<20), nil)},
		{name: "no topic", ask: func(*Twin, int16) kmsg.Request {
			r := kmsg.NewPtrProduceRequest()
			r.Acks = -1
			return r
		}},
	}
}

func fetches() []question {
	from := func(topic string, partition int32, offset int64, change func(*kmsg.FetchRequest, *kmsg.FetchRequestTopicPartition)) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, _ int16) kmsg.Request { return t.fetch(topic, partition, offset, change) }
	}
	type partition = kmsg.FetchRequestTopicPartition
	return []question{
		{name: "from the start", ask: from("orders", 0, 0, nil)},
		{name: "one byte", ask: from("orders", 0, 1, func(r *kmsg.FetchRequest, p *partition) { r.MaxBytes, p.PartitionMaxBytes = 1, 1 })},
		{name: "at the end", ask: from("orders", 0, 3, nil)},
		{name: "beyond the end", ask: from("orders", 0, 100, nil)},
		{name: "a negative offset", ask: from("orders", 0, -1, nil)},
		{name: "an unknown partition", ask: from("orders", 7, 0, nil)},
		{name: "an unknown topic", ask: from("nothing", 0, 0, nil)},
		{name: "an epoch ahead of the leader's", from: 9, ask: from("orders", 0, 0, func(_ *kmsg.FetchRequest, p *partition) { p.CurrentLeaderEpoch = 99 })},
		{name: "committed records", ask: from("orders", 0, 0, func(r *kmsg.FetchRequest, _ *partition) { r.IsolationLevel = 1 })},
		{name: "a last fetched epoch that never was", from: 12, ask: from("orders", 0, 2, func(_ *kmsg.FetchRequest, p *partition) { p.LastFetchedEpoch = 50 })},
		{name: "a session that is unknown", from: 7, ask: from("orders", 0, 0, func(r *kmsg.FetchRequest, _ *partition) { r.SessionID, r.SessionEpoch = 77, 5 })},
	}
}

func offsets() []question {
	at := func(topic string, partition int32, timestamp int64, epoch int32) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID = -1
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = topic
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp, p.CurrentLeaderEpoch = partition, timestamp, epoch
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	ends := func(partition, current, asked int32) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrOffsetForLeaderEpochRequest()
			req.ReplicaID = -1
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic = "orders"
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = partition, current, asked
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	twice := func(t *Twin, version int16) kmsg.Request {
		req := at("orders", 0, -1, -1)(t, version).(*kmsg.ListOffsetsRequest)
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, req.Topics[0].Partitions[0])
		return req
	}
	return []question{
		{name: "the earliest", ask: at("orders", 0, -2, -1)},
		{name: "the latest", ask: at("orders", 0, -1, -1)},
		{name: "the one with the largest timestamp", from: 7, ask: at("orders", 0, -3, -1)},
		{name: "the earliest that is local", from: 8, ask: at("orders", 0, -4, -1)},
		{name: "the latest that is elsewhere", from: 9, ask: at("orders", 0, -5, -1)},
		{name: "one by a time between two", ask: at("orders", 0, 1500, -1)},
		{name: "one by a time after all", ask: at("orders", 0, 1<<40, -1)},
		{name: "a special time that is none", ask: at("orders", 0, -77, -1)},
		{name: "of an unknown partition", ask: at("orders", 7, -1, -1)},
		{name: "of an unknown topic", ask: at("nothing", 0, -1, -1)},
		{name: "in an epoch ahead of the leader's", from: 4, ask: at("orders", 0, -1, 99)},
		{name: "of a partition that is named twice", ask: twice},
		{name: "the end of the current epoch", ask: ends(0, -1, 0)},
		{name: "the end of an epoch that never was", ask: ends(0, -1, 99)},
		{name: "the end of an epoch, ahead of the leader", ask: ends(0, 99, 0)},
		{name: "the end of an epoch of an unknown partition", ask: ends(7, -1, 0)},
	}
}
