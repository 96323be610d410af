package twins

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// question is one request to both brokers, in every version that both serve.
type question struct {
	name string
	// ask makes the request as the twin needs it: ids are its own. Nil for a version without this question.
	ask func(t *Twin, version int16) kmsg.Request
	// from is the lowest version that can ask it.
	from int16
	// heard takes what later questions need from an answer.
	heard func(t *Twin, resp kmsg.Response)
}

// questions of all keys, in the order in which they are asked: what one changes the next finds.
func questions() []question {
	return slices.Concat(records(), topics(), cluster(), groups(), transactions(), isolation(), settings())
}

// prepare gives a twin a topic of two partitions with three batches in the first, a coordinator of transactions, and a
// ledger of some.
func prepare(t *Twin) error {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 10_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 2, 1
	create.Topics = append(create.Topics, topic)
	resp, err := t.Ask(create, 7)
	if err != nil {
		return err
	}
	made := resp.(*kmsg.CreateTopicsResponse).Topics[0]
	if made.ErrorCode != 0 {
		return fmt.Errorf("%s: topic orders: error code %d", t.Name, made.ErrorCode)
	}
	t.topics["orders"] = made.TopicID
	for i := range 3 {
		resp, err := t.Ask(t.produce("orders", 0, 9, built(int64(1000*(i+1)))), 9)
		if err != nil {
			return err
		}
		if p := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			return fmt.Errorf("%s: batch %d has offset %d and error code %d", t.Name, i, p.BaseOffset, p.ErrorCode)
		}
	}
	if err := coordinate(t); err != nil {
		return err
	}
	return keepLedger(t)
}

// built is a batch of one record.
func built(timestamp int64) []byte {
	var b batch.Builder
	b.Add([]byte("key"), []byte("value"), timestamp)
	return b.Build()
}

// unknownID is the id of no topic.
var unknownID = [16]byte{1, 2, 3}

// id of a topic, or one of none.
func (t *Twin) id(topic string) [16]byte {
	if id, ok := t.topics[topic]; ok {
		return id
	}
	return unknownID
}

// produce to one partition, in an early version by the name of the topic and in a late one by its id.
func (t *Twin) produce(topic string, partition int32, version int16, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 2000
	at := kmsg.NewProduceRequestTopic()
	at.Topic, at.TopicID = topic, t.id(topic)
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, records
	at.Partitions = append(at.Partitions, p)
	req.Topics = append(req.Topics, at)
	return req
}

// fetch from one partition.
func (t *Twin) fetch(topic string, partition int32, offset int64, change func(*kmsg.FetchRequest, *kmsg.FetchRequestTopicPartition)) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.ReplicaID, req.SessionEpoch = 0, 1, 1<<20, -1, -1
	at := kmsg.NewFetchRequestTopic()
	at.Topic, at.TopicID = topic, t.id(topic)
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch, p.LastFetchedEpoch, p.LogStartOffset = partition, offset, 1<<20, -1, -1, -1
	if change != nil {
		change(req, &p)
	}
	at.Partitions = append(at.Partitions, p)
	req.Topics = append(req.Topics, at)
	return req
}

// padded is a batch of so many bytes and some.
func padded(bytes int) []byte {
	var b batch.Builder
	b.Add(nil, make([]byte, bytes), 1000)
	return b.Build()
}
