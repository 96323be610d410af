package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// InitProducerID (key 22): a producer id for an idempotent producer.
//
// Behaviour
//   - each request without a transactional id gets an id that nobody else ever gets, with epoch 0,
//     also when it names the id it has (KIP-360 resumes only transactional producers)
//   - a transactional id is refused: this broker has no transactions
//   - an id without an epoch, or an epoch without an id, is nobody's: INVALID_REQUEST
//
// Versions
//   - 2 flexible, 3 the producer's present id and epoch
type initProducerID struct{}

func (h *initProducerID) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.InitProducerIDRequest)
	half := c.request.Version >= 3 && (req.ProducerID == -1) != (req.ProducerEpoch == -1)
	if req.TransactionalID != nil || half {
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = kerr.InvalidRequest.Code, -1, -1
		c.finish(resp)
		return
	}
	fx.Send(Uplink, ControllerRequest{From: s.self, Call: c.id, Body: req})
}

func (h *initProducerID) replied(_ *Session, c *call, m ControllerReply) { c.finish(m.Body) }
