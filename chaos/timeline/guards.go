package timeline

import (
	"fmt"
	"slices"
	"strings"
)

// Guards limit what may be in force at once. The zero value limits nothing.
//
// A drawn fault that might break one is not drawn, a written one that would is a problem of the timeline,
// and where only the running cluster can tell, the fault fails when it fires.
type Guards struct {
	// MaxDown is how many nodes at most may be down at once, by faults that their kind calls Down; 0 is
	// any number.
	MaxDown int `json:"max_down,omitempty"`
	// KeepQuorum leaves a majority of the voters up.
	KeepQuorum bool `json:"keep_quorum,omitempty"`
}

// String is the guards for people; "none" if there are none.
func (g Guards) String() string {
	var all []string
	if g.MaxDown > 0 {
		all = append(all, fmt.Sprintf("at most %d down at once", g.MaxDown))
	}
	if g.KeepQuorum {
		all = append(all, "a majority of the voters stays up")
	}
	if all == nil {
		return "none"
	}
	return strings.Join(all, ", ")
}

// Refuse says which guard would be broken if these nodes, each named once, were down; "" if none is.
func (g Guards) Refuse(down []int32, m Members) string {
	voters := 0
	for _, id := range down {
		if slices.Contains(m.Voters, id) {
			voters++
		}
	}
	return g.refuse(len(down), voters, m)
}

// refuse says which guard is broken with so many nodes and voters down.
func (g Guards) refuse(nodes, voters int, m Members) string {
	switch all := len(m.Voters); {
	case g.MaxDown > 0 && nodes > g.MaxDown:
		return fmt.Sprintf("guard max_down: %d at most may be down at once, and %d would be", g.MaxDown, nodes)
	case g.KeepQuorum && voters > 0 && all-voters <= all/2:
		return fmt.Sprintf("guard keep_quorum: %d of %d voters would be down, and those left are no majority", voters, all)
	}
	return ""
}

// toll is how many nodes a fault takes down, and at least and at most how many voters are among them.
type toll struct{ nodes, leastVoters, mostVoters int }

// toll of a fault, as far as its target tells before it fires.
func (f Fault) toll(m Members, topics []Topic) toll {
	info, _ := Lookup(f.Kind)
	s, err := f.Target.Selector()
	if err != nil || !info.Down {
		return toll{}
	}
	voting := 0
	for _, id := range m.Brokers {
		if slices.Contains(m.Voters, id) {
			voting++
		}
	}
	brokers := func(n int) toll { return toll{n, max(0, n-(len(m.Brokers)-voting)), min(n, voting)} }
	switch s.Role {
	case All:
		return toll{len(m.Nodes), len(m.Voters), len(m.Voters)}
	case Quorum:
		n := s.size(m)
		return toll{n, n, n}
	case Controller:
		return toll{1, 1, 1}
	case Minority, Majority:
		return brokers(s.size(m))
	case Followers:
		return brokers(followers(s.Topic, topics))
	case Client, Clients, Everyone, Nodes:
		return toll{}
	case "":
		if !s.Any {
			voter := 0
			if slices.Contains(m.Voters, s.Node) {
				voter = 1
			}
			return toll{1, voter, voter}
		}
	}
	return brokers(1)
}

// followers of a topic's partitions, each.
func followers(topic string, topics []Topic) int {
	for _, t := range topics {
		if t.Name == topic {
			return int(t.ReplicationFactor) - 1
		}
	}
	return 0
}

// Allows reports whether a fault may be drawn while others are in force: whoever their targets turn out to
// be, no guard breaks, and none of the others has the same target.
func (g Guards) Allows(f Fault, inForce []Fault, m Members, topics []Topic) bool {
	sum := f.toll(m, topics)
	for _, other := range inForce {
		if other.Target == f.Target && !f.Target.drawn() {
			return false
		}
		t := other.toll(m, topics)
		sum.nodes += t.nodes
		sum.mostVoters += t.mostVoters
	}
	return g.refuse(sum.nodes, sum.mostVoters, m) == ""
}

// drawn reports whether the target may be another node each time.
func (t Target) drawn() bool {
	s, err := t.Selector()
	return err == nil && (s.Any || s.Role == Follower)
}

// ValidateGuards lists the written faults of which it is certain that they break a guard: those that are in
// force with them, by the times of the timeline, are counted. A node has one fault at a time, so that the
// nodes of two faults are not the same.
func (t Timeline) ValidateGuards(g Guards, m Members, topics []Topic) []Problem {
	var problems []Problem
	for first := 0; first < len(t); first = t.Group(first) {
		at := t.Injections(first)
		for i := range at {
			sum := toll{}
			var with []string
			for k := range i + 1 {
				f := t[first+k]
				if k < i && at[k]+f.Hold <= at[i] {
					continue
				}
				own := f.toll(m, topics)
				sum.nodes += own.nodes
				sum.leastVoters += own.leastVoters
				if k < i && own.nodes > 0 {
					with = append(with, fmt.Sprintf("fault %d, %s", first+k+1, f.What()))
				}
			}
			f := t[first+i]
			text := g.refuse(sum.nodes, sum.leastVoters, m)
			if text == "" || f.Drawn > 0 || f.toll(m, topics).nodes == 0 {
				continue
			}
			if with != nil {
				text += ", as these are in force: " + strings.Join(with, "; ")
			}
			problems = append(problems, Problem{Fault: first + i, Field: "target", Text: text})
		}
	}
	return problems
}
