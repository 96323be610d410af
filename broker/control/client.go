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
	if err := Converse(ctx, path, q, &a); err != nil {
		return Response{}, err
	}
	if a.Error != "" {
		return Response{}, errors.New(a.Error)
	}
	return a, nil
}

// Converse sends a question, as one line of JSON, to whoever serves a unix socket, and reads the one line that
// answers it, which may say anything. The errors wrap ErrNone if nobody serves the socket, ErrNoAnswer if it was
// closed without an answer, and that of the context if that ended.
func Converse(ctx context.Context, path string, question, answer any) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: %w", path, ErrNone)
	case err != nil:
		return fmt.Errorf("control socket: %w", err)
	}
	defer conn.Close()
	// Closing the connection is what ends a read when ctx does.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(question); err != nil {
		return fmt.Errorf("control socket: ask: %w", err)
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s: %w", path, ErrNoAnswer)
	case err == nil:
		err = json.Unmarshal(line, answer)
	}
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}
