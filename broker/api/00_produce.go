package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Produce (key 0): append one record batch to each of some partitions.
//
// Behaviour
//   - each partition has its own error; one that fails does not stop the others
//   - a partition carries exactly one batch of format v2; its checksum is checked, and its records are
//     counted, as they are decompressed if they are compressed; what expands to more than 100 MiB is refused
//   - the topic's settings hold: max.message.bytes, compression.type (a batch that has another codec is compressed
//     anew), message.timestamp.type and how far timestamps may be from the leader's clock, a key for each
//     record where cleanup.policy has compact; the largest timestamp of a batch is that of its records
//   - the errors are Kafka's: CORRUPT_MESSAGE for a checksum or a length that is wrong, INVALID_RECORD for
//     no whole batch, more than one, an older format, or a batch that contradicts itself,
//     MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE for a batch larger than a segment, UNSUPPORTED_COMPRESSION_TYPE,
//     INVALID_TIMESTAMP with the records that have one
//   - acks=-1 is answered when the records are committed, acks=1 when they are appended; acks=0 is
//     not answered at all, and an error closes the connection, the only way to tell the client
//   - an idempotent batch that was appended before is answered with the offset it got then
//   - nobody writes to the cluster's own topics: INVALID_TOPIC_EXCEPTION
//   - a transactional batch needs the request's transactional id: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, of all of the
//     request. The first one of a transaction in a partition is appended once the transaction's coordinator has said
//     that the partition belongs to it, or has been added (KIP-890): INVALID_TXN_STATE, from version 11 on
//     TRANSACTION_ABORTABLE, if it does not; INVALID_PRODUCER_EPOCH of a producer that has been fenced;
//     NOT_ENOUGH_REPLICAS while that cannot be found out, CONCURRENT_TRANSACTIONS from version 12 on while the
//     former transaction is still ending. What a producer sends to a partition stays in its order meanwhile
//
// Versions
//   - below 3: refused (they carry older batch formats), although 0 is advertised (KAFKA-18659)
//   - 5 log start offset, 8 error message, 9 flexible, 10 current leader (KIP-951),
//     11 TRANSACTION_ABORTABLE is known, 12 implicit add-partition (KIP-890), 13 topic ids in place of names (KIP-516)
type produce struct {
	resp    *kmsg.ProduceResponse
	parts   []*kmsg.ProduceResponseTopicPartition
	waiting int
	acks    int16
	// verifying are the transactional batches that wait to be appended, by part.
	verifying map[int32]verifying
	// failed is the first error, for acks=0.
	failed int16
}

func (h *produce) start(s *Session, c *call, now time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.ProduceRequest)
	h.resp, h.acks = req.ResponseKind().(*kmsg.ProduceResponse), req.Acks
	h.build(req)
	part, unnamed := int32(0), req.TransactionID == nil && hasTransactional(req)
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.topic(asked.Topic, asked.TopicID)
		if topic != nil {
			h.resp.Topics[i].Topic = topic.Name // not encoded from version 13 on; metrics want it
		}
		for j := range asked.Partitions {
			p := &asked.Partitions[j]
			checked, failure := h.check(s, req, topic, c.request.Version, p)
			if unnamed {
				failure = failed(kerr.TransactionalIDAuthorizationFailed, "a transactional batch in a request without a transactional id")
			}
			switch {
			case failure != nil:
				h.fail(part, failure)
			case checked.batch.IsTransactional():
				h.verify(s, c, part, topic, p.Partition, checked, fx)
			default:
				h.append(s, c, part, Replica{topic.ID, p.Partition}, checked, 0, fx)
			}
			part++
		}
	}
	if req.Acks == -1 {
		c.deadline = now.Add(time.Duration(max(req.TimeoutMillis, 0)) * time.Millisecond)
	}
	h.settle(s, c, fx)
}

// hasTransactional reports whether a batch of the request is transactional, by its header.
func hasTransactional(req *kmsg.ProduceRequest) bool {
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			if v, err := batch.Peek(req.Topics[i].Partitions[j].Records); err == nil && v.IsTransactional() {
				return true
			}
		}
	}
	return false
}

// append gives a batch to its shard.
func (h *produce) append(s *Session, c *call, part int32, replica Replica, checked checked, guard uint64, fx *actor.Effects) {
	h.waiting++
	fx.Send(ShardOf(replica, s.cfg.Shards), ProducePart{
		Ticket:  partition.Ticket{To: s.self, Call: c.id, Part: part},
		Replica: replica,
		Batch:   checked.batch,
		Times:   &checked.sum,
		Acks:    h.acks,
		Epoch:   -1,
		Guard:   guard,
	})
}

// verify keeps a batch until it is known to belong to its transaction.
func (h *produce) verify(s *Session, c *call, part int32, topic *metadata.Topic, index int32, checked checked, fx *actor.Effects) {
	if h.verifying == nil {
		h.verifying = map[int32]verifying{}
	}
	replica := Replica{topic.ID, index}
	h.verifying[part] = verifying{replica, checked}
	h.waiting++
	e := &enlistment{
		call: c.id, part: part, replica: replica, topic: topic.Name, transaction: *c.request.Body.(*kmsg.ProduceRequest).TransactionID,
		producer: checked.batch.ProducerID(), epoch: checked.batch.ProducerEpoch(), sequence: checked.batch.BaseSequence(),
	}
	switch {
	case c.request.Version >= 12:
		e.support = adds
	case c.request.Version == 11:
		e.support = abortable
	}
	s.enlist(e, fx)
}

// verifying is a batch that waits to be appended.
type verifying struct {
	replica Replica
	checked
}

// enlisted appends a batch that belongs to its transaction.
func (h *produce) enlisted(s *Session, c *call, part int32, guard uint64, f *failure, fx *actor.Effects) {
	v := h.verifying[part]
	delete(h.verifying, part)
	h.waiting--
	if f == nil {
		h.append(s, c, part, v.replica, v.checked, guard, fx)
		return
	}
	h.fail(part, f)
	h.settle(s, c, fx)
}

// build lays the response out in the order of the request.
func (h *produce) build(req *kmsg.ProduceRequest) {
	h.resp.Topics = make([]kmsg.ProduceResponseTopic, len(req.Topics))
	for i := range req.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = req.Topics[i].Topic, req.Topics[i].TopicID
		topic.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(req.Topics[i].Partitions))
		for j := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition = req.Topics[i].Partitions[j].Partition
			p.BaseOffset, p.LogStartOffset = -1, -1
			topic.Partitions[j] = p
			h.parts = append(h.parts, &topic.Partitions[j])
		}
		h.resp.Topics[i] = topic
	}
}

func (h *produce) fail(part int32, f *failure) {
	p := h.parts[part]
	p.ErrorCode = f.code.Code
	if f.message != "" {
		p.ErrorMessage = kmsg.StringPtr(f.message)
	}
	p.ErrorRecords = errorRecords(f.records)
	if h.failed == 0 {
		h.failed = f.code.Code
	}
}

// settle finishes the call when no part is waiting.
func (h *produce) settle(s *Session, c *call, fx *actor.Effects) {
	switch {
	case h.acks == 0 && h.failed != 0:
		s.hangup(c, fx, "produce with acks=0 failed: %v", kerr.ErrorForCode(h.failed))
	case h.waiting > 0:
	case h.acks == 0:
		c.finish(nil)
	default:
		c.finish(h.resp)
	}
}

func (h *produce) produced(s *Session, c *call, m ProduceDone, fx *actor.Effects) {
	p := h.parts[m.Part]
	p.ErrorCode, p.BaseOffset, p.LogStartOffset = m.Error, m.BaseOffset, m.LogStart
	if p.LogAppendTime = -1; m.AppendTime > 0 {
		p.LogAppendTime = m.AppendTime
	}
	if m.Message != "" {
		p.ErrorMessage = kmsg.StringPtr(m.Message)
	}
	p.ErrorRecords = errorRecords(m.Records)
	if m.Error != 0 && h.failed == 0 {
		h.failed = m.Error
	}
	h.waiting--
	h.settle(s, c, fx)
}

// expire answers the parts that are not committed in time. They may commit later: a client that
// is not idempotent and sends them again makes duplicates.
func (h *produce) expire(_ *Session, c *call, _ *actor.Effects) {
	for _, p := range h.parts {
		if p.ErrorCode == 0 && p.BaseOffset == -1 {
			p.ErrorCode = kerr.RequestTimedOut.Code
		}
	}
	// A shard may not have taken the batches yet: the memory of the request is not used again.
	kept := *c.request
	kept.Frame = nil
	c.response.Request = &kept
	c.finish(h.resp)
}
