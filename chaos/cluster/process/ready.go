package process

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/logproof/logproof/chaos/canary"
)

const (
	// readyEvery is how long to wait between two tries.
	readyEvery = 5 * time.Millisecond
	// tailBytes and tailLines of a log are shown in an error.
	tailBytes, tailLines = 4 << 10, 10
)

// WaitReady returns when the node answers an ApiVersions request on a new connection: a broker that of a
// client, a node that is none that of a peer. The error, when
// ctx ends or at once when the process has ended, says what was last seen and ends with its log.
func (c *Cluster) WaitReady(ctx context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	var last error
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		status, over, done := n.ended()
		if over {
			return fmt.Errorf("node %d at %s is not ready: its process has ended: %s%s",
				id, n.place().direct(), status, n.logTail())
		}
		err := canary.Versions(ctx, n.place().direct())
		if err == nil {
			return nil
		}
		if last == nil || !expired(ctx) {
			last = err // a try that was cut short says less than the one before it
		}
		select {
		case <-tick.C:
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("node %d at %s is not ready (%w): pid %d runs; last try: %w%s",
				id, n.place().direct(), ctx.Err(), n.pid(), last, n.logTail())
		}
	}
}

// expired reports whether ctx ended or is about to: a dialer gives up at its deadline on its own,
// an instant before ctx says so.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// logTail is the end of the node's log, made to be appended to an error; "" when it wrote nothing.
func (n *node) logTail() string {
	lines := lastLines(n.logPath())
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("\nend of %s:\n  %s", n.logPath(), strings.Join(lines, "\n  "))
}
