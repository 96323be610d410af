package group

import (
	"slices"
	"time"

	"github.com/logproof/logproof/broker/event"
	"github.com/twmb/franz-go/pkg/kerr"
)

// prepare begins a rebalance: every member has to join again, and has its rebalance timeout for that. An empty
// group waits for more members first.
func (m *Machine) prepare(now time.Time, g *group, reason string) {
	for _, mem := range g.members {
		mem.answerSync(kerr.RebalanceInProgress, g, nil)
	}
	g.syncBy, g.storing = time.Time{}, false
	if g.state != Preparing {
		g.rebalancing, g.reason = now, reason
	}
	if g.initial = g.state == Empty; g.initial {
		g.joinBy, g.newcomers = now.Add(m.cfg.InitialDelay), false
		g.extend = max(g.rebalanceTimeout()-m.cfg.InitialDelay, 0)
	} else {
		g.joinBy = now.Add(g.rebalanceTimeout())
	}
	m.enter(now, g, Preparing)
	m.tryComplete(now, g)
}

// tryComplete ends a rebalance that need not wait any longer.
func (m *Machine) tryComplete(now time.Time, g *group) {
	if g.state != Preparing {
		return
	}
	over := !g.joinBy.After(now)
	switch {
	case g.initial && !over:
	case g.initial && g.newcomers && g.extend > 0:
		more := min(m.cfg.InitialDelay, g.extend)
		g.joinBy, g.newcomers = now.Add(more), false
		g.extend -= more
	case over || g.allJoined() || m.cfg.Bugs.TwoOwners && g.anyJoined():
		m.complete(now, g)
	}
}

func (g *group) allJoined() bool {
	return len(g.pending) == 0 && !slices.ContainsFunc(g.members, func(mem *member) bool { return mem.join == nil })
}

func (g *group) anyJoined() bool {
	return slices.ContainsFunc(g.members, func(mem *member) bool { return mem.join != nil })
}

// complete ends a rebalance with those who have joined. A static member may be late: it keeps its place until its
// session is over (KIP-345).
func (m *Machine) complete(now time.Time, g *group) {
	for _, mem := range slices.Clone(g.members) {
		if mem.join == nil && mem.instance == nil && !m.cfg.Bugs.TwoOwners {
			g.remove(mem)
			m.emit(event.GroupMemberExpired{Group: g.id, Member: mem.id, Reason: "it did not join the rebalance in time"})
		}
	}
	if len(g.members) > 0 && !g.electLeader() {
		g.joinBy = now.Add(g.rebalanceTimeout()) // only static members are left, and none of them has come yet
		return
	}
	g.joinBy, g.initial = time.Time{}, false
	g.generation++
	if len(g.members) == 0 {
		m.empty(now, g)
		return
	}
	g.protocol = g.choose()
	m.enter(now, g, Completing)
	g.syncBy = now.Add(g.rebalanceTimeout())
	for _, mem := range g.members {
		mem.newcomer, mem.synced = false, false
		mem.alive(now)
		mem.answerJoin(g.joined(mem))
	}
}

// electLeader makes sure that the leader is one who has joined; false if nobody has.
func (g *group) electLeader() bool {
	if leader := g.byID[g.leader]; leader != nil && leader.join != nil {
		return true
	}
	i := slices.IndexFunc(g.members, func(mem *member) bool { return mem.join != nil })
	if i >= 0 {
		g.leader = g.members[i].id
	}
	return i >= 0
}

// empty is the end of a group's last member. That is kept too: the age of its offsets counts from now.
func (m *Machine) empty(now time.Time, g *group) {
	g.protocol, g.leader = "", ""
	m.enter(now, g, Empty)
	m.emit(event.GroupRebalanced{Group: g.id, Generation: g.generation, Reason: g.reason, Milliseconds: now.Sub(g.rebalancing).Milliseconds()})
	generation := g.generation
	m.write(now, false, []Record{m.record(now, g, nil)}, func(_ time.Time, err *kerr.Error) {
		// If it could not be written, the next coordinator finds members that do not come, and removes them.
		if err == nil && g.generation == generation {
			g.stored = true
		}
	}, nil)
}

// leave removes a member, and lets the others share what it had.
func (m *Machine) leave(now time.Time, g *group, mem *member, reason string) {
	g.remove(mem)
	switch g.state {
	case Preparing:
		m.tryComplete(now, g)
	case Completing, Stable:
		m.prepare(now, g, reason)
	}
	m.arm(g)
}

// expireMember ends the session of a member, unless it waits for an answer from here: then it lives, but a
// newcomer not for ever.
func (m *Machine) expireMember(now time.Time, g *group, mem *member) {
	if g.byID[mem.id] != mem {
		return
	}
	if (mem.join != nil || mem.sync != nil) && !mem.newcomer {
		mem.alive(now)
		return
	}
	m.emit(event.GroupMemberExpired{Group: g.id, Member: mem.id, Reason: "its session is over"})
	m.leave(now, g, mem, "the session of a member is over")
}

// expireSync removes those who have joined and do not ask for what they were assigned.
func (m *Machine) expireSync(now time.Time, g *group) {
	g.syncBy = time.Time{}
	silent := slices.DeleteFunc(slices.Clone(g.members), func(mem *member) bool { return mem.synced })
	if len(silent) == 0 {
		return
	}
	for _, mem := range silent {
		g.remove(mem)
		m.emit(event.GroupMemberExpired{Group: g.id, Member: mem.id, Reason: "it joined and did not sync in time"})
	}
	m.prepare(now, g, "members did not sync")
}
