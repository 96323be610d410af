package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// returns is a static member that comes back as a new process (KIP-345): it takes the place of the one before, which
// is fenced. In a stable group that needs no rebalance, unless it would choose another protocol; the new name is kept
// before it is told.
//
// As in Apache Kafka this leaves a hole where members cooperate (KIP-429): one that gave partitions up and died before it
// joined again owes the group that join, its next process does not know, and nobody has the partitions until somebody
// asks for a rebalance. A client closes it by joining once more after it came back.
func (m *Machine) returns(now time.Time, g *group, mem *member, req *kmsg.JoinGroupRequest, protocols []protocol, client Client, answer Answer) {
	before := *mem
	mem.fenced()
	led := g.leader == mem.id
	g.rename(mem, m.cfg.NewID(*req.InstanceID))
	mem.client = client
	mem.take(req, protocols)
	mem.alive(now)
	switch {
	case g.state == Stable && g.choose() == g.protocol:
		m.replace(now, g, mem, &before, led, req, answer)
		return
	case g.state == Preparing:
		mem.waitJoin(req, answer)
		m.tryComplete(now, g)
	default:
		mem.waitJoin(req, answer)
		m.prepare(now, g, because(req, "a static member came back with other protocols"))
	}
}

// rename gives a member another id.
func (g *group) rename(mem *member, id string) {
	delete(g.byID, mem.id)
	if g.leader == mem.id {
		g.leader = id
	}
	mem.id = id
	g.byID[id] = mem
}

// replace keeps the new id of a static member, and then lets it go on with what it had. A leader is told not to assign
// anew (SkipAssignment, KIP-814); one whose version cannot hear that is told that another leads.
func (m *Machine) replace(now time.Time, g *group, mem, before *member, led bool, req *kmsg.JoinGroupRequest, answer Answer) {
	id, generation, over := mem.id, g.generation, false
	current := func() bool {
		return g.byID[id] == mem && g.state == Stable && g.generation == generation
	}
	refuse := func(now time.Time, err *kerr.Error) {
		if over {
			return
		}
		over = true
		if current() { // it is as it was: the one before goes on
			g.rename(mem, before.id)
			mem.client, mem.protocols, mem.session, mem.rebalance = before.client, before.protocols, before.session, before.rebalance
			mem.alive(now)
			m.arm(g)
		}
		answer(joinRefusal(err, req.MemberID))
	}
	m.write(now, false, []Record{m.record(now, g, g.assigned())}, func(now time.Time, err *kerr.Error) {
		switch {
		case err != nil:
			refuse(now, coordinatorError(err))
		case over:
		case !current():
			over = true
			answer(joinRefusal(kerr.RebalanceInProgress, id))
		default:
			over = true
			mem.alive(now)
			m.arm(g)
			answer(g.resumed(mem, before.id, led, req.Version))
		}
	}, func(now time.Time) { refuse(now, kerr.CoordinatorNotAvailable) })
}

// resumed is the answer to a static member that goes on in the present generation.
func (g *group) resumed(mem *member, before string, led bool, version int16) *kmsg.JoinGroupResponse {
	resp := g.joined(mem)
	switch {
	case led && version >= 9:
		resp.SkipAssignment = true
	case led:
		resp.LeaderID, resp.Members = before, nil
	}
	return resp
}

// assigned is what the members have.
func (g *group) assigned() map[*member][]byte {
	all := make(map[*member][]byte, len(g.members))
	for _, mem := range g.members {
		all[mem] = mem.assignment
	}
	return all
}
