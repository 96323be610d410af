package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Limits of a server.
const (
	// MaxLine is the longest request in bytes, with its newline.
	MaxLine = 16 << 10
	// MaxConnections at once; more are told so and closed.
	MaxConnections = 16
	// MaxPath is the longest path in bytes that a unix socket can have everywhere: darwin has 104 with
	// the zero at the end, Linux 108.
	MaxPath = 103
)

// Node is what a server acts on. It is called by several goroutines at once.
type Node interface {
	// Control does what is asked; ctx ends with the server. The request has been checked.
	Control(ctx context.Context, q Request) (Response, error)
}

// Server owns a control socket.
type Server struct {
	listener net.Listener
	ctx      context.Context // of every request; ends with Close
	cancel   context.CancelFunc
	all      sync.WaitGroup
	mu       struct {
		sync.Mutex
		closed      bool
		connections map[net.Conn]bool
	}
}

// CheckPath says what keeps a path from being a socket's.
func CheckPath(path string) error {
	if len(path) > MaxPath {
		return fmt.Errorf("%s has %d bytes, and a unix socket at most %d: choose a shorter directory, or a path relative to the working directory", path, len(path), MaxPath)
	}
	return nil
}

// Listen makes the socket. Requests wait until Serve is called.
func Listen(path string) (*Server, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{listener: listener}
	s.mu.connections = map[net.Conn]bool{}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// removeStale removes a socket that nobody serves any more. Anything else with its name is left alone.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket: choose another path", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s is served by another process: stop it, or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// Serve answers requests until Close, and returns at once. It is called once at most.
func (s *Server) Serve(n Node) {
	s.all.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // too many open files, most likely
				time.Sleep(50 * time.Millisecond)
				continue
			}
			if full, closed := s.track(conn); full || closed {
				if full {
					write(conn, Response{Error: fmt.Sprintf("%d connections are open: close one of them first", MaxConnections)})
				}
				conn.Close()
				continue
			}
			s.all.Go(func() {
				s.answer(conn, n)
				conn.Close()
				s.mu.Lock()
				delete(s.mu.connections, conn)
				s.mu.Unlock()
			})
		}
	})
}

func (s *Server) track(conn net.Conn) (full, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, closed = len(s.mu.connections) >= MaxConnections, s.mu.closed
	if !full && !closed {
		s.mu.connections[conn] = true
	}
	return full, closed
}

// answer answers the requests of a connection, one after the other, until it ends.
func (s *Server) answer(conn net.Conn, n Node) {
	in := bufio.NewReaderSize(conn, MaxLine)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			// Where the next request begins is not known without reading on for ever.
			write(conn, Response{Error: fmt.Sprintf("the request has more than %d bytes: the connection is closed", MaxLine)})
			return
		case err != nil:
			return
		}
		var a Response
		q, err := Decode(line)
		if err == nil {
			a, err = n.Control(s.ctx, q)
		}
		if a.OK = err == nil; err != nil {
			a = Response{Error: err.Error()}
		}
		if !write(conn, a) {
			return
		}
	}
}

func write(conn net.Conn, a Response) bool {
	line, err := json.Marshal(a)
	if err != nil {
		return false
	}
	_, err = conn.Write(append(line, '\n'))
	return err == nil
}

// Close ends what is under way and removes the socket.
func (s *Server) Close() error {
	s.cancel()
	s.mu.Lock()
	s.mu.closed = true
	for conn := range s.mu.connections {
		conn.Close()
	}
	s.mu.Unlock()
	err := s.listener.Close() // it removes the socket
	s.all.Wait()
	return err
}
