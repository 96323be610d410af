package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Leave removes members, each with an error of its own: by member id, by instance (KIP-345), or by both, which must
// belong together. Before version 3 there is one member, by id.
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
	for _, l := range leaving {
		out := kmsg.NewLeaveGroupResponseMember()
		out.MemberID, out.InstanceID = l.MemberID, l.InstanceID
		if err := m.leaves(now, m.groups[req.Group], &l); err != nil {
			out.ErrorCode = err.Code
		}
		resp.Members = append(resp.Members, out)
	}
	if req.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	answer(resp)
}

func (m *Machine) leaves(now time.Time, g *group, l *kmsg.LeaveGroupRequestMember) *kerr.Error {
	if g == nil {
		return kerr.UnknownMemberID
	}
	if _, pending := g.pending[l.MemberID]; pending && l.InstanceID == nil {
		delete(g.pending, l.MemberID)
		m.tryComplete(now, g)
		m.arm(g)
		m.forget(g)
		return nil
	}
	var mem *member
	var err *kerr.Error
	if l.MemberID == "" && l.InstanceID != nil {
		if mem = g.static[*l.InstanceID]; mem == nil {
			return kerr.UnknownMemberID
		}
	} else if mem, err = g.find(l.MemberID, l.InstanceID); err != nil {
		return err
	}
	reason := "a member left"
	if l.Reason != nil && *l.Reason != "" {
		reason += ": " + *l.Reason
	}
	m.leave(now, g, mem, reason)
	return nil
}
