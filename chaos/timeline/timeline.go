package timeline

import "time"

// Kind of a fault, as YAML, the log and the report write it.
type Kind string

// Kill ends a node's process with SIGKILL; healing starts it again on the same files and address.
const Kill Kind = "kill"

// Placement says where the nodes of a cluster run.
type Placement string

const (
	// Process places every node in an operating-system process of its own on this machine.
	Process Placement = "process"
)

// Target is symbolic: it is resolved when the fault fires, and the resolution is recorded.
// Forms: "node(0)" (by id), "any" (a node drawn from the seed).
type Target string

// Fault is one entry of a timeline.
type Fault struct {
	Kind   Kind   `json:"kind"`
	Target Target `json:"target"`
	// After is how long the load has held its floor when the fault is injected, measured from the
	// end of warm-up (first fault) or from the proof that the previous fault healed.
	After time.Duration `json:"after"`
	// Hold is how long the fault stays in force after its effect was proved.
	Hold time.Duration `json:"hold"`
}

// Timeline is executed in order, one fault at a time.
type Timeline []Fault
