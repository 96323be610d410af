package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// readyEvery is how long to wait between two tries.
	readyEvery = 5 * time.Millisecond
	// answerWithin is how long one try may take: a node that accepts and says nothing is not ready.
	answerWithin = 2 * time.Second
	// largestAnswer in bytes; a list of all API keys is far below it.
	largestAnswer = 1 << 20
	// tailBytes and tailLines of a log are shown in an error.
	tailBytes, tailLines = 4 << 10, 10
)

// WaitReady returns when the node answers an ApiVersions request on a new connection. The error, when
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
				id, n.endpoint.Listen, status, n.logTail())
		}
		err := askVersions(ctx, n.endpoint.Listen)
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
				id, n.endpoint.Listen, ctx.Err(), n.pid(), last, n.logTail())
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
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Closing the connection is what ends a read when ctx does.
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	const correlation = 1
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version = 0
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("logproof-ready")).AppendRequest(nil, request, correlation)
	if _, err := conn.Write(frame); err != nil {
		return fmt.Errorf("ask for ApiVersions: %w", err)
	}
	err = readVersions(conn, correlation)
	switch {
	case err == nil:
		return nil
	case expired(ctx):
		return errors.New("it accepts connections and does not answer ApiVersions")
	}
	return fmt.Errorf("answer to ApiVersions: %w", err)
}

// readVersions reads the response: size, correlation id, body.
func readVersions(from io.Reader, correlation int32) error {
	var header [8]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return err
	}
	size := int32(binary.BigEndian.Uint32(header[:4]))
	if size < 4 || size > largestAnswer {
		return fmt.Errorf("its size is %d bytes: something else than a Kafka server listens there", size)
	}
	if got := int32(binary.BigEndian.Uint32(header[4:])); got != correlation {
		return fmt.Errorf("it answers request %d, asked was %d", got, correlation)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return err
	}
	response := kmsg.NewPtrApiVersionsResponse()
	response.Version = 0
	if err := response.ReadFrom(body); err != nil {
		return err
	}
	if response.ErrorCode != 0 || len(response.ApiKeys) == 0 {
		return fmt.Errorf("error code %d and %d API keys", response.ErrorCode, len(response.ApiKeys))
	}
	return nil
}

// logTail is the end of the node's log, made to be appended to an error; "" when it wrote nothing.
func (n *node) logTail() string {
	f, err := os.Open(n.logPath())
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		f.Seek(-tailBytes, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, tailBytes)) // what could be read is better than nothing
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return fmt.Sprintf("\nend of %s:\n  %s", n.logPath(), strings.Join(lines, "\n  "))
}
