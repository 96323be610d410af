package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// JoinGroup (key 11), Heartbeat (key 12), LeaveGroup (key 13), SyncGroup (key 14), ListGroups (key 16) and
// DeleteGroups (key 42): the coordinator on this broker answers (broker/coordinator, broker/group), if it
// has the group: NOT_COORDINATOR if another broker has it, COORDINATOR_LOAD_IN_PROGRESS while it is being loaded,
// COORDINATOR_NOT_AVAILABLE while nobody can.
//
// Behaviour of JoinGroup
//   - a new member is first told its id, with MEMBER_ID_REQUIRED, and joins again with it (KIP-394)
//   - it is answered when the rebalance has ended; the leader then gets what all members told the assignor
//   - a static member that comes back takes its place again without a rebalance (KIP-345); the one before is
//     fenced with FENCED_INSTANCE_ID. A leader that comes back is told not to assign anew (KIP-814)
//   - INVALID_SESSION_TIMEOUT, INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, INVALID_GROUP_ID
//
// Behaviour of SyncGroup
//   - it is answered once the leader's assignment is committed to __consumer_offsets
//
// Behaviour of LeaveGroup, ListGroups, DeleteGroups
//   - each member or group has its own error: UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP
//   - ListGroups gives what this broker coordinates
//
// Versions of JoinGroup
//   - 1 rebalance timeout, 4 MEMBER_ID_REQUIRED, 5 static members, 6 flexible, 7 protocol type, 8 reason (KIP-800),
//     9 SkipAssignment
//
// Versions of Heartbeat
//   - 3 static members, 4 flexible
//
// Versions of LeaveGroup
//   - 3 several members, 4 flexible, 5 reason
//
// Versions of SyncGroup
//   - 3 static members, 4 flexible, 5 protocol type and name, which must be the group's
//
// Versions of ListGroups
//   - 3 flexible, 4 states (KIP-518), 5 types (KIP-848)
//
// Versions of DeleteGroups
//   - 2 flexible, 3 error message
type toCoordinator struct{}

func (h *toCoordinator) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	s.coordinate(c, c.request.Body, fx)
}

func (h *toCoordinator) coordinated(_ *Session, c *call, m CoordinatorReply) { c.finish(m.Body) }

// coordinate asks the coordinator on this node.
func (s *Session) coordinate(c *call, body kmsg.Request, fx *actor.Effects) {
	fx.Send(Coordinator, CoordinatorRequest{From: s.self, Call: c.id, Body: body, ClientID: c.request.ClientID, Host: "/" + s.host})
}
