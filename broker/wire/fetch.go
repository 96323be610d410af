package wire

import (
	"encoding/binary"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Records gives the record batches of one partition of a fetch response.
type Records interface {
	// Most is about how many bytes Append appends. It may be more: a first batch is appended whole, however
	// large it is.
	Most(p *kmsg.FetchResponseTopicPartition) int
	// Append appends the batches. With an error it sets the partition's error code, and what it
	// appended is dropped.
	Append(buf []byte, p *kmsg.FetchResponseTopicPartition) ([]byte, error)
}

// AppendFetch appends the whole frame of a fetch response to buf, like AppendResponse, with one
// difference: the record batches of each partition are appended by records, which may read them
// from a file straight into the frame. The response must be Plain.
//
// It is the one body that kmsg does not encode here: kmsg would need the batches in memory first,
// and would copy them.
func AppendFetch(buf []byte, correlation int32, resp *kmsg.FetchResponse, records Records) []byte {
	f := fetchFrame{buf: buf, version: resp.Version, flexible: resp.IsFlexible(), records: records}
	start := len(buf)
	f.int32(0)
	f.int32(correlation)
	f.noTags()
	f.int32(resp.ThrottleMillis)
	if f.version >= 7 {
		f.int16(resp.ErrorCode)
		f.int32(resp.SessionID)
	}
	f.length(len(resp.Topics))
	for i := range resp.Topics {
		f.topic(&resp.Topics[i])
	}
	f.noTags()
	binary.BigEndian.PutUint32(f.buf[start:], uint32(len(f.buf)-start-4))
	return f.buf
}

// Plain reports whether a fetch response has no tagged fields: those speak of elections and of
// followers, and are left to kmsg.
func Plain(resp *kmsg.FetchResponse) bool {
	plain := kmsg.NewFetchResponseTopicPartition()
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			if p.DivergingEpoch.EndOffset != plain.DivergingEpoch.EndOffset || p.DivergingEpoch.Epoch != plain.DivergingEpoch.Epoch ||
				p.CurrentLeader.LeaderID != plain.CurrentLeader.LeaderID || p.CurrentLeader.LeaderEpoch != plain.CurrentLeader.LeaderEpoch ||
				p.SnapshotID.EndOffset != plain.SnapshotID.EndOffset || p.SnapshotID.Epoch != plain.SnapshotID.Epoch {
				return false
			}
		}
	}
	return len(resp.Brokers) == 0
}

// fetchFrame is a frame under construction.
type fetchFrame struct {
	buf      []byte
	version  int16
	flexible bool
	records  Records
}

func (f *fetchFrame) int16(n int16) { f.buf = binary.BigEndian.AppendUint16(f.buf, uint16(n)) }
func (f *fetchFrame) int32(n int32) { f.buf = binary.BigEndian.AppendUint32(f.buf, uint32(n)) }
func (f *fetchFrame) int64(n int64) { f.buf = binary.BigEndian.AppendUint64(f.buf, uint64(n)) }

// length of an array or of bytes: flexible versions count from 1, as 0 means null (KIP-482).
func (f *fetchFrame) length(n int) {
	if f.flexible {
		f.buf = binary.AppendUvarint(f.buf, uint64(n)+1)
	} else {
		f.int32(int32(n))
	}
}

func (f *fetchFrame) noTags() {
	if f.flexible {
		f.buf = append(f.buf, 0)
	}
}

func (f *fetchFrame) topic(t *kmsg.FetchResponseTopic) {
	switch {
	case f.version >= 13:
		f.buf = append(f.buf, t.TopicID[:]...)
	case f.flexible:
		f.length(len(t.Topic))
		f.buf = append(f.buf, t.Topic...)
	default:
		f.int16(int16(len(t.Topic)))
		f.buf = append(f.buf, t.Topic...)
	}
	f.length(len(t.Partitions))
	for i := range t.Partitions {
		f.partition(&t.Partitions[i])
	}
	f.noTags()
}

func (f *fetchFrame) partition(p *kmsg.FetchResponseTopicPartition) {
	f.int32(p.Partition)
	code := len(f.buf)
	f.int16(p.ErrorCode)
	f.int64(p.HighWatermark)
	f.int64(p.LastStableOffset)
	if f.version >= 5 {
		f.int64(p.LogStartOffset)
	}
	f.aborted(p.AbortedTransactions)
	if f.version >= 11 {
		f.int32(p.PreferredReadReplica)
	}
	f.batches(p)
	binary.BigEndian.PutUint16(f.buf[code:], uint16(p.ErrorCode))
	f.noTags()
}

func (f *fetchFrame) aborted(list []kmsg.FetchResponseTopicPartitionAbortedTransaction) {
	switch {
	case list == nil && f.flexible:
		f.buf = append(f.buf, 0)
	case list == nil:
		f.int32(-1)
	default:
		f.length(len(list))
		for i := range list {
			f.int64(list[i].ProducerID)
			f.int64(list[i].FirstOffset)
			f.noTags()
		}
	}
}

// batches appends the length of the batches and then the batches. The length is known only when
// they are read: room for the likely one is kept, and if it needs less or more, they move.
func (f *fetchFrame) batches(p *kmsg.FetchResponseTopicPartition) {
	start := len(f.buf)
	f.length(f.records.Most(p))
	body := len(f.buf)
	if filled, err := f.records.Append(f.buf, p); err == nil {
		f.buf = filled
	}
	n := len(f.buf) - body
	if !f.flexible {
		binary.BigEndian.PutUint32(f.buf[start:], uint32(n))
		return
	}
	var length [binary.MaxVarintLen32]byte
	used := binary.PutUvarint(length[:], uint64(n)+1)
	if start+used != body {
		f.buf = slices.Grow(f.buf, max(0, start+used-body))[:max(len(f.buf), start+used+n)]
		copy(f.buf[start+used:start+used+n], f.buf[body:body+n])
		f.buf = f.buf[:start+used+n]
	}
	copy(f.buf[start:], length[:used])
}
