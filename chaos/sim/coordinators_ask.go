package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetsOf asks a coordinator what a group has committed, as a client would; that changes nothing.
func offsetsOf(coordinator actor.Actor, group string) map[int32]int64 {
	req := kmsg.NewPtrOffsetFetchRequest()
	one := kmsg.NewOffsetFetchRequestGroup()
	one.Group = group
	req.Groups = append(req.Groups, one)
	known := map[int32]int64{}
	for _, resp := range consult(coordinator, req) {
		for _, t := range resp.(*kmsg.OffsetFetchResponse).Groups[0].Topics {
			for _, p := range t.Partitions {
				if t.Topic == Topic {
					known[p.Partition] = p.Offset
				}
			}
		}
	}
	return known
}

// consult asks a coordinator something that changes nothing.
func consult(coordinator actor.Actor, req kmsg.Request) (answers []kmsg.Response) {
	var none actor.Effects
	coordinator.Step(startTime, api.CoordinatorRequest{From: observer, Body: req}, &none)
	for _, s := range none.Sends {
		if reply, ok := s.Message.(api.CoordinatorReply); ok && s.To == observer {
			answers = append(answers, reply.Body)
		}
	}
	return answers
}

func offsetsText(all []keptOffset) (text string) {
	for _, k := range all {
		text += fmt.Sprintf(" %d", k.offset)
	}
	if text == "" {
		return " nothing"
	}
	return text
}

// coordinator is the broker that leads the partition of a group; nobody if none is known to.
func (c *checker) coordinator(group string) int32 {
	n := c.sim.terrain.load.Partitions
	p := c.partition(n + int(api.CoordinatorPartition(group, len(c.groups.terms))))
	if p == nil {
		return nobody
	}
	return p.Leader
}

// coordinates counts moves of coordinators.
func (c *checker) coordinates(index int, now *metadata.Partition) {
	at := index - c.sim.terrain.load.Partitions
	if at < 0 || at >= len(c.groups.leaders) || now.Leader < 0 {
		return
	}
	if before := c.groups.leaders[at]; before != nobody && before != now.Leader {
		c.sim.marks[CoordinatorMoved]++
	}
	c.groups.leaders[at] = now.Leader
}

// knows reports whether the coordinator that a member asked has it as a member. One that loads its groups takes every
// heartbeat for good, whoever it comes from.
func (c *checker) knows(m *consumer) bool {
	if m.coordinator == nobody {
		return false
	}
	b := c.sim.hosts[m.coordinator].boxes[api.Coordinator]
	if b == nil {
		return false
	}
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{m.group.name}
	for _, resp := range consult(b.actor, req) {
		for _, one := range resp.(*kmsg.DescribeGroupsResponse).Groups[0].Members {
			if one.MemberID == m.id {
				return true
			}
		}
	}
	return false
}

// expired counts members that were taken out of their groups.
func (c *checker) expired(e nodeevent.GroupMemberExpired) {
	if strings.Contains(e.Reason, "sync") {
		c.sim.marks[MemberExpiredSyncing]++
		return
	}
	c.sim.marks[MemberExpired]++
}

// owners checks that nobody else in the group may still think that it has a partition which a member is given: who was
// confirmed by the coordinator has it until its session, or the time to rejoin, may be over. Another process of the
// same static member takes its place, and may give up what it never had: who was replaced goes on for a while.
func (c *checker) owners(m *consumer, partition int) {
	all := slices.Concat(m.group.members, m.group.doubled)
	for _, other := range all {
		twice := func(p *consumer) bool { return p != other && p.place == other.place }
		if other == m || other.dead || !other.held[partition] || slices.ContainsFunc(all, twice) {
			continue
		}
		// An answer may come so late that its generation is over.
		if other.ownGeneration <= m.generation && c.sim.now < other.until() {
			c.violated("owners", "%s is given %s in generation %d, and %s has it in generation %d, confirmed until %v",
				m.name, place(partition), m.generation, other.name, other.ownGeneration, other.until())
		}
	}
}
