package timeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Validate lists everything that keeps the timeline from being executed on a cluster with these members
// under a placement; nil when it can be. Roles are not resolved: see ValidateRoles.
func (t Timeline) Validate(placement Placement, m Members) []Problem {
	var problems []Problem
	for i, f := range t {
		add := func(p Problem) {
			p.Fault = i
			problems = append(problems, p)
		}
		if p, bad := checkKind(f.Kind, placement); bad {
			add(p)
		}
		info, known := Lookup(f.Kind)
		if err := checkTarget(f.Target, info.On, m); err != nil {
			add(Problem{Field: "target", Text: err.Error()})
		}
		if known {
			if err := f.checkPeers(info, m); err != nil {
				add(Problem{Field: "peers", Text: err.Error()})
			}
			for _, p := range f.checkParams(info) {
				add(p)
			}
		}
		if f.After < 0 {
			add(Problem{Field: "after", Text: fmt.Sprintf("%v is before the load began: it must not be negative", f.After)})
		}
		if f.Hold < 0 {
			add(Problem{Field: "hold", Text: fmt.Sprintf("%v is no time to hold a fault: it must not be negative", f.Hold)})
		}
		if err := f.Until.check(); err != nil {
			add(Problem{Field: "until", Text: err.Error()})
		}
		if p, bad := t.checkOverlap(i); bad {
			add(p)
		}
	}
	return problems
}

// checkTarget is the error of a target that no cluster with these members has, or that the subject of a
// fault does not allow; an unknown fault allows all.
func checkTarget(t Target, on Subject, m Members) error {
	s, err := t.Selector()
	if err != nil {
		return err
	}
	client := s.Role == Client || s.Role == Clients
	switch {
	case s.Role == Everyone || s.Role == Nodes:
		return fmt.Errorf("%s is who the peers of a fault of links may be, and no target: write all for every node", t)
	case on == OnClients && !client:
		return fmt.Errorf("target %s is no client of the load: write client(0), or clients for all of them", t)
	case on == OnLeader && s.Role != Leader:
		return fmt.Errorf("target %s is not the leader of a partition: write leader(orders,0)", t)
	case (on == OnNodes || on == OnLeader) && client:
		return fmt.Errorf("target %s is a client of the load: this fault strikes nodes", t)
	}
	return s.exists(m)
}

// exists is the error of a selector that means nobody, whatever the state of the cluster.
func (s Selector) exists(m Members) error {
	switch s.Role {
	case "":
		_, err := Resolve(s.Target(), m, func(int) int { return 0 })
		return err
	case Minority, Majority, Quorum:
		_, err := s.some(m, func(int) int { return 0 })
		return err
	case Coordinator:
		if !slices.Contains(m.Groups, s.Group) {
			return fmt.Errorf("target %s: there is no group %q, the groups are %s", s.Target(), s.Group, cmp.Or(strings.Join(m.Groups, ", "), "none"))
		}
	case TransactionCoordinator:
		if !slices.Contains(m.Transactional, s.Transactional) {
			return fmt.Errorf("target %s: no client writes in transactions under the name %q, those that do are %s",
				s.Target(), s.Transactional, cmp.Or(strings.Join(m.Transactional, ", "), "none"))
		}
	case Client:
		if m.Clients > 0 && int(s.Node) >= m.Clients {
			return fmt.Errorf("target %s: the load has the clients 0 to %d, producers first", s.Target(), m.Clients-1)
		}
	}
	return nil
}

// checkPeers is the error of peers that a fault cannot have.
func (f Fault) checkPeers(info Info, m Members) error {
	if f.Peers == "" {
		return nil
	}
	if !info.Peers {
		return fmt.Errorf("%s has no peers, it is no fault of links: remove them", f.Kind)
	}
	s, err := f.Peers.Selector()
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	target, err := f.Target.Selector()
	if err != nil {
		return nil // it is reported as such
	}
	ofClients := target.Role == Client || target.Role == Clients
	switch {
	case s.Role == All:
		return errors.New("peers all: write nodes for all other nodes, or everyone for the clients too")
	case f.Peers == f.Target:
		return fmt.Errorf("peers %s is the target itself: name the other end", f.Peers)
	case ofClients && (s.Role == Client || s.Role == Clients):
		return fmt.Errorf("there is no link from %s to %s: a client has links to nodes only", f.Target, f.Peers)
	case s.Role == Everyone || s.Role == Nodes || s.Role == Clients:
		return nil
	}
	return s.exists(m)
}

// checkOverlap reports a fault that overlaps with nothing.
func (t Timeline) checkOverlap(i int) (Problem, bool) {
	f := t[i]
	switch {
	case !f.Overlap:
		return Problem{}, false
	case i > 0 && f.Drawn > 0 && f.Drawn == t[i-1].Drawn:
		return Problem{}, false
	case i == 0:
		return Problem{Field: "overlap", Text: "there is no fault before the first one that it could overlap with: remove it"}, true
	case f.After >= t[i-1].Hold:
		return Problem{Field: "after", Text: fmt.Sprintf("%v is too late to overlap: the fault before it is held for %v only", f.After, t[i-1].Hold)}, true
	}
	return Problem{}, false
}

// Topic as far as roles in its partitions need it.
type Topic struct {
	Name              string
	Partitions        int32
	ReplicationFactor int16
}

// ValidateRoles lists the targets that name a role which no node can ever have, given the topics of
// the run: an unknown topic or partition, a follower of a single replica.
func (t Timeline) ValidateRoles(topics []Topic) []Problem {
	var problems []Problem
	for i, f := range t {
		for _, named := range []struct {
			field  string
			target Target
		}{{"target", f.Target}, {"peers", f.Peers}, {"until.elsewhere", f.Until.Elsewhere}} {
			s, err := named.target.Selector()
			if err != nil || s.Topic == "" {
				continue // the first is Validate's
			}
			if p, bad := s.checkRole(topics); bad {
				p.Fault, p.Field = i, named.field
				problems = append(problems, p)
			}
		}
		if p, bad := f.checkTopic(topics); bad {
			p.Fault = i
			problems = append(problems, p)
		}
		if p, bad := f.Until.checkTopic(topics); bad {
			p.Fault = i
			problems = append(problems, p)
		}
	}
	return problems
}

// checkRole reports a role in a partition that does not exist or cannot have it.
func (s Selector) checkRole(topics []Topic) (Problem, bool) {
	var known []string
	for _, topic := range topics {
		known = append(known, topic.Name)
	}
	at := slices.Index(known, s.Topic)
	switch {
	case at < 0:
		return Problem{Text: fmt.Sprintf("target %s: there is no topic %q, the topics are %s", s.Target(), s.Topic, strings.Join(known, ", "))}, true
	case s.Partition >= topics[at].Partitions:
		return Problem{Text: fmt.Sprintf("target %s: topic %s has the partitions 0 to %d", s.Target(), s.Topic, topics[at].Partitions-1)}, true
	case s.Role != Leader && topics[at].ReplicationFactor < 2:
		return Problem{Text: fmt.Sprintf("target %s: topic %s has replication factor %d, so there is no follower", s.Target(), s.Topic, topics[at].ReplicationFactor)}, true
	}
	return Problem{}, false
}

// checkKind reports whether the kind is unknown or the placement cannot do it.
func checkKind(k Kind, placement Placement) (Problem, bool) {
	info, ok := Lookup(k)
	if !ok {
		known := make([]string, 0, len(kinds))
		for _, i := range kinds {
			known = append(known, string(i.Kind))
		}
		return Problem{
			Field: "fault", Value: string(k), Known: known,
			Text: fmt.Sprintf("unknown fault %q: known are %s", string(k), strings.Join(known, ", ")),
		}, true
	}
	if slices.Contains(info.Placements, placement) {
		return Problem{}, false
	}
	can := make([]string, 0, len(info.Placements))
	for _, p := range info.Placements {
		can = append(can, string(p))
	}
	return Problem{
		Field: "fault",
		Text: fmt.Sprintf("placement %q cannot do %s: it needs the capability %s, which %s has",
			string(placement), k, info.Capability, strings.Join(can, ", ")),
	}, true
}
