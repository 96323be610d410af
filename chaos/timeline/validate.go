package timeline

import (
	"fmt"
	"slices"
	"strings"
)

// Validate lists everything that keeps the timeline from being executed on nodes (ids, ascending)
// under a placement; nil when it can be. Roles are not resolved: see ValidateRoles.
func (t Timeline) Validate(placement Placement, nodes []int32) []Problem {
	var problems []Problem
	for i, f := range t {
		add := func(p Problem) {
			p.Fault = i
			problems = append(problems, p)
		}
		if p, bad := checkKind(f.Kind, placement); bad {
			add(p)
		}
		if err := checkTarget(f.Target, nodes); err != nil {
			add(Problem{Field: "target", Text: err.Error()})
		}
		if f.After < 0 {
			add(Problem{Field: "after", Text: fmt.Sprintf("%v is before the load began: it must not be negative", f.After)})
		}
		if f.Hold < 0 {
			add(Problem{Field: "hold", Text: fmt.Sprintf("%v is no time to hold a fault: it must not be negative", f.Hold)})
		}
		if p, bad := t.checkOverlap(i); bad {
			add(p)
		}
	}
	return problems
}

// checkTarget is the error of a target that is no target of any cluster with these nodes.
func checkTarget(t Target, nodes []int32) error {
	if s, err := t.Selector(); err == nil && s.Role != "" {
		return nil
	}
	_, err := Resolve(t, nodes, func(int) int { return 0 })
	return err
}

// checkOverlap reports a fault that overlaps with nothing.
func (t Timeline) checkOverlap(i int) (Problem, bool) {
	f := t[i]
	switch {
	case !f.Overlap:
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
		s, err := f.Target.Selector()
		if err != nil || s.Topic == "" {
			continue // the first is Validate's
		}
		if p, bad := s.checkRole(topics); bad {
			p.Fault, p.Field = i, "target"
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
