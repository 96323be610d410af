package api

import (
	"fmt"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// support is what a client knows of KIP-890, by the version of its request.
type support uint8

const (
	// verifies: the client has added the partition to the transaction itself, and it is only looked whether it has.
	verifies support = iota
	// abortable: so it is, and the client knows TRANSACTION_ABORTABLE.
	abortable
	// adds: the request adds the partition (transaction version 2).
	adds
)

// enlistment is a transactional batch that must be known to belong to its transaction before it is appended (KIP-890):
//
//	start ── VerifyPart ──> shard ── not open ── Enlist ──> participant ── the transaction's coordinator
//	                          └─ open ─┐          └─ Enlisted ─┐
//	                                   └───────────────────────┴──> enlisted, with the guard for the append
type enlistment struct {
	call    uint64
	part    int32
	replica Replica
	// topic is the name of the replica's.
	topic       string
	transaction string
	producer    int64
	epoch       int16
	// sequence of the batch; -1 for offsets of a group.
	sequence int32
	support  support
	guard    uint64
}

// lane is what must stay in order: what one producer writes to one partition.
type lane struct {
	replica  Replica
	producer int64
}

// enlisted is where an answer about a batch goes.
type enlistedPart struct {
	call uint64
	part int32
}

// enlister waits for its batches to be enlisted; f says why one must not be appended.
type enlister interface {
	enlisted(s *Session, c *call, part int32, guard uint64, f *failure, fx *actor.Effects)
}

// enlist asks whether a batch belongs to its transaction. A later one of the same producer and partition waits until
// the one before it has been given to the shard: it must not overtake it, and then finds the transaction open.
func (s *Session) enlist(e *enlistment, fx *actor.Effects) {
	if s.lanes == nil {
		s.lanes, s.enlistments = map[lane][]*enlistment{}, map[enlistedPart]*enlistment{}
	}
	at := lane{e.replica, e.producer}
	s.lanes[at] = append(s.lanes[at], e)
	s.enlistments[enlistedPart{e.call, e.part}] = e
	if len(s.lanes[at]) == 1 {
		s.askShard(e, fx)
	}
}

func (s *Session) askShard(e *enlistment, fx *actor.Effects) {
	fx.Send(ShardOf(e.replica, s.cfg.Shards), VerifyPart{
		Ticket: partition.Ticket{To: s.self, Call: e.call, Part: e.part}, Replica: e.replica,
		ProducerID: e.producer, Epoch: e.epoch, Sequence: e.sequence,
	})
}

// verified takes the shard's answer.
func (s *Session) verified(m VerifyAnswer, fx *actor.Effects) {
	e := s.enlistments[enlistedPart{m.Call, m.Part}]
	switch {
	case e == nil: // the connection is gone
	case m.Error != 0:
		s.decided(e, failed(kerr.TypedErrorForCode(m.Error), ""), fx)
	case m.Open:
		s.decided(e, nil, fx)
	default:
		e.guard = m.Guard
		fx.Send(Participant, Enlist{
			Ticket: partition.Ticket{To: s.self, Call: e.call, Part: e.part}, Topic: e.topic, Partition: e.replica.Partition,
			TransactionID: e.transaction, ProducerID: e.producer, Epoch: e.epoch, VerifyOnly: e.support != adds,
		})
	}
}

// enlisted takes the answer of the transaction's coordinator.
func (s *Session) enlisted(m Enlisted, fx *actor.Effects) {
	if e := s.enlistments[enlistedPart{m.Call, m.Part}]; e != nil {
		s.decided(e, e.support.translate(m.Error), fx)
	}
}

// decided tells the call, if it still waits, and goes on with the next batch of the lane. A batch of a call that is
// over is not appended: its client has been told that it was not in time.
func (s *Session) decided(e *enlistment, f *failure, fx *actor.Effects) {
	at := lane{e.replica, e.producer}
	delete(s.enlistments, enlistedPart{e.call, e.part})
	if s.lanes[at] = s.lanes[at][1:]; len(s.lanes[at]) == 0 {
		delete(s.lanes, at)
	}
	if c := s.open(e.call); c != nil {
		c.handler.(enlister).enlisted(s, c, e.part, e.guard, f, fx)
	}
	if next := s.lanes[at]; len(next) > 0 {
		s.askShard(next[0], fx)
	}
}

// translate gives a coordinator's error as Apache Kafka tells it to a client. What would pass in a moment is
// NOT_ENOUGH_REPLICAS, after which every client tries again without looking for another leader.
func (k support) translate(code int16) *failure {
	err := kerr.TypedErrorForCode(code)
	switch err {
	case nil:
		return nil
	case kerr.ProducerFenced: // producers expect this one
		return failed(kerr.InvalidProducerEpoch, "")
	case kerr.TransactionAbortable:
		if k == verifies {
			return failed(kerr.InvalidTxnState, "Partition was not added to the transaction")
		}
	case kerr.ConcurrentTransactions:
		if k != adds {
			return unverified(err)
		}
	case kerr.NetworkException, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator:
		return unverified(err)
	}
	return failed(err, "")
}

func unverified(err *kerr.Error) *failure {
	return failed(kerr.NotEnoughReplicas, fmt.Sprintf("Unable to verify the partition has been added to the transaction. Underlying error: %s", err.Message))
}
