package process

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
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
				id, n.endpoint.address(), status, n.logTail())
		}
		err := askVersions(ctx, n.endpoint.address())
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
				id, n.endpoint.address(), ctx.Err(), n.pid(), last, n.logTail())
		}
	}
}

// expired reports whether ctx ended or is about to: a dialer gives up at its deadline on its own,
// an instant before ctx says so.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// askVersions sends one ApiVersions request, version 0 (every Kafka-style server since 0.10 answers
// it), on a new connection and reads the response.
func askVersions(ctx context.Context, address string) error {
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version = 0
	response := kmsg.NewPtrApiVersionsResponse()
	if err := ask(ctx, address, request, response); err != nil {
		return err
	}
	if response.ErrorCode != 0 || len(response.ApiKeys) == 0 {
		return fmt.Errorf("answer to ApiVersions: error code %d and %d API keys", response.ErrorCode, len(response.ApiKeys))
	}
	return nil
}

// logTail is the end of the node's log, made to be appended to an error; "" when it wrote nothing.
func (n *node) logTail() string {
	lines := lastLines(n.logPath())
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("\nend of %s:\n  %s", n.logPath(), strings.Join(lines, "\n  "))
}
