package sim

import (
	"fmt"
	"slices"

	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// handover is the part of a story about a member that goes: what it had is given to others.
type handover struct {
	// group of the member, nil before one has gone; missing are its partitions that nobody reads yet.
	group   *consumers
	missing []int
	over    bool
}

// handing reports whether the story of this group is being told.
func (t *story) handing(g *consumers) bool { return t.handover.group == g && !t.handover.over }

// departing is told of a member that goes; the first that holds something, once the story of the record is told,
// begins the rebalance.
func (t *story) departing(m *consumer, how, why string) {
	if t.handing(m.group) {
		t.line(m.name, "members may go at any time: who is left begins anew", "%s too", how)
		return
	}
	begins := t.on(recordDone, recordDone) || t.on(told, told)
	if !begins || t.handover.group != nil || !m.owning || len(m.owned()) == 0 {
		return
	}
	t.handover = handover{group: m.group, missing: m.owned()}
	t.line(m.name, why, "%s: in generation %d of group %s it had %s", how, m.ownGeneration, m.group.name, places(m.owned()))
}

// places names partitions.
func places(partitions []int) string {
	if len(partitions) == 0 {
		return "no partition"
	}
	text := ""
	for _, p := range partitions {
		text += " " + place(p).String()
	}
	return text[1:]
}

// regrouping is told of every event of a coordinator. The texts are the events' own.
func (t *story) regrouping(h *host, e nodeevent.Event) {
	g := t.handover.group
	if g == nil || t.handover.over {
		return
	}
	switch e := e.(type) {
	case nodeevent.GroupMemberExpired:
		if e.Group == g.name {
			t.line(h.String(), "a member that is not heard of for its session is none any more: only now may others get what it had", "%v", e)
		}
	case nodeevent.GroupRebalanced:
		if e.Group == g.name {
			t.line(h.String(), "the assignment is a record of __consumer_offsets, and was committed there before any member is told", "%v", e)
		}
	case nodeevent.CoordinatorLoaded:
		t.line(h.String(), "the group's coordinator leads a partition of __consumer_offsets: who leads it next reads all of it first", "%v", e)
	}
}

// rebalancing is told of a member that hears of a rebalance.
func (t *story) rebalancing(m *consumer) {
	if !t.handing(m.group) {
		return
	}
	does := "gives it up and joins again"
	if m.group.cooperative {
		does = "keeps it and joins again (KIP-429)"
	}
	t.line(m.name, "REBALANCE_IN_PROGRESS is how members are told: what they have processed is committed before anybody else goes on with it",
		"hears of the rebalance at its heartbeat; it has %s, commits how far it is, %s", places(m.owned()), does)
}

// joined is told of a member that is in a generation.
func (t *story) joined(m *consumer, resp *kmsg.JoinGroupResponse) {
	switch {
	case !t.handing(m.group):
	case resp.LeaderID == resp.MemberID && !resp.SkipAssignment:
		t.line(m.name, "the broker knows nothing of assignors: one of the members shares the partitions out",
			"joins generation %d and leads it: it assigns, by %s, to %d members", resp.Generation, *resp.Protocol, len(resp.Members))
	default:
		t.line(m.name, "a join is answered when all members have joined, or had their time to", "joins generation %d", resp.Generation)
	}
}

// settled is told of a member that has its assignment.
func (t *story) settled(m *consumer, assigned []int) {
	if t.handing(m.group) {
		t.line(m.name, "from here on it may commit in this generation, and nobody of a former one may", "is assigned %s in generation %d", places(assigned), m.generation)
		t.handed(m)
	}
}

// resumed is told of a member that knows where to go on.
func (t *story) resumed(m *consumer, positions []history.Position) {
	if !t.handing(m.group) {
		return
	}
	text := ""
	for _, p := range positions {
		text += fmt.Sprintf(", %s at offset %d", p.Partition, max(p.Offset, 0))
	}
	t.line(m.name, "the committed offset is where the member before it stood; what was processed after that commit is processed again",
		"asks where the group stands, and goes on with %s", text[2:])
	t.handed(m)
}

// handed ends the story once somebody reads each of the partitions again.
func (t *story) handed(m *consumer) {
	t.handover.missing = slices.DeleteFunc(t.handover.missing, func(p int) bool { return m.held[p] && m.resumed[p] })
	if len(t.handover.missing) == 0 {
		t.handover.over = true
		t.line(m.name, "for the group nothing has changed but who does the work", "reads the last of them: the rebalance is over")
	}
}
