package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/logproof/logproof/broker/wire"
)

// Limits of what clients may ask of a node before it has said a word; zero values are the defaults.
type Limits struct {
	// Connections of clients at a time (max.connections); one more is closed at once. Other nodes are
	// not counted. By default no more than three quarters of the descriptors that the process may have.
	Connections int
	// Idle is how long a connection may be open with nothing asked and nothing to answer, and how long
	// an answer may wait to be taken (connections.max.idle.ms).
	Idle time.Duration
	// Frame is how long the next wire.FrameChunk of a request may take, once the request has begun, and
	// how long a new connection has until its first request begins.
	Frame time.Duration
	// RequestBytes is the largest request (socket.request.max.bytes).
	RequestBytes int
}

// Default limits; those that Kafka has are Kafka's, but that it has none of connections.
const (
	DefaultConnections = 12_000
	DefaultIdle        = 10 * time.Minute
	DefaultFrame       = 30 * time.Second
)

func (l Limits) complete() Limits {
	if l.Connections == 0 {
		l.Connections = DefaultConnections
		// Logs need descriptors, too: what clients leave is not all that there is.
		var files syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil && files.Cur/4 < DefaultConnections/3 {
			l.Connections = max(1, int(files.Cur/4*3))
		}
	}
	if l.Idle == 0 {
		l.Idle = DefaultIdle
	}
	if l.Frame == 0 {
		l.Frame = DefaultFrame
	}
	if l.RequestBytes == 0 {
		l.RequestBytes = wire.MaxFrame
	}
	return l
}

// Why a connection was closed, as the metric says it.
const (
	closedByPeer    = "peer"    // the other side did
	closedByServer  = "server"  // it stops, or an answer could not be given
	closedIdle      = "idle"    // nothing was asked for too long
	closedSlow      = "slow"    // a request that began did not go on
	closedMalformed = "invalid" // what came is no request that is served here
	closedTooMany   = "limit"   // there are as many as there may be
)

// closed is the end of a connection: a reason for metrics, and what there is to say.
type closed struct {
	reason string
	err    error
}

func (c closed) Error() string { return c.err.Error() }

// input is what a connection reads from. A client that says nothing costs little: it gets its buffer with
// its second request.
type input struct {
	conn   net.Conn
	in     *bufio.Reader
	limits Limits
	frames wire.Frames
	begun  bool
	// busy reports whether answers are due; a connection that is stays open.
	busy func() bool
}

const (
	firstBuffer = 512
	fullBuffer  = 64 << 10
)

func newInput(conn net.Conn, limits Limits, memory wire.Memory, busy func() bool) *input {
	i := &input{conn: conn, in: bufio.NewReaderSize(conn, firstBuffer), limits: limits, busy: busy}
	i.frames = wire.Frames{Max: limits.RequestBytes, Memory: memory, Progress: func() error {
		return conn.SetReadDeadline(time.Now().Add(limits.Frame))
	}}
	return i
}

// next reads a frame, and waits for its beginning as long as a connection may be idle.
func (i *input) next() ([]byte, error) {
	if err := i.await(); err != nil {
		return nil, err
	}
	if i.begun && i.in.Size() < fullBuffer {
		i.grow()
	}
	if err := i.frames.Progress(); err != nil {
		return nil, closed{closedByServer, err}
	}
	frame, err := i.frames.Read(i.in)
	switch {
	case err == nil:
		i.begun = true
		return frame, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, closed{closedSlow, fmt.Errorf("a request began and did not go on for %v: %w", i.limits.Frame, err)}
	case errors.Is(err, wire.ErrMalformed):
		return nil, closed{closedMalformed, err}
	}
	return nil, closed{closedByPeer, err}
}

// await returns when a request has begun.
func (i *input) await() error {
	for i.in.Buffered() == 0 {
		limit := i.limits.Idle
		if !i.begun {
			limit = min(limit, i.limits.Frame)
		}
		if err := i.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return closed{closedByServer, err}
		}
		_, err := i.in.Peek(1)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && i.begun && i.busy():
		case errors.Is(err, os.ErrDeadlineExceeded):
			return closed{closedIdle, fmt.Errorf("nothing was asked for %v", limit)}
		case errors.Is(err, io.EOF):
			return closed{closedByPeer, errors.New("by the other side")}
		default:
			return closed{closedByPeer, err}
		}
	}
	return nil
}

// grow takes a larger buffer, with what is in the small one.
func (i *input) grow() {
	left, _ := i.in.Peek(i.in.Buffered()) // it is there
	i.in = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(left)), i.conn), fullBuffer)
}

// places are the connections of clients that there may be.
type places struct {
	mu struct {
		sync.Mutex
		taken int
		told  time.Time
	}
	max int
}

// take takes a place; with none left, tell says whether it is time to say so, once a second.
func (p *places) take(now time.Time) (ok, tell bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.taken < p.max {
		p.mu.taken++
		return true, false
	}
	if tell = now.Sub(p.mu.told) >= time.Second; tell {
		p.mu.told = now
	}
	return false, tell
}

func (p *places) leave() {
	p.mu.Lock()
	p.mu.taken--
	p.mu.Unlock()
}

// writePiece is how much of an answer must be taken within Limits.Idle.
const writePiece = 1 << 20

// send writes an answer. A client that takes nothing of it for Limits.Idle is given up.
func (c *connection) send(frame []byte) (written int, err error) {
	for len(frame) > 0 && err == nil {
		if err = c.conn.SetWriteDeadline(time.Now().Add(c.limits.Idle)); err != nil {
			return written, err
		}
		var n int
		n, err = c.conn.Write(frame[:min(len(frame), writePiece)])
		written, frame = written+n, frame[n:]
	}
	return written, err
}
