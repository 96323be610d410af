package node

import (
	"errors"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/log"
	"github.com/twmb/franz-go/pkg/kerr"
)

// verify answers whether a batch that is going to come belongs to a transaction that is open here, and numbers the
// question if it does not (KIP-890).
func (s *shard) verify(m api.VerifyPart, fx *actor.Effects) {
	answer := api.VerifyAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part}
	r, code := s.find(m.Replica, -1)
	if code == nil {
		var err error
		if answer.Open, err = r.log.InTransaction(m.ProducerID, m.Epoch, m.Sequence); err != nil {
			code = kerr.InvalidProducerEpoch
		}
	}
	switch {
	case code != nil:
		answer.Error = code.Code
	case !answer.Open:
		answer.Guard = r.guards.give(&s.questions, m.ProducerID, m.Epoch, m.Sequence)
	}
	fx.Send(m.Ticket.To, answer)
}

// admit says whether a batch may be appended by what the log remembers of its producer.
func (s *shard) admit(r *replica, m api.ProducePart) error {
	if m.Batch.IsControl() {
		marker, err := batch.ReadMarker(m.Batch)
		if err != nil {
			return err
		}
		return r.log.CheckMarker(m.Batch, marker, m.Bumped)
	}
	var err error
	switch {
	case m.Trusted:
		err = r.log.CheckEpoch(m.Batch)
	case !s.cfg.Bugs.Has(bug.NoDedupe) && !s.cfg.Bugs.Has(bug.FlipOrder):
		err = r.log.CheckSequence(m.Batch)
	}
	if err != nil {
		return err
	}
	verified := false
	if m.Guard > 0 {
		if verified, err = r.guards.check(m.Batch, m.Guard, !m.Trusted); err != nil {
			return err
		}
	}
	return r.log.CheckTransaction(m.Batch, verified)
}

// stable is the last stable offset of a replica that leads.
func (s *shard) stable(r *replica) int64 {
	if s.cfg.Bugs.Has(bug.LsoIsHW) {
		return r.leader.HighWatermark()
	}
	return r.log.LastStableOffset(r.leader.HighWatermark())
}

// aborted lists the aborted transactions of a range that a reader of committed records gets; never nil, which would
// say that it did not ask.
func (s *shard) aborted(r *replica, given log.Slice) []api.AbortedTxn {
	list := []api.AbortedTxn{}
	if s.cfg.Bugs.Has(bug.AbortedUnfiltered) {
		return list
	}
	for _, a := range r.log.Aborted(given) {
		list = append(list, api.AbortedTxn{ProducerID: a.ProducerID, FirstOffset: a.First})
	}
	return list
}

// produceCode is Kafka's error of a batch that the log does not take.
func produceCode(err error) *kerr.Error {
	for is, code := range map[error]*kerr.Error{
		log.ErrOutOfOrderSequence:   kerr.OutOfOrderSequenceNumber,
		log.ErrInvalidProducerEpoch: kerr.InvalidProducerEpoch,
		log.ErrInvalidTxnState:      kerr.InvalidTxnState,
		log.ErrCoordinatorFenced:    kerr.TransactionCoordinatorFenced,
		batch.ErrInvalidRecord:      kerr.InvalidRecord,
	} {
		if errors.Is(err, is) {
			return code
		}
	}
	return kerr.UnknownServerError
}
