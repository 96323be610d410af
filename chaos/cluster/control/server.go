package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// socketName is the file in the cluster's directory.
const socketName = "control.sock"

// longestPath in bytes that a unix socket can be bound to everywhere: darwin has 104 with the zero at
// the end, Linux 108.
const longestPath = 103

// Limits of a request.
const (
	// readWithin is how long a client may take to say what it wants.
	readWithin = 5 * time.Second
	// actWithin bounds one action: a restarted node may recover a long log before it serves.
	actWithin = 30 * time.Second
)

// Cluster is what a server acts on.
type Cluster interface {
	Nodes() []int32
	Address(node int32) string
	Pid(node int32) int
	Kill(ctx context.Context, node int32) error
	Pause(ctx context.Context, node int32) error
	Resume(ctx context.Context, node int32) error
	// Terminate stops a node cleanly; one that does not run stays as it is.
	Terminate(ctx context.Context, node int32) error
	Restart(ctx context.Context, node int32) error
	WaitReady(ctx context.Context, node int32) error
}

// Server owns the control socket of one directory.
type Server struct {
	dir      *os.File // locked
	listener net.Listener
	ctx      context.Context // of every request; ends with Close
	cancel   context.CancelFunc
	all      sync.WaitGroup
}

// Listen claims the directory, which must exist, and its socket. It is an error if a cluster runs
// there already. Requests wait until Serve is called.
func Listen(dir string) (_ *Server, err error) {
	path := filepath.Join(dir, socketName)
	if len(path) > longestPath {
		return nil, fmt.Errorf("control socket: %s has %d bytes, and a unix socket at most %d: choose a shorter directory", path, len(path), longestPath)
	}
	claim, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer func() {
		if err != nil {
			claim.Close()
		}
	}()
	if err := syscall.Flock(int(claim.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("a cluster runs in %s already: stop it, or choose another directory", dir)
		}
		return nil, fmt.Errorf("control socket: lock %s: %w", dir, err)
	}
	// Whoever made this socket is dead: it does not hold the lock.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), listener.Close())
	}
	s := &Server{dir: claim, listener: listener}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Serve answers requests until Close, and returns at once. It is called once at most.
func (s *Server) Serve(c Cluster) {
	s.all.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return // closed: a unix listener has no errors that pass
			}
			s.all.Go(func() { s.answer(conn, c) })
		}
	})
}

// Close ends what is under way, removes the socket and lets go of the directory.
func (s *Server) Close() error {
	s.cancel()
	err := s.listener.Close() // it removes the socket
	s.all.Wait()
	return errors.Join(err, s.dir.Close())
}

// answer answers the one request of a connection.
func (s *Server) answer(conn net.Conn, c Cluster) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(s.ctx, actWithin)
	defer cancel()
	// A client that says nothing does not keep the server from closing.
	stopWatching := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stopWatching()
	if ctx.Err() != nil || conn.SetReadDeadline(time.Now().Add(readWithin)) != nil {
		return
	}
	var q request
	var a reply
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	if err == nil {
		a.Nodes = c.Nodes()
		a.Detail, err = act(ctx, c, q)
	}
	if err != nil {
		a.Detail, a.Error = "", err.Error()
	}
	// The client may be gone; what it asked for is done.
	_ = json.NewEncoder(conn).Encode(a)
}

// act does what was asked for and says what that was.
func act(ctx context.Context, c Cluster, q request) (string, error) {
	switch q.Do {
	case list:
		return "", nil
	case Kill:
		return fmt.Sprintf("node %d, pid %d: killed with SIGKILL", q.Node, c.Pid(q.Node)), c.Kill(ctx, q.Node)
	case Pause:
		return fmt.Sprintf("node %d, pid %d: paused with SIGSTOP, its connections stay", q.Node, c.Pid(q.Node)), c.Pause(ctx, q.Node)
	case Resume:
		return fmt.Sprintf("node %d, pid %d: goes on", q.Node, c.Pid(q.Node)), c.Resume(ctx, q.Node)
	case Restart:
		for _, step := range []func(context.Context, int32) error{c.Terminate, c.Restart, c.WaitReady} {
			if err := step(ctx, q.Node); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("node %d, pid %d: serves on %s again", q.Node, c.Pid(q.Node), c.Address(q.Node)), nil
	}
	return "", fmt.Errorf("this cluster cannot %q: it was started by another version of logproof", string(q.Do))
}
