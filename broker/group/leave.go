package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Leave removes members, each with an error of its own: by member id, by instance (KIP-345), or by both, which must
// belong together. Before version 3 there is one member, by id.
//
// It is answered once it is committed that who had a part in the last assignment is gone. Apache Kafka forgets that
// with the coordinator, so that the next one waits for the dead, a whole session at least and anew each time another
// takes over.
func (m *Machine) Leave(now time.Time, req *kmsg.LeaveGroupRequest, answer Answer) {
	resp := kmsg.NewPtrLeaveGroupResponse()
	if req.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		answer(resp)
		return
	}
	leaving := req.Members
	if req.Version < 3 {
		one := kmsg.NewLeaveGroupRequestMember()
		one.MemberID = req.MemberID
		leaving = []kmsg.LeaveGroupRequestMember{one}
	}
	g, parted := m.groups[req.Group], false
	for _, l := range leaving {
		out := kmsg.NewLeaveGroupResponseMember()
		out.MemberID, out.InstanceID = l.MemberID, l.InstanceID
		mem, err := m.leaves(now, g, &l)
		if err != nil {
			out.ErrorCode = err.Code
		}
		parted = parted || mem != nil && mem.kept
		resp.Members = append(resp.Members, out)
	}
	if req.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	if rebalancing := g != nil && (g.state == Preparing || g.state == Completing && !g.storing); !parted || !rebalancing {
		// Nothing is to be remembered, or a record without them is being written already.
		answer(resp)
		return
	}
	once := func(err *kerr.Error) {
		if answer == nil {
			return
		}
		if err != nil {
			resp.ErrorCode, resp.Members = coordinatorError(err).Code, nil
		}
		answer(resp)
		answer = nil
	}
	m.write(now, false, []Record{m.remaining(now, g)}, func(_ time.Time, err *kerr.Error) {
		g.stored = g.stored || err == nil
		once(err)
	}, func(time.Time) { once(kerr.CoordinatorNotAvailable) })
}

// leaves removes one member, and gives it.
func (m *Machine) leaves(now time.Time, g *group, l *kmsg.LeaveGroupRequestMember) (*member, *kerr.Error) {
	if g == nil {
		return nil, kerr.UnknownMemberID
	}
	if _, pending := g.pending[l.MemberID]; pending && l.InstanceID == nil {
		delete(g.pending, l.MemberID)
		m.tryComplete(now, g)
		m.arm(g)
		m.forget(g)
		return nil, nil
	}
	var mem *member
	var err *kerr.Error
	if l.MemberID == "" && l.InstanceID != nil {
		if mem = g.static[*l.InstanceID]; mem == nil {
			return nil, kerr.UnknownMemberID
		}
	} else if mem, err = g.find(l.MemberID, l.InstanceID); err != nil {
		return nil, err
	}
	reason := "a member left"
	if l.Reason != nil && *l.Reason != "" {
		reason += ": " + *l.Reason
	}
	m.leave(now, g, mem, reason)
	return mem, nil
}
