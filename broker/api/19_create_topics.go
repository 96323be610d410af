package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/wire"
)

// CreateTopics (key 19), DeleteTopics (key 20), ElectLeaders (key 43), AlterPartitionReassignments (key
// 45) and ListPartitionReassignments (key 46): the controller decides (broker/controller). What clients ask a broker is carried to the active controller by the broker's
// uplink, and answered when the decision is committed and this broker has applied it, so that the
// client's next Metadata request on any connection here shows it.
//
// What peers ask comes to the controller of this node, whether it is active or not:
// BrokerRegistration (62), BrokerHeartbeat (63), AlterPartition (56), DescribeQuorum (55), the
// requests above from a broker's uplink, and the private ones of the metadata log.
//
// Behaviour
//   - each topic has its own error; validate-only decides and records nothing
//   - -1 for partitions or replication factor takes the broker's default (KIP-464)
//   - topics are deleted by name, or by id from version 6 (KIP-516)
//   - a controller that is not active answers NOT_CONTROLLER
//
// Versions of CreateTopics
//   - 4 broker defaults, 5 flexible, settings in the answer; 7 topic id in the answer
//
// Versions of DeleteTopics
//   - 4 flexible, 5 error message, 6 topic ids
//
// Versions of ElectLeaders
//   - 1 unclean elections and a top-level error, 2 flexible
//
// Versions of AlterPartitionReassignments
//   - 0 flexible; 1 the client may want the replication factor to stay (KIP-860)
type toController struct{}

func (h *toController) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	to := Uplink
	if s.listener == wire.Peers {
		to = Controller
	}
	fx.Send(to, ControllerRequest{From: s.self, Call: c.id, Body: c.request.Body})
}

func (h *toController) replied(_ *Session, c *call, m ControllerReply, _ *actor.Effects) {
	c.finish(m.Body)
}
