package timeline

import (
	"fmt"
	"slices"
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
		Kind:       DiskLoss,
		Help:       "end the node's process with SIGKILL and delete its files; heal: start it empty, its replicas come back",
		Capability: "Wiper",
		Placements: []Placement{Process, Sim},
	},
	{
		Kind:       Kill,
		Help:       "end the node's process with SIGKILL; heal: start it again on the same files and address",
		Capability: "Killer",
		Placements: []Placement{Process, Sim},
	},
	{
		Kind:       Pause,
		Help:       "stop the node's process with SIGSTOP, connections stay; heal: let it go on with SIGCONT",
		Capability: "Pauser",
		Placements: []Placement{Process, Sim},
	},
	{
		Kind:       Restart,
		Help:       "stop the node's process cleanly with SIGTERM; heal: start it again, its replicas catch up",
		Capability: "Terminator",
		Placements: []Placement{Process, Sim},
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
func Placements() []Placement { return []Placement{Process, Sim} }

// Problem is one reason why a timeline cannot be executed.
type Problem struct {
	// Fault is the index of the entry, from 0.
	Fault int
	// Field of the entry as YAML calls it: "fault", "target", "after", "hold" or "overlap".
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
