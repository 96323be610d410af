package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
)

// restart stops a node in order and starts it again.
//
//	effect: the process is gone as after a kill, and the last event that the node noted, after the
//	        injection began, is that it stopped cleanly
//	heal:   that of kill, and the node's replicas are in the ISR again
type restart struct {
	mortal
	terminator cluster.Terminator
	replicated cluster.Replicated
	began      time.Time
}

// Inject asks the process to stop and waits until it has.
func (r *restart) Inject(ctx context.Context) (string, error) {
	if err := r.identify("stop"); err != nil {
		return "", err
	}
	r.struck, r.began = true, time.Now() // one that had to be killed needs to be started too
	if err := r.terminator.Terminate(ctx, r.node); err != nil {
		return "", err
	}
	return fmt.Sprintf("SIGTERM to the process group of pid %d, which ended", r.before.Pid), nil
}

// Prove shows that the process is gone and that it went in order.
func (r *restart) Prove(ctx context.Context) (string, error) {
	detail, err := r.gone(ctx)
	if err != nil {
		return "", err
	}
	if err := stoppedCleanly(r.terminator.Events(r.node), r.began); err != nil {
		return "", err
	}
	return detail + ", the last it noted is that it stopped cleanly", nil
}

// stoppedEvent is the last event of a process that was asked to stop.
const stoppedEvent = "node-stopped"

// stoppedCleanly is nil when the last line of a file of events says so, and was written after a time.
func stoppedCleanly(file string, after time.Time) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	data = bytes.TrimSpace(data)
	var last struct {
		At    time.Time `json:"at"`
		Event string    `json:"event"`
	}
	if err := json.Unmarshal(data[bytes.LastIndexByte(data, '\n')+1:], &last); err != nil {
		return fmt.Errorf("the last line of %s is no event: %w", file, err)
	}
	if last.Event != stoppedEvent || last.At.Before(after) {
		return fmt.Errorf("the last event in %s is %s at %v: the process did not stop cleanly", file, last.Event, last.At)
	}
	return nil
}

// Heal starts the node again.
func (r *restart) Heal(ctx context.Context) (string, error) { return r.start(ctx) }

// ProveHealed waits until the node serves and its replicas have caught up.
func (r *restart) ProveHealed(ctx context.Context) (string, error) {
	return r.inSync(ctx, r.replicated)
}
