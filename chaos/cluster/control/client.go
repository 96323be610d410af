package control

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	socket "github.com/logproof/logproof/broker/control"
)

// Verb is what is done to a node.
type Verb string

const (
	// Kill ends the node's process with SIGKILL.
	Kill Verb = "kill"
	// Pause stops it with SIGSTOP where it stands, Resume lets it go on.
	Pause  Verb = "pause"
	Resume Verb = "resume"
	// Restart starts a node that does not run; one that runs is stopped cleanly before. It returns
	// when the node serves.
	Restart Verb = "restart"
	// list does nothing: every reply lists the nodes.
	list Verb = "list"
)

// request and reply are one line of JSON each.
type request struct {
	Do   Verb  `json:"do"`
	Node int32 `json:"node"`
}

type reply struct {
	// Nodes are the ids of all nodes, up or down.
	Nodes []int32 `json:"nodes"`
	// Detail is what was done, Error why it was not; exactly one counts.
	Detail string `json:"detail,omitempty"`
	Error  string `json:"error,omitempty"`
}

// ErrNone is wrapped by errors that mean that no cluster runs in a directory.
var ErrNone = errors.New("no cluster runs there")

// Do acts on a node of the cluster that runs in a directory, and says what was done.
func Do(ctx context.Context, dir string, do Verb, node int32) (detail string, err error) {
	a, err := send(ctx, dir, request{do, node})
	return a.Detail, err
}

// Nodes lists the ids of the nodes of the cluster that runs in a directory, ascending.
func Nodes(ctx context.Context, dir string) ([]int32, error) {
	a, err := send(ctx, dir, request{Do: list})
	return a.Nodes, err
}

// Find lists the directories that match a pattern (see filepath.Match) and have a control socket,
// of a running cluster or left by one.
func Find(pattern string) ([]string, error) {
	sockets, err := filepath.Glob(filepath.Join(pattern, socketName))
	for i := range sockets {
		sockets[i] = filepath.Dir(sockets[i])
	}
	return sockets, err
}

// send asks and waits for the answer.
func send(ctx context.Context, dir string, q request) (a reply, err error) {
	err = socket.Converse(ctx, filepath.Join(dir, socketName), q, &a)
	switch {
	case errors.Is(err, socket.ErrNone):
		return reply{}, fmt.Errorf("%s: %w", dir, ErrNone)
	case errors.Is(err, socket.ErrNoAnswer):
		return reply{}, fmt.Errorf("control socket: the cluster in %s ended without an answer", dir)
	case err != nil:
		return reply{}, err
	case a.Error != "":
		return a, errors.New(a.Error)
	}
	return a, nil
}
