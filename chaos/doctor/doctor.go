package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/chaos/timeline"
)

// Finding is one thing about the machine that faults need.
type Finding struct {
	// Name of it: "process table".
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is what was seen, and, where it is not OK, what to do.
	Detail string `json:"detail"`
}

// Ability is whether a kind of fault can be done on a placement here.
type Ability struct {
	Kind      timeline.Kind      `json:"kind"`
	Placement timeline.Placement `json:"placement"`
	OK        bool               `json:"ok"`
	// Why it cannot be done.
	Why string `json:"why,omitempty"`
}

// Report is what the doctor found.
type Report struct {
	Findings  []Finding `json:"findings"`
	Abilities []Ability `json:"abilities"`
}

// Healthy reports whether the machine has all that is not optional: a placement that a kind was not built for
// is no fault of the machine, nor is an engine that nobody asked for.
func (r Report) Healthy() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.OK && !f.Optional() })
}

// Optional says that only one placement needs it, and nothing else is worse off without it.
func (f Finding) Optional() bool { return f.Name == engine }

// Names of the findings.
const (
	processTable = "process table"
	signals      = "signals"
	ports        = "ports"
	descriptors  = "descriptors"
	sockets      = "control sockets"
	engine       = "container engine"
)

// needs are the findings without which a kind cannot be done on a machine, by the capability that it needs of
// the cluster. Every process needs ports, and every proof of a process the process table.
var needs = map[string][]string{
	"Killer": {ports, processTable, signals}, "Pauser": {ports, processTable, signals}, "Terminator": {ports, processTable, signals},
	"Wiper": {ports, processTable, signals}, "DiskController": {ports, processTable, sockets}, "ClockSetter": {ports, sockets},
	"Linker": {ports, processTable, sockets, descriptors}, "Transferrer": {ports}, "Reassigner": {ports}, "ClientCrasher": {ports, processTable}, "ClientDoubler": {ports},
	"Cluster": {ports, processTable, descriptors}, "Disconnecter": {ports, processTable, sockets},
}

// Examine looks at the machine.
func Examine(m Machine) Report {
	r := Report{Findings: []Finding{m.processTable(), m.signals(), m.ports(), m.descriptors(), m.sockets(), m.engine()}}
	for _, info := range timeline.Kinds() {
		for _, placement := range timeline.Placements() {
			r.Abilities = append(r.Abilities, r.ability(info, placement))
		}
	}
	return r
}

// wanted are the findings that a kind needs on a placement. The simulator needs nothing of the machine, and an
// engine does what signals do.
func wanted(info timeline.Info, placement timeline.Placement) []string {
	switch placement {
	case timeline.Process:
		return needs[info.Capability]
	case timeline.Container:
		return append(slices.DeleteFunc(slices.Clone(needs[info.Capability]), func(name string) bool { return name == signals }), engine)
	}
	return nil
}

func (r Report) ability(info timeline.Info, placement timeline.Placement) Ability {
	a := Ability{Kind: info.Kind, Placement: placement}
	if !slices.Contains(info.Placements, placement) {
		a.Why = fmt.Sprintf("it is not built for placement %s", placement)
		return a
	}
	var missing []string
	for _, f := range r.Findings {
		if !f.OK && slices.Contains(wanted(info, placement), f.Name) {
			why := f.Name + ": " + f.Detail
			if f.Optional() { // it stands above, and would stand here for every kind
				why = "no " + f.Name
			}
			missing = append(missing, why)
		}
	}
	a.OK, a.Why = len(missing) == 0, strings.Join(missing, "; ")
	return a
}
