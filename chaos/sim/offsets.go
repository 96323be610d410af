package sim

import (
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// keeper finds the coordinator of the group whose positions are part of transactions: ask gives it, nobody while it is
// looked for; gone is told of one that is none any more.
type keeper struct {
	ask  func() int32
	gone func(asked int32)
}

// offer gives the positions to the coordinator of the group, as part of the transaction; then follows, also where they
// were refused and the transaction can only be aborted.
func (x *transaction) offer(positions []history.Position, then func()) {
	t, again := x.of, func() { x.offer(positions, then) }
	c := t.client
	if x.over || c.dead {
		return
	}
	asked := t.group.ask()
	switch {
	case asked == nobody:
		t.later(again)
		return
	case t.version == 1 && !x.offering:
		x.announce(again, then)
		return
	}
	if x.positions == nil {
		x.positions, x.sent = positions, c.sim.now
	}
	version := int16(0)
	if t.version == 1 {
		version = offsetsVersion1
	}
	c.askVersion(c.sim.terrain.requestTimeout, asked, version, x.offsets(), func(_ *request, answer kmsg.Response) {
		t.awake(func() {
			code := codeNoAnswer
			if answer != nil {
				code = answer.(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode
			}
			if !x.over {
				x.offered(code, asked, again, then)
			}
		})
	})
}

// offsets is the request that makes positions part of a transaction.
func (x *transaction) offsets() *kmsg.TxnOffsetCommitRequest {
	t, req := x.of, kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.id, t.pid, t.epoch
	req.Group, req.Generation, req.MemberID, req.InstanceID = x.group, x.generation, x.member, x.instance
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = Topic, t.client.topic
	for _, p := range x.positions {
		one := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		one.Partition, one.Offset, one.LeaderEpoch = p.Partition.Index, p.Offset, -1
		topic.Partitions = append(topic.Partitions, one)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// announce tells the coordinator of the transaction that positions of the group will be part of it (version 1).
func (x *transaction) announce(again, then func()) {
	t := x.of
	t.coordinate(addVersion, func() kmsg.Request {
		req := kmsg.NewPtrAddOffsetsToTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = t.id, t.pid, t.epoch, x.group
		return req
	}, func(answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = answer.(*kmsg.AddOffsetsToTxnResponse).ErrorCode
		}
		switch {
		case x.over:
		case code == 0:
			x.offering = true
			again()
		case t.retry(code):
			t.later(again)
		case isFenced(code):
			t.fenced(failure(code))
		default:
			x.fail(failure(code))
			then()
		}
	})
}

// offered acts on the answer of the group's coordinator.
func (x *transaction) offered(code int16, asked int32, again, then func()) {
	t := x.of
	marks := &t.client.sim.marks
	t.last = failure(code)
	switch code {
	case 0:
		then()
	case codeLoadInProgress, codeConcurrent:
		t.later(again)
	case codeNoAnswer, codeNotAvailable, codeNotCoordinator, codeTimedOut, codeNotEnoughAfterAppend, codeNotEnoughReplicas:
		t.group.gone(asked)
		t.later(again)
	case codeInvalidEpoch, codeProducerFenced, codeInvalidMapping:
		t.fenced(failure(code))
	case codeIllegalGeneration, codeUnknownMember, codeFencedInstance:
		marks[OffsetsFenced]++
		x.fail(failure(code))
		then()
		if x.outside != nil {
			x.outside(code)
		}
	default:
		x.fail(failure(code))
		then()
	}
}
