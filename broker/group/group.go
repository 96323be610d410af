package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// State of a group, as DescribeGroups and ListGroups write it.
type State string

// The states of a group; the package's picture shows how they follow one another.
const (
	Empty      State = "Empty"
	Preparing  State = "PreparingRebalance"
	Completing State = "CompletingRebalance"
	Stable     State = "Stable"
	Dead       State = "Dead"
)

// group is one group. Invariant: byID and static hold exactly the members, by id and by instance.
type group struct {
	id    string
	state State
	// since is when the state began, by the clock on the wall; rebalancing when the rebalance under way did.
	since       time.Time
	rebalancing time.Time
	// reason of the rebalance under way.
	reason string
	// protocolType is what kind of group it is, "consumer" or "connect"; "" for one that only has offsets.
	protocolType string
	// protocol is the assignor that was chosen; "" while the group is empty.
	protocol   string
	leader     string
	generation int32
	// members in the order in which they joined.
	members []*member
	byID    map[string]*member
	static  map[string]*member
	// pending are ids that were given to clients who have not joined with them yet, and when they lapse (KIP-394).
	pending map[string]time.Time
	// joinBy ends a rebalance without those who have not joined; syncBy the time to sync. Zero while there is none.
	joinBy, syncBy time.Time
	// initial is set while the first rebalance of an empty group waits for more members, for extend at most after
	// joinBy, if newcomers have come since that was set.
	initial, newcomers bool
	extend             time.Duration
	// storing is set while the assignment of this generation is being written.
	storing bool
	offsets map[partition]offset
	// inFlight counts the commits of a partition that are being written.
	inFlight map[partition]int
	promises promises
	// stored is set if there is a record of the group's metadata in the log; kept is the last assignment in it that was
	// told to members.
	stored bool
	kept   kept
	// armed is the group's entry in the heap; zero for none.
	armed time.Time
}

// kept is a generation whose assignment is committed, and its protocol.
type kept struct {
	generation int32
	protocol   string
}

// partition of a topic.
type partition struct {
	topic string
	index int32
}

func newGroup(id string) *group {
	return &group{
		id: id, state: Empty, byID: map[string]*member{}, static: map[string]*member{}, pending: map[string]time.Time{},
		offsets: map[partition]offset{}, inFlight: map[partition]int{},
		promises: promises{open: map[partition]map[int64]offset{}, writing: map[partition]int{}},
	}
}

// enter changes the state.
func (m *Machine) enter(now time.Time, g *group, s State) { g.state, g.since = s, m.cfg.Wall(now) }

// deadline is the first thing of the group that is due; zero for none.
func (g *group) deadline() (first time.Time) {
	earliest := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	earliest(g.joinBy)
	earliest(g.syncBy)
	for _, t := range g.pending {
		earliest(t)
	}
	for _, mem := range g.members {
		earliest(mem.expires)
	}
	return first
}

// tick does what is due in a group.
func (m *Machine) tick(now time.Time, g *group) {
	for _, id := range sortedKeys(g.pending) {
		if !g.pending[id].After(now) {
			delete(g.pending, id)
		}
	}
	for _, mem := range slices.Clone(g.members) {
		if !mem.expires.After(now) {
			m.expireMember(now, g, mem)
		}
	}
	if !g.syncBy.IsZero() && !g.syncBy.After(now) {
		m.expireSync(now, g)
	}
	m.tryComplete(now, g)
	m.forget(g)
}

// forget drops a group of which nothing is left, here or in the log.
func (m *Machine) forget(g *group) {
	if g.state == Empty && !g.stored && len(g.members)+len(g.pending)+len(g.offsets)+len(g.inFlight)+len(g.promises.open) == 0 {
		delete(m.groups, g.id)
	}
}

// rebalanceTimeout is the longest that any member asked for.
func (g *group) rebalanceTimeout() (longest time.Duration) {
	for _, mem := range g.members {
		longest = max(longest, mem.rebalance)
	}
	return longest
}

// add makes a member of the group.
func (g *group) add(mem *member, protocolType string) {
	if len(g.members) == 0 {
		g.protocolType = protocolType
	}
	if g.leader == "" {
		g.leader = mem.id
	}
	g.members = append(g.members, mem)
	g.byID[mem.id] = mem
	if mem.instance != nil {
		g.static[*mem.instance] = mem
	}
}

// remove takes a member out of the group; whoever waits in its name is told so.
func (g *group) remove(mem *member) {
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == mem })
	delete(g.byID, mem.id)
	if mem.instance != nil && g.static[*mem.instance] == mem {
		delete(g.static, *mem.instance)
	}
	if g.leader == mem.id {
		g.leader = ""
		if len(g.members) > 0 {
			g.leader = g.members[0].id
		}
	}
	mem.gone()
}

// supports reports whether a member with these protocols could be in the group: one that is empty takes any.
func (g *group) supports(protocolType string, protocols []protocol, except *member) bool {
	if protocolType == "" || len(protocols) == 0 {
		return false
	}
	others := slices.DeleteFunc(slices.Clone(g.members), func(mem *member) bool { return mem == except })
	if len(others) == 0 {
		return true
	}
	if protocolType != g.protocolType {
		return false
	}
	return slices.ContainsFunc(protocols, func(p protocol) bool { return common(others, p.name) })
}

// common reports whether all members support a protocol.
func common(members []*member, name string) bool {
	for _, mem := range members {
		if !mem.supports(name) {
			return false
		}
	}
	return true
}

// choose gives the protocol that all members support and most of them like best; among equals the one that
// the first member likes better.
func (g *group) choose() string {
	votes := map[string]int{}
	for _, mem := range g.members {
		for _, p := range mem.protocols {
			if common(g.members, p.name) {
				votes[p.name]++
				break
			}
		}
	}
	best := ""
	for _, p := range g.members[0].protocols {
		if votes[p.name] > votes[best] {
			best = p.name
		}
	}
	return best
}

// subscribed reports whether members of the group read a topic, as far as their subscriptions can be understood;
// where one cannot be, they may.
func (g *group) subscribed(topic string) bool {
	return slices.ContainsFunc(g.members, func(mem *member) bool {
		for _, p := range mem.protocols {
			var s kmsg.ConsumerMemberMetadata
			if err := s.ReadFrom(p.metadata); err != nil || slices.Contains(s.Topics, topic) {
				return true
			}
		}
		return false
	})
}

// consumers says that the group shares out partitions of topics, as Apache Kafka's consumers do.
func (g *group) consumers() bool { return g.protocolType == "consumer" }
