package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// ErrNone is wrapped by errors that mean that nobody serves the socket.
var ErrNone = errors.New("no node serves this control socket")

// ErrNoAnswer is wrapped by errors that mean that the node ended before it answered: what a power loss
// looks like, and then no error.
var ErrNoAnswer = errors.New("the node ended without an answer")

// Do asks the node whose socket it is. An answer that is an error is one here.
func Do(ctx context.Context, path string, q Request) (a Response, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return a, fmt.Errorf("%s: %w", path, ErrNone)
	case err != nil:
		return a, fmt.Errorf("control socket: %w", err)
	}
	defer conn.Close()
	// Closing the connection is what ends a read when ctx does.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return a, fmt.Errorf("control socket: ask: %w", err)
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	switch {
	case ctx.Err() != nil:
		return a, ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return a, fmt.Errorf("%s: %w", path, ErrNoAnswer)
	case err == nil:
		err = json.Unmarshal(line, &a)
	}
	switch {
	case err != nil:
		return Response{}, fmt.Errorf("control socket: %w", err)
	case a.Error != "":
		return Response{}, errors.New(a.Error)
	}
	return a, nil
}
