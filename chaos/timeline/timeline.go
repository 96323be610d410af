package timeline

import (
	"encoding/json"
	"fmt"
	"time"
)

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

// Fault is one entry of a timeline.
type Fault struct {
	Kind   Kind
	Target Target
	// After is how long the load has held its floor when the fault is injected, measured from the
	// end of warm-up (first fault) or from the proof that the previous fault healed.
	After time.Duration
	// Hold is how long the fault stays in force after its effect was proved.
	Hold time.Duration
}

// Timeline is executed in order, one fault at a time.
type Timeline []Fault

// String is the fault as people read it: "kill node(0) after 2s, hold 500ms".
func (f Fault) String() string {
	return fmt.Sprintf("%s %s after %v, hold %v", f.Kind, f.Target, f.After, f.Hold)
}

// Duration is the least time that the timeline takes: the sum of all After and Hold.
func (t Timeline) Duration() time.Duration {
	var sum time.Duration
	for _, f := range t {
		sum += f.After + f.Hold
	}
	return sum
}

// faultJSON is a Fault with durations as text, so that a plan reads like its scenario.
type faultJSON struct {
	Kind   Kind   `json:"kind"`
	Target Target `json:"target"`
	After  string `json:"after"`
	Hold   string `json:"hold"`
}

// MarshalJSON writes {"kind","target","after","hold"}, durations as Go writes them ("1.5s").
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultJSON{f.Kind, f.Target, f.After.String(), f.Hold.String()})
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
	*f = Fault{Kind: j.Kind, Target: j.Target, After: after, Hold: hold}
	return nil
}
