package group

import (
	"bytes"
	"time"

	"github.com/logproof/logproof/broker/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Sync gives a member what it was assigned. The leader's request brings the assignment of all, which is told
// once it is committed.
func (m *Machine) Sync(now time.Time, req *kmsg.SyncGroupRequest, answer Answer) {
	g, mem, err := m.present(req.Group, req.MemberID, req.InstanceID, req.Generation)
	switch {
	case (err == kerr.UnknownMemberID || err == kerr.IllegalGeneration) && m.ahead(req):
		err = kerr.RebalanceInProgress
	case err != nil:
	case req.ProtocolType != nil && *req.ProtocolType != g.protocolType, req.Protocol != nil && *req.Protocol != g.protocol:
		err = kerr.InconsistentGroupProtocol
	case g.state == Preparing:
		err = kerr.RebalanceInProgress
	}
	if err != nil {
		answer(syncResponse(err, nil, nil))
		return
	}
	mem.synced = true
	if g.state == Stable {
		mem.alive(now)
		answer(syncResponse(nil, g, mem.assignment))
		return
	}
	mem.waitSync(req, g, answer)
	if mem.id == g.leader && !g.storing {
		m.store(now, g, req)
	}
	m.arm(g)
}

// ahead reports whether a member asks for the assignment of a generation that this coordinator has not heard of: a
// former one began it, and was gone before its assignment was stored. All of its members have to join again, which
// they do for REBALANCE_IN_PROGRESS. Apache Kafka answers ILLEGAL_GENERATION, or UNKNOWN_MEMBER_ID to those who were
// new, which clients take for the end of their membership and tell their users (franz-go).
func (m *Machine) ahead(req *kmsg.SyncGroupRequest) bool {
	g := m.groups[req.Group]
	return req.Group != "" && (g == nil && req.Generation > 0 || g != nil && req.Generation > g.generation)
}

// present finds the group and the member of a request, which must be of the present generation.
func (m *Machine) present(id, member string, instance *string, generation int32) (*group, *member, *kerr.Error) {
	if id == "" {
		return nil, nil, kerr.InvalidGroupID
	}
	g := m.groups[id]
	if g == nil {
		return nil, nil, kerr.UnknownMemberID
	}
	mem, err := g.find(member, instance)
	if err == nil && generation != g.generation {
		err = kerr.IllegalGeneration
	}
	return g, mem, err
}

// store writes an assignment. Members that it does not name get nothing.
func (m *Machine) store(now time.Time, g *group, req *kmsg.SyncGroupRequest) {
	assigned := map[*member][]byte{}
	for _, a := range req.GroupAssignment {
		if mem := g.byID[a.MemberID]; mem != nil {
			assigned[mem] = bytes.Clone(a.MemberAssignment)
		}
	}
	g.storing = true
	generation := g.generation
	current := func() bool { return g.state == Completing && g.generation == generation && g.storing }
	fail := func(now time.Time, err *kerr.Error) {
		if current() {
			for _, mem := range g.members {
				mem.answerSync(err, g, nil)
			}
			m.prepare(now, g, "the assignment could not be written")
			m.arm(g)
		}
	}
	m.write(now, false, []Record{m.record(now, g, assigned)}, func(now time.Time, err *kerr.Error) {
		if err == nil {
			g.stored = true
		}
		switch {
		case err != nil:
			fail(now, syncError(err))
		case current():
			m.assign(now, g, assigned)
		}
	}, func(now time.Time) { fail(now, kerr.RebalanceInProgress) })
}

// assign makes a committed assignment the one of the generation, and tells who waits for it.
func (m *Machine) assign(now time.Time, g *group, assigned map[*member][]byte) {
	g.storing = false
	m.enter(now, g, Stable)
	g.kept = kept{g.generation, g.protocol}
	for _, mem := range g.members {
		mem.assignment, mem.kept = assigned[mem], true
		if mem.sync != nil {
			mem.alive(now)
		}
		mem.answerSync(nil, g, mem.assignment)
	}
	m.emit(event.GroupRebalanced{
		Group: g.id, Generation: g.generation, Members: len(g.members), Protocol: g.protocol, Reason: g.reason,
		Milliseconds: now.Sub(g.rebalancing).Milliseconds(),
	})
	m.arm(g)
}

// syncError is what a member is told of a write that failed: to look for the coordinator, or to ask again.
func syncError(err *kerr.Error) *kerr.Error {
	if err == kerr.MessageTooLarge {
		return kerr.UnknownServerError
	}
	return coordinatorError(err)
}

// coordinatorError maps the error of an append to one that makes clients do what helps.
func coordinatorError(err *kerr.Error) *kerr.Error {
	switch err {
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.NotCoordinator, kerr.FencedLeaderEpoch:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge:
		return kerr.InvalidCommitOffsetSize
	}
	return kerr.CoordinatorNotAvailable
}

func syncResponse(err *kerr.Error, g *group, assignment []byte) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.MemberAssignment = []byte{}
	if err != nil {
		resp.ErrorCode = err.Code
		return resp
	}
	resp.ProtocolType, resp.Protocol = kmsg.StringPtr(g.protocolType), kmsg.StringPtr(g.protocol)
	if assignment != nil {
		resp.MemberAssignment = assignment
	}
	return resp
}

// Heartbeat is a sign of life. It is how members hear of a rebalance.
func (m *Machine) Heartbeat(now time.Time, req *kmsg.HeartbeatRequest, answer Answer) {
	resp := kmsg.NewPtrHeartbeatResponse()
	g, mem, err := m.present(req.Group, req.MemberID, req.InstanceID, req.Generation)
	if err == nil {
		mem.alive(now)
		if g.state == Preparing {
			err = kerr.RebalanceInProgress
		}
	}
	if err != nil {
		resp.ErrorCode = err.Code
	}
	answer(resp)
}
