package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// GroupChoice says whether the load has consumer groups.
type GroupChoice uint8

const (
	// GroupsDrawn leaves it to the seed: one swarm in five has them; a plot, a timeline and a load that is given have none.
	GroupsDrawn GroupChoice = iota
	// WithGroups and WithoutGroups do not.
	WithGroups
	WithoutGroups
)

// grouped is every how manieth seed has consumer groups. None of those has an administrator.
const grouped = 5

// hasGroups says whether a run has consumer groups.
func (c Config) hasGroups() bool {
	drawn := c.Seed%grouped == 3 && c.Plot == "" && c.Timeline == nil && c.Load == (Load{})
	return c.Groups == WithGroups || c.Groups == GroupsDrawn && drawn
}

// groupTerrain is what a seed draws once of its consumer groups, from a generator of its own: what else is drawn
// does not depend on it.
type groupTerrain struct {
	groups []groupPlan
	// partitions of __consumer_offsets, and how long an empty group waits for more members.
	partitions   int32
	initialDelay time.Duration
}

// groupPlan is how the members of one group are set.
type groupPlan struct {
	name    string
	members int
	// static members have an instance id (KIP-345), cooperative ones keep what they are not asked to give up
	// (KIP-429), and those that commit before they process may lose records and read none twice.
	static, cooperative, before   bool
	session, rebalance, heartbeat time.Duration
	// inputs are how many partitions of the topic are the group's, 0 for all; work is how its members transform them, nil
	// where they only read.
	inputs int
	work   *workPlan
}

// drawGroups draws them; the zero value where a run has none.
func drawGroups(cfg Config, rng *rand.Rand) (t groupTerrain) {
	if !cfg.hasGroups() {
		return t
	}
	t.partitions, t.initialDelay = int32(1+rng.IntN(3)), between(rng, 0, 600*time.Millisecond)
	for _, name := range []string{"workers", "auditors"}[:1+rng.IntN(2)] {
		p := groupPlan{
			name: name, members: 2 + rng.IntN(3), static: rng.IntN(3) == 0, cooperative: rng.IntN(2) == 0, before: rng.IntN(3) == 0,
			session: between(rng, 800*time.Millisecond, 3*time.Second), rebalance: between(rng, 500*time.Millisecond, 3*time.Second),
		}
		p.heartbeat = p.session / 4
		t.groups = append(t.groups, p)
	}
	return t
}

// Assignors, by the names that Apache Kafka's have.
const (
	eagerAssignor       = "range"
	cooperativeAssignor = "cooperative-sticky"
)

// consumers is one consumer group of the load.
type consumers struct {
	groupPlan
	sim  *simulation
	draw *rand.Rand
	// members are the present processes, by their place in the group.
	members []*consumer
	// doubled are processes that run on while another one has their static instance.
	doubled []*consumer
	// ending is set once members are to leave for good.
	ending bool
}

func (s *simulation) addGroups() {
	for _, plan := range s.terrain.groups.groups {
		g := &consumers{groupPlan: plan, sim: s, draw: s.groups}
		for i := range plan.members {
			g.members = append(g.members, newConsumer(g, i, 1))
		}
		s.consumers = append(s.consumers, g)
	}
}

// beginGroups lets the members join, and things happen to them.
func (s *simulation) beginGroups() {
	for _, g := range s.consumers {
		for i, m := range g.members {
			m.sim.after(between(g.draw, time.Millisecond, 2*time.Second), kindClient, m.start)
			g.live(i)
		}
	}
}

// live lets something happen to the member at a place, again and again while the load lasts: it leaves, it crashes,
// stands still, or is started a second time with the same instance. It comes back as another process, or goes on as if
// nothing had been.
func (g *consumers) live(place int) {
	g.sim.after(between(g.draw, 2*time.Second, 14*time.Second), kindClient, func() {
		if !g.sim.loading {
			return
		}
		m, away := g.members[place], between(g.draw, 100*time.Millisecond, 2*g.session)
		again := func() { g.live(place) }
		switch draw := g.draw.IntN(4); {
		case m.dead || m.stalled:
			again()
		case draw == 0:
			m.stall(between(g.draw, g.session/4, 2*g.session))
			again()
		case draw == 1 && !g.static:
			m.leave(func() { g.replace(place, away, again) })
		case draw == 1:
			g.doubled = append(g.doubled, m)
			g.replace(place, away, again)
		default:
			m.crashed()
			g.replace(place, away, again)
		}
	})
}

// replace starts another process in the place of a member after a while, unless that has been done meanwhile: a static
// member that was doubled may be fenced before its double comes.
func (g *consumers) replace(place int, away time.Duration, then func()) {
	before := g.members[place]
	g.sim.after(away, kindClient, func() {
		switch {
		case g.ending:
			return
		case g.members[place] != before:
			then()
			return
		}
		m := newConsumer(g, place, before.life+1)
		g.members[place] = m
		m.start()
		then()
	})
}

// count of the partitions that the members share.
func (g *consumers) count() int {
	if g.inputs > 0 {
		return g.inputs
	}
	return g.sim.terrain.load.Partitions
}

// assignment of partitions to members by the group's assignor: what each is to have, by member id.
func (g *consumers) assign(members []kmsg.JoinGroupResponseMember) map[string][]int {
	ids, owned := make([]string, 0, len(members)), map[string]claims{}
	for i := range members {
		ids = append(ids, members[i].MemberID)
		owned[members[i].MemberID] = ownedBy(members[i].ProtocolMetadata)
	}
	slices.Sort(ids)
	wanted := map[string][]int{}
	count := g.count()
	for i := range count {
		id := ids[i%len(ids)]
		wanted[id] = append(wanted[id], i)
	}
	if g.cooperative {
		return sticky(ids, owned, count)
	}
	return wanted
}

// sticky shares partitions out evenly and moves as few as it can. A partition that another member still holds is
// given to nobody: that one gives it up first, and joins again (KIP-429). Of two that say they hold it one has missed
// a generation: the other's is the later one (KIP-792).
func sticky(ids []string, owned map[string]claims, count int) map[string][]int {
	held := map[int]string{}
	for _, id := range ids {
		for _, p := range owned[id].partitions {
			if p < count && (held[p] == "" || owned[held[p]].generation < owned[id].generation) {
				held[p] = id
			}
		}
	}
	target, left := map[string][]int{}, []int{}
	most := (count + len(ids) - 1) / len(ids)
	for p := range count {
		if id := held[p]; id != "" && len(target[id]) < most {
			target[id] = append(target[id], p)
		} else {
			left = append(left, p)
		}
	}
	for _, p := range left {
		least := slices.MinFunc(ids, func(a, b string) int { return len(target[a]) - len(target[b]) })
		target[least] = append(target[least], p)
	}
	for _, id := range ids {
		target[id] = slices.DeleteFunc(target[id], func(p int) bool { return held[p] != "" && held[p] != id })
		slices.Sort(target[id])
	}
	return target
}

// subscription is what a member tells the assignor.
func (m *consumer) subscription() []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version, meta.Topics, meta.UserData, meta.Generation = 3, []string{Topic}, nil, m.ownGeneration
	if m.group.cooperative {
		owned := kmsg.NewConsumerMemberMetadataOwnedPartition()
		owned.Topic = Topic
		for _, p := range m.owned() {
			owned.Partitions = append(owned.Partitions, int32(p))
		}
		meta.OwnedPartitions = append(meta.OwnedPartitions, owned)
	}
	return meta.AppendTo(nil)
}

// claims are the partitions that a member says it holds, and the generation in which it was given them.
type claims struct {
	generation int32
	partitions []int
}

// ownedBy is what a member told the assignor that it holds.
func ownedBy(metadata []byte) (c claims) {
	var meta kmsg.ConsumerMemberMetadata
	if meta.ReadFrom(metadata) != nil {
		return c
	}
	c.generation = meta.Generation
	for _, t := range meta.OwnedPartitions {
		for _, p := range t.Partitions {
			c.partitions = append(c.partitions, int(p))
		}
	}
	return c
}

// encodeAssignment and decodeAssignment are what the leader tells a member.
func encodeAssignment(partitions []int) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	topic := kmsg.NewConsumerMemberAssignmentTopic()
	topic.Topic = Topic
	for _, p := range partitions {
		topic.Partitions = append(topic.Partitions, int32(p))
	}
	a.Topics = append(a.Topics, topic)
	return a.AppendTo(nil)
}

func decodeAssignment(data []byte) (partitions []int) {
	var a kmsg.ConsumerMemberAssignment
	if a.ReadFrom(data) != nil {
		return nil
	}
	for _, t := range a.Topics {
		for _, p := range t.Partitions {
			partitions = append(partitions, int(p))
		}
	}
	return partitions
}

// behindBarrier names the partitions in which groups have not committed beyond the barriers; "" if there is none.
func (s *simulation) behindBarrier(offsets []int64) (text string) {
	for _, g := range s.consumers {
		for i, offset := range offsets[:g.count()] {
			if at := g.committed(i); at <= offset {
				text += fmt.Sprintf(" %s in %s: %d of %d;", g.name, place(i), at, offset)
			}
		}
	}
	if text != "" {
		text = "groups have not committed beyond the barriers:" + text
		for _, g := range s.consumers {
			for _, m := range g.members {
				text += " " + m.standing() + ";"
			}
		}
	}
	return text
}

// committed is the highest offset of a partition that a member knows to be committed.
func (g *consumers) committed(index int) (at int64) {
	at = history.Unset
	for _, m := range slices.Concat(g.members, g.doubled) {
		at = max(at, m.done[index])
	}
	return at
}

// endGroups lets all members leave for good.
func (s *simulation) endGroups() {
	for _, g := range s.consumers {
		g.ending = true
		for _, m := range slices.Concat(g.members, g.doubled) {
			m.leave(func() {})
		}
	}
}

// dismissed reports whether all members have left.
func (s *simulation) dismissed() bool {
	for _, g := range s.consumers {
		for _, m := range slices.Concat(g.members, g.doubled) {
			if !m.dead {
				return false
			}
		}
	}
	return true
}
