package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TxnOffsetCommit (key 28, KIP-98): keep how far a group has read some partitions, if a transaction commits.
//
// Behaviour
//   - the partition of __consumer_offsets that has the group must belong to the transaction (KIP-890): up to version 4
//     the client has added it with AddOffsetsToTxn, from version 5 on this request adds it. INVALID_TXN_STATE or, from
//     version 4 on, TRANSACTION_ABORTABLE if it does not; CONCURRENT_TRANSACTIONS from version 5 on while the former
//     transaction is still ending
//   - each partition has its own error; a topic or partition that is not there has UNKNOWN_TOPIC_OR_PARTITION or
//     UNKNOWN_TOPIC_ID, and the rest is kept
//   - a member commits in its generation, also while others join (KIP-447): UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION,
//     FENCED_INSTANCE_ID. So a member that was taken for dead cannot commit what others work on by then
//   - the offsets are pending until the transaction ends: OffsetFetch tells those who want them stable
//     UNSTABLE_OFFSET_COMMIT. They count if it commits, and are gone if it aborts
//   - it is answered when they are in the log; if that is not known, the client is told to ask again
//
// Versions
//   - 2 leader epoch and COORDINATOR_LOAD_IN_PROGRESS, 3 flexible, generation and members (KIP-447),
//     4 TRANSACTION_ABORTABLE is known, 5 the partition is added (KIP-890), 6 topic ids (KIP-1319)
type txnOffsetCommit struct {
	resp *kmsg.TxnOffsetCommitResponse
	// sent is what the coordinator is asked.
	sent kmsg.TxnOffsetCommitRequest
}

func (h *txnOffsetCommit) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.TxnOffsetCommitRequest)
	h.resp, h.sent = req.ResponseKind().(*kmsg.TxnOffsetCommitResponse), *req
	h.build(s, req)
	if len(h.sent.Topics) == 0 {
		c.finish(h.resp)
		return
	}
	at, index, err := s.offsetsPartition(req.Group)
	if err != nil {
		h.fail(c, err)
		return
	}
	e := &enlistment{
		call: c.id, replica: Replica{at.ID, index}, topic: at.Name, transaction: req.TransactionalID,
		producer: req.ProducerID, epoch: req.ProducerEpoch, sequence: -1,
	}
	switch {
	case c.request.Version >= 5:
		e.support = adds
	case c.request.Version == 4:
		e.support = abortable
	}
	s.enlist(e, fx)
}

// build lays the answer out in the order of the request, and keeps those partitions that are there.
func (h *txnOffsetCommit) build(s *Session, req *kmsg.TxnOffsetCommitRequest) {
	byID := req.Version >= 6
	h.sent.Topics = nil
	for i := range req.Topics {
		asked := &req.Topics[i]
		topic := s.named(asked.Topic, asked.TopicID, byID)
		out := kmsg.NewTxnOffsetCommitResponseTopic()
		out.Topic, out.TopicID = asked.Topic, asked.TopicID
		known := kmsg.NewTxnOffsetCommitRequestTopic()
		for _, p := range asked.Partitions {
			one := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			one.Partition = p.Partition
			if one.ErrorCode = absent(topic, p.Partition, byID); one.ErrorCode == 0 {
				known.Partitions = append(known.Partitions, p)
			}
			out.Partitions = append(out.Partitions, one)
		}
		h.resp.Topics = append(h.resp.Topics, out)
		if len(known.Partitions) > 0 {
			known.Topic, known.TopicID = topic.Name, topic.ID
			h.sent.Topics = append(h.sent.Topics, known)
		}
	}
}

// offsetsPartition is where the offsets of a group are, if that is here.
func (s *Session) offsetsPartition(group string) (topic *metadata.Topic, index int32, err *kerr.Error) {
	topic = s.image.Topic(metadata.ConsumerOffsets)
	switch {
	case group == "":
		return nil, 0, kerr.InvalidGroupID
	case topic == nil || len(topic.Partitions) == 0:
		return nil, 0, kerr.CoordinatorNotAvailable
	}
	index = CoordinatorPartition(group, len(topic.Partitions))
	switch topic.Partitions[index].Leader {
	case s.cfg.NodeID:
		return topic, index, nil
	case metadata.NoLeader:
		return nil, 0, kerr.CoordinatorNotAvailable
	}
	return nil, 0, kerr.NotCoordinator
}

// enlisted asks the coordinator of the group.
func (h *txnOffsetCommit) enlisted(s *Session, c *call, _ int32, guard uint64, f *failure, fx *actor.Effects) {
	if f != nil {
		h.fail(c, groupError(f.code))
		return
	}
	fx.Send(Coordinator, CoordinatorRequest{From: s.self, Call: c.id, Body: &h.sent, ClientID: c.request.ClientID, Host: "/" + s.host, Guard: guard})
}

// groupError is an error of a partition as those of groups are told.
func groupError(err *kerr.Error) *kerr.Error {
	switch err {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut:
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	}
	return err
}

// fail gives an error to those partitions that have none.
func (h *txnOffsetCommit) fail(c *call, err *kerr.Error) {
	if err == kerr.CoordinatorLoadInProgress && c.request.Version < 2 {
		err = kerr.CoordinatorNotAvailable
	}
	for i := range h.resp.Topics {
		for j := range h.resp.Topics[i].Partitions {
			if p := &h.resp.Topics[i].Partitions[j]; p.ErrorCode == 0 {
				p.ErrorCode = err.Code
			}
		}
	}
	c.finish(h.resp)
}

// coordinated puts the answers in the places of those partitions that were asked for.
func (h *txnOffsetCommit) coordinated(_ *Session, c *call, m CoordinatorReply) {
	var answers []kmsg.TxnOffsetCommitResponseTopicPartition
	for _, t := range m.Body.(*kmsg.TxnOffsetCommitResponse).Topics {
		answers = append(answers, t.Partitions...)
	}
	for i := range h.resp.Topics {
		for j := range h.resp.Topics[i].Partitions {
			p := &h.resp.Topics[i].Partitions[j]
			if p.ErrorCode != 0 {
				continue
			}
			p.ErrorCode, answers = answers[0].ErrorCode, answers[1:]
			if p.ErrorCode == kerr.CoordinatorLoadInProgress.Code && c.request.Version < 2 {
				p.ErrorCode = kerr.CoordinatorNotAvailable.Code
			}
		}
	}
	c.finish(h.resp)
}
