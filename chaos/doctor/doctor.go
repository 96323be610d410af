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

// Healthy reports whether every kind can be done wherever it is built for: a placement that a kind was not
// built for is no fault of the machine.
func (r Report) Healthy() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.OK })
}

// Names of the findings.
const (
	processTable = "process table"
	signals      = "signals"
	ports        = "ports"
	descriptors  = "descriptors"
	sockets      = "control sockets"
)

// needs are the findings without which a kind cannot be done on processes, by the capability that it needs of
// the cluster. Every process needs ports, and every proof of a process the process table.
var needs = map[string][]string{
	"Killer": {ports, processTable, signals}, "Pauser": {ports, processTable, signals}, "Terminator": {ports, processTable, signals},
	"Wiper": {ports, processTable, signals}, "DiskController": {ports, processTable, sockets}, "ClockSetter": {ports, sockets},
	"Linker": {ports, processTable, sockets, descriptors}, "Transferrer": {ports}, "ClientCrasher": {ports, processTable},
	"Cluster": {ports, processTable, descriptors},
}

// Examine looks at the machine.
func Examine(m Machine) Report {
	r := Report{Findings: []Finding{m.processTable(), m.signals(), m.ports(), m.descriptors(), m.sockets()}}
	for _, info := range timeline.Kinds() {
		for _, placement := range timeline.Placements() {
			r.Abilities = append(r.Abilities, r.ability(info, placement))
		}
	}
	return r
}

func (r Report) ability(info timeline.Info, placement timeline.Placement) Ability {
	a := Ability{Kind: info.Kind, Placement: placement}
	if !slices.Contains(info.Placements, placement) {
		a.Why = fmt.Sprintf("it is not built for placement %s", placement)
		return a
	}
	var missing []string
	if placement == timeline.Process { // the simulator needs nothing of the machine
		for _, f := range r.Findings {
			if !f.OK && slices.Contains(needs[info.Capability], f.Name) {
				missing = append(missing, f.Name+": "+f.Detail)
			}
		}
	}
	a.OK, a.Why = len(missing) == 0, strings.Join(missing, "; ")
	return a
}
