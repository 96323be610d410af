package canary

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// produce is a request to append a batch to one partition, of whoever asks no more than a leader's answer.
func produce(topic string, partition int32, batch []byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = 1, 1000
	t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

// The places of fields in a record batch (magic 2) that are spoiled.
const (
	lengthAt, lengthEnd = 8, 12
	magicAt             = 16
	crcAt, crcEnd       = 17, 21
	attributesEnd       = 23
	recordsAt           = 57
)

// batchOf is a record batch of one record, whole and right.
func batchOf(value string) []byte {
	record := kmsg.Record{Key: nil, Value: []byte(value)}
	// The length of a record counts what follows it: attributes, two deltas, key, value and headers.
	record.Length = int32(1 + 1 + 1 + 1 + varintSize(len(value)) + len(value) + 1)
	batch := kmsg.RecordBatch{
		Magic: 2, PartitionLeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1,
		Records: record.AppendTo(nil),
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[lengthAt:], uint32(len(raw)-lengthEnd))
	return sealed(raw)
}

// sealed is a batch with the checksum of what it holds.
func sealed(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[crcAt:], crc32.Checksum(raw[crcEnd:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// brokenBatch is a batch that every server refuses, as its checksum is wrong.
func brokenBatch() []byte {
	raw := batchOf("canary")
	raw[crcAt] ^= 0xff
	return raw
}

func varintSize(n int) int {
	var buffer [binary.MaxVarintLen64]byte
	return binary.PutVarint(buffer[:], int64(n))
}
