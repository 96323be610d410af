package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// InitProducerID (key 22): a producer id for an idempotent producer, and the epoch of a transactional one.
//
// Behaviour
//   - each request without a transactional id gets an id that nobody else ever gets, with epoch 0,
//     also when it names the id it has (KIP-360 resumes only transactional producers)
//   - a transactional id is asked about at its coordinator, on this broker (24_add_partitions_to_txn.go says what it
//     answers if that is another one): the epoch is raised, which fences who had it before, and an open transaction
//     aborted first, with CONCURRENT_TRANSACTIONS until that is done
//   - who names the id and epoch it has goes on with them after an error: PRODUCER_FENCED if somebody else has come since
//   - a timeout that is not above 0, or above transaction.max.timeout.ms, is INVALID_TRANSACTION_TIMEOUT
//   - an id without an epoch, an epoch without an id, or a transactional id without a name is INVALID_REQUEST
//
// Versions
//   - 2 flexible, 3 the producer's present id and epoch (KIP-360), 4 PRODUCER_FENCED in place of INVALID_PRODUCER_EPOCH
//     (KIP-588), 5 TRANSACTION_ABORTABLE is known
type initProducerID struct{ toTransactions }

func (h *initProducerID) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.InitProducerIDRequest)
	half := c.request.Version >= 3 && (req.ProducerID == -1) != (req.ProducerEpoch == -1)
	switch {
	case half || req.TransactionalID != nil && *req.TransactionalID == "":
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = kerr.InvalidRequest.Code, -1, -1
		c.finish(resp)
	case req.TransactionalID != nil:
		s.transact(c, req, fx)
	default:
		fx.Send(Uplink, ControllerRequest{From: s.self, Call: c.id, Body: req})
	}
}

func (h *initProducerID) replied(_ *Session, c *call, m ControllerReply, _ *actor.Effects) {
	c.finish(m.Body)
}
