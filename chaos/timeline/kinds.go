package timeline

import (
	"fmt"
	"slices"
	"strings"
)

// Info is what is known of a kind of fault before it is used.
type Info struct {
	Kind Kind
	// Help says in one line what the fault does and what its heal does.
	Help string
	// Capability of the cluster that it needs, as chaos/cluster names it.
	Capability string
	// Placements that can do it.
	Placements []Placement
}

// kinds is the table of all faults, sorted by name. It is read-only.
var kinds = []Info{
	{
		Kind:       Kill,
		Help:       "end the node's process with SIGKILL; heal: start it again on the same files and address",
		Capability: "Killer",
		Placements: []Placement{Process},
	},
}

// Kinds lists every kind of fault, sorted by name. The slice is the caller's.
func Kinds() []Info { return slices.Clone(kinds) }

// Lookup finds a kind by its name.
func Lookup(k Kind) (Info, bool) {
	i := slices.IndexFunc(kinds, func(info Info) bool { return info.Kind == k })
	if i < 0 {
		return Info{}, false
	}
	return kinds[i], true
}

// Placements lists every placement, sorted.
func Placements() []Placement { return []Placement{Process} }

// Problem is one reason why a timeline cannot be executed.
type Problem struct {
	// Fault is the index of the entry, from 0.
	Fault int
	// Field of the entry as YAML calls it: "fault", "target", "after" or "hold".
	Field string
	// Text says what is wrong and what to do.
	Text string
	// Value that was found and the Known ones, where the field is a choice: for a suggestion.
	Value string
	Known []string
}

// Error is the problem with the place in the timeline, counted from 1 as people do.
func (p Problem) Error() string {
	return fmt.Sprintf("fault %d of the timeline, %s: %s", p.Fault+1, p.Field, p.Text)
}

// Validate lists everything that keeps the timeline from being executed on nodes (ids, ascending)
// under a placement; nil when it can be.
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
		if _, err := Resolve(f.Target, nodes, func(int) int { return 0 }); err != nil {
			add(Problem{Field: "target", Text: err.Error()})
		}
		if f.After < 0 {
			add(Problem{Field: "after", Text: fmt.Sprintf("%v is before the load began: it must not be negative", f.After)})
		}
		if f.Hold < 0 {
			add(Problem{Field: "hold", Text: fmt.Sprintf("%v is no time to hold a fault: it must not be negative", f.Hold)})
		}
	}
	return problems
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
