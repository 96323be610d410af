package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Join takes a member into a group, or lets it take part in a rebalance. It is answered when the rebalance that
// it takes part in has ended.
func (m *Machine) Join(now time.Time, req *kmsg.JoinGroupRequest, client Client, answer Answer) {
	session := millis(req.SessionTimeoutMillis)
	g := m.groups[req.Group]
	switch {
	case req.Group == "":
		answer(joinRefusal(kerr.InvalidGroupID, req.MemberID))
		return
	case session < m.cfg.MinSession || session > m.cfg.MaxSession:
		answer(joinRefusal(kerr.InvalidSessionTimeout, req.MemberID))
		return
	case g == nil && req.MemberID != "":
		answer(joinRefusal(kerr.UnknownMemberID, req.MemberID))
		return
	case g == nil:
		g = newGroup(req.Group)
	}
	if err := m.join(now, g, req, client, answer); err != nil {
		id := req.MemberID
		if err == kerr.GroupMaxSizeReached {
			id = ""
		}
		answer(joinRefusal(err, id))
		return
	}
	m.groups[g.id] = g
	m.arm(g)
}

// join gives the error of a request that is refused; another is answered now or later.
func (m *Machine) join(now time.Time, g *group, req *kmsg.JoinGroupRequest, client Client, answer Answer) *kerr.Error {
	protocols := protocolsOf(req)
	known := g.byID[req.MemberID]
	if req.InstanceID != nil && req.MemberID == "" {
		known = g.static[*req.InstanceID]
	}
	switch _, pending := g.pending[req.MemberID]; {
	case m.full(g, known):
		return kerr.GroupMaxSizeReached
	case !g.supports(req.ProtocolType, protocols, known):
		return kerr.InconsistentGroupProtocol
	case req.MemberID == "" && req.InstanceID != nil && known != nil:
		m.returns(now, g, known, req, protocols, client, answer)
	case req.MemberID == "" && req.InstanceID == nil && req.Version >= 4:
		// A client that does not hear of its id would leave a member behind that never comes (KIP-394).
		id := m.cfg.NewID(client.ID)
		g.pending[id] = now.Add(millis(req.SessionTimeoutMillis))
		answer(joinRefusal(kerr.MemberIDRequired, id))
	case req.MemberID == "":
		prefix := client.ID
		if req.InstanceID != nil {
			prefix = *req.InstanceID
		}
		m.welcome(now, g, m.cfg.NewID(prefix), req, protocols, client, answer)
	case pending && req.InstanceID != nil:
		return kerr.UnknownMemberID
	case pending:
		delete(g.pending, req.MemberID)
		m.welcome(now, g, req.MemberID, req, protocols, client, answer)
	default:
		mem, err := g.find(req.MemberID, req.InstanceID)
		if err != nil {
			return err
		}
		m.rejoin(now, g, mem, req, protocols, answer)
	}
	return nil
}

// full reports whether the group has no place for who joins. While a rebalance is under way those have a
// place that have joined first: a group that was larger than it may be, shrinks.
func (m *Machine) full(g *group, known *member) bool {
	switch g.state {
	case Preparing:
		joined := 0
		for _, mem := range g.members {
			if mem.join != nil {
				joined++
			}
		}
		return (known == nil || known.join == nil) && joined >= m.cfg.MaxSize
	case Completing, Stable:
		return known == nil && len(g.members) >= m.cfg.MaxSize
	}
	return false
}

// welcome takes a new member in, which needs a rebalance.
func (m *Machine) welcome(now time.Time, g *group, id string, req *kmsg.JoinGroupRequest, protocols []protocol, client Client, answer Answer) {
	mem := &member{id: id, instance: req.InstanceID, client: client, newcomer: true, expires: now.Add(newcomerWait)}
	mem.take(req, protocols)
	mem.waitJoin(req, answer)
	g.add(mem, req.ProtocolType)
	g.newcomers = true
	if g.state == Preparing {
		m.tryComplete(now, g)
		return
	}
	m.prepare(now, g, because(req, "a member joined"))
}

// because is the reason of a rebalance: the client's own, if it gives one (KIP-800).
func because(req *kmsg.JoinGroupRequest, reason string) string {
	if req.Reason != nil && *req.Reason != "" {
		return reason + ": " + *req.Reason
	}
	return reason
}

// rejoin is a member that joins again. It is told how things are, unless that is a reason for a rebalance: what it
// reads or how is new, or it is the leader, who may want to assign anew.
func (m *Machine) rejoin(now time.Time, g *group, mem *member, req *kmsg.JoinGroupRequest, protocols []protocol, answer Answer) {
	same := mem.same(protocols)
	switch {
	case g.state == Completing && same, g.state == Stable && same && g.leader != mem.id:
		mem.take(req, protocols)
		mem.alive(now)
		answer(g.joined(mem))
		return
	}
	mem.take(req, protocols)
	mem.waitJoin(req, answer)
	if g.state == Preparing {
		m.tryComplete(now, g)
		return
	}
	reason := "a member changed what it reads"
	if same {
		reason = "the leader joined again"
	}
	m.prepare(now, g, because(req, reason))
}

// joined is the answer to a member of the present generation. The leader gets what all members told the assignor.
func (g *group) joined(mem *member) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.Generation, resp.LeaderID, resp.MemberID = g.generation, g.leader, mem.id
	resp.ProtocolType, resp.Protocol = kmsg.StringPtr(g.protocolType), kmsg.StringPtr(g.protocol)
	if mem.id == g.leader {
		resp.Members = g.told()
	}
	return resp
}

// told is what the leader assigns by.
func (g *group) told() []kmsg.JoinGroupResponseMember {
	all := make([]kmsg.JoinGroupResponseMember, 0, len(g.members))
	for _, mem := range g.members {
		one := kmsg.NewJoinGroupResponseMember()
		one.MemberID, one.InstanceID, one.ProtocolMetadata = mem.id, mem.instance, mem.metadata(g.protocol)
		all = append(all, one)
	}
	return all
}

func joinRefusal(err *kerr.Error, member string) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.ErrorCode, resp.Generation, resp.MemberID = err.Code, -1, member
	return resp
}
