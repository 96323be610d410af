package timeline

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind of a fault, as YAML, the log and the report write it.
type Kind string

const (
	// Kill ends a node's process with SIGKILL; healing starts it again on the same files and address.
	Kill Kind = "kill"
	// Pause stops a node's process with SIGSTOP, its connections stay; healing lets it go on.
	Pause Kind = "pause"
	// Restart stops a node with SIGTERM, so that it hands over what it leads and closes its files; healing
	// starts it again.
	Restart Kind = "restart"
	// DiskLoss kills a node's process and deletes all its files; healing starts it again, empty.
	DiskLoss Kind = "disk-loss"
)

// Placement says where the nodes of a cluster run.
type Placement string

const (
	// Process places every node in an operating-system process of its own on this machine.
	Process Placement = "process"
	// Sim steps every node in the simulator, in virtual time.
	Sim Placement = "sim"
)

// Fault is one entry of a timeline.
type Fault struct {
	Kind   Kind
	Target Target
	// After is how long the load has held its floor when the fault is injected, measured from the
	// end of warm-up (first fault) or from the proof that the previous faults healed. With Overlap
	// it is plain time from the injection of the fault before it.
	After time.Duration
	// Hold is how long the fault stays in force after its effect was proved.
	Hold time.Duration
	// Overlap injects the fault while the one before it is in force: After must be below that one's
	// Hold. The load is not asked to hold its floor: what is in force may well keep it from that.
	Overlap bool
}

// Timeline is executed in order. Faults that overlap form a group with the one before them: each
// heals when its own Hold is over, and the next group begins when all of them are healed.
type Timeline []Fault

// String is the fault as people read it: "kill node(0) after 2s, hold 500ms".
func (f Fault) String() string {
	text := fmt.Sprintf("%s %s after %v, hold %v", f.Kind, f.Target, f.After, f.Hold)
	if f.Overlap {
		return "meanwhile " + text
	}
	return text
}

// Group is the faults i..end-1 that are in force together with fault i, which opens the group.
func (t Timeline) Group(i int) (end int) {
	for end = i + 1; end < len(t) && t[end].Overlap; end++ {
	}
	return end
}

// Duration is the least time that the timeline takes: every After of a group's first fault, and
// InForce.
func (t Timeline) Duration() time.Duration {
	sum := t.InForce()
	for _, f := range t {
		if !f.Overlap {
			sum += f.After
		}
	}
	return sum
}

// InForce is the least time in which at least one fault is in force: what its proofs and its heals
// take comes on top.
func (t Timeline) InForce() time.Duration {
	var sum time.Duration
	for i := 0; i < len(t); {
		end := t.Group(i)
		injected, healed := time.Duration(0), t[i].Hold
		for _, f := range t[i+1 : end] {
			injected += f.After
			healed = max(healed, injected+f.Hold)
		}
		sum += healed
		i = end
	}
	return sum
}

// faultJSON is a Fault with durations as text, so that a plan reads like its scenario.
type faultJSON struct {
	Kind    Kind   `json:"kind"`
	Target  Target `json:"target"`
	After   string `json:"after"`
	Hold    string `json:"hold"`
	Overlap bool   `json:"overlap,omitempty"`
}

// MarshalJSON writes {"kind","target","after","hold"}, durations as Go writes them ("1.5s"), and
// "overlap" where it is true.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultJSON{f.Kind, f.Target, f.After.String(), f.Hold.String(), f.Overlap})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var j faultJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	after, err := time.ParseDuration(j.After)
	if err != nil {
		return fmt.Errorf("after of fault %s: %w", j.Kind, err)
	}
	hold, err := time.ParseDuration(j.Hold)
	if err != nil {
		return fmt.Errorf("hold of fault %s: %w", j.Kind, err)
	}
	*f = Fault{Kind: j.Kind, Target: j.Target, After: after, Hold: hold, Overlap: j.Overlap}
	return nil
}
