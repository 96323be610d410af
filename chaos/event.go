package chaos

import (
	"fmt"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// Event is the beginning or the end of one stage of one fault, for progress.
type Event struct {
	// Index of the fault in the timeline, from 0, and how many there are.
	Index, Total int
	Kind         timeline.Kind
	// Target as it was resolved: "node 0".
	Target string
	Stage  history.Stage
	// Done is false when the stage begins; what follows is set only when it is true.
	Done    bool
	At      history.Time
	Outcome history.Outcome
	Detail  string
	Err     error
}

// String is the event as a line for people: "fault 1 of 2, kill node 0: prove ok: pid 4711 is gone".
func (e Event) String() string {
	head := fmt.Sprintf("fault %d of %d, %s %s: %s", e.Index+1, e.Total, e.Kind, e.Target, e.Stage)
	switch {
	case !e.Done:
		return head + " ..."
	case e.Err != nil:
		return fmt.Sprintf("%s %s: %v", head, e.Outcome, e.Err)
	}
	return fmt.Sprintf("%s %s: %s", head, e.Outcome, e.Detail)
}

// StageError is a stage of a fault that did not do what it says. The run that it belongs to is
// inconclusive.
type StageError struct {
	// Index of the fault in the timeline, from 0.
	Index  int
	Kind   timeline.Kind
	Target string
	Stage  history.Stage
	Err    error
}

// Error names the fault, the stage and why it failed.
func (e *StageError) Error() string {
	return fmt.Sprintf("fault %d, %s %s, %s: %v", e.Index+1, e.Kind, e.Target, e.Stage, e.Err)
}

// Unwrap is the cause.
func (e *StageError) Unwrap() error { return e.Err }
