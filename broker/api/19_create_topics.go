package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
)

// CreateTopics (key 19) and DeleteTopics (key 20): the controller decides (broker/controller), and
// answers when its decision is committed and this node has applied it, so that the client's next
// Metadata request on any connection here shows it.
//
// Behaviour
//   - each topic has its own error; validate-only decides and records nothing
//   - -1 for partitions or replication factor takes the broker's default (KIP-464)
//   - topics are deleted by name, or by id from version 6 (KIP-516)
//
// Versions of CreateTopics
//   - 4 broker defaults, 5 flexible, settings in the answer; 7 topic id in the answer
//
// Versions of DeleteTopics
//   - 4 flexible, 5 error message, 6 topic ids
type toController struct{}

func (h *toController) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	fx.Send(Controller, ControllerRequest{From: s.self, Call: c.id, Body: c.request.Body})
}

func (h *toController) replied(_ *Session, c *call, m ControllerReply) { c.finish(m.Body) }
