package mesh

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes may be on their way in one direction, sent and not yet read; who writes more waits.
const window = 256 << 10

// pair is a connection: two ends, and what travels between them. Its lock is held by nobody who waits.
type pair struct {
	network *Network
	ends    [2]*conn // the first dialled
	mu      struct {
		sync.Mutex
		held bool // nothing that is sent now arrives
		open int  // ends that are not closed
	}
}

// conn is one end of a connection. What it has to read is in it; what it writes goes to the other end's.
// Everything but the fixed fields is under the lock of the pair.
type conn struct {
	pair          *pair
	other         *conn
	local         Address
	pieces        []piece // on their way to this end, in order
	size          int     // bytes of the pieces
	closed        bool    // by Close or Reset here
	finished      bool    // CloseWrite, or Close: nothing more is written
	reset         bool    // by the other end, and that has arrived
	read, written time.Time
	moved         bell
}

var _ net.Conn = (*conn)(nil)

// piece is what one Write sent, or an end of the stream.
type piece struct {
	bytes   []byte
	kind    kind
	arrives time.Time
	unsent  bool // held back by a cut; arrives has no meaning yet
}

type kind uint8

const (
	data  kind = iota
	fin        // no more will come
	abort      // the other end has reset the connection
)

func newPair(n *Network, from, to Address) *pair {
	p := &pair{network: n}
	p.mu.open = 2
	p.ends[0], p.ends[1] = &conn{pair: p, local: from}, &conn{pair: p, local: to}
	p.ends[0].other, p.ends[1].other = p.ends[1], p.ends[0]
	return p
}

// hold keeps back what is sent from now on, or sends what was kept back.
func (p *pair) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.held = on
	for _, c := range p.ends {
		for i := range c.pieces {
			if c.pieces[i].unsent && !on {
				c.pieces[i].unsent, c.pieces[i].arrives = false, time.Now().Add(p.network.latency)
			}
		}
		c.moved.ring()
	}
}

// send puts a piece on its way to c.
func (c *conn) send(k kind, bytes []byte) {
	c.pieces = append(c.pieces, piece{bytes: bytes, kind: k, unsent: c.pair.mu.held, arrives: time.Now().Add(c.pair.network.latency)})
	c.size += len(bytes)
	c.moved.ring()
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (n int, err error) {
	for {
		c.pair.mu.Lock()
		n, until, err := c.take(b)
		moved := c.moved.heard()
		c.pair.mu.Unlock()
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		await(moved, until)
	}
}

// take reads what has arrived; with nothing there, until is when to look again, zero for after a change.
func (c *conn) take(b []byte) (n int, until time.Time, err error) {
	now := time.Now()
	switch {
	case c.closed:
		return 0, until, c.failed("read", net.ErrClosed)
	case passed(c.read, now):
		return 0, until, c.failed("read", os.ErrDeadlineExceeded)
	}
	c.receive(now)
	if c.reset {
		return 0, until, c.failed("read", os.NewSyscallError("read", syscall.ECONNRESET))
	}
	for n < len(b) && len(c.pieces) > 0 && c.pieces[0].arrived(now) {
		first := &c.pieces[0]
		if first.kind == fin {
			if n == 0 {
				err = io.EOF // and again at the next call
			}
			return n, until, err
		}
		taken := copy(b[n:], first.bytes)
		n, c.size, first.bytes = n+taken, c.size-taken, first.bytes[taken:]
		if len(first.bytes) == 0 {
			c.pieces[0] = piece{}
			c.pieces = c.pieces[1:]
		}
	}
	if n > 0 {
		c.other.moved.ring() // there is room
		return n, until, nil
	}
	until = c.read
	if len(c.pieces) > 0 && !c.pieces[0].unsent && (until.IsZero() || c.pieces[0].arrives.Before(until)) {
		until = c.pieces[0].arrives
	}
	return 0, until, nil
}

// receive looks for a reset that has arrived: it overtakes what is not read yet, as in TCP.
func (c *conn) receive(now time.Time) {
	if last := len(c.pieces) - 1; last >= 0 && c.pieces[last].kind == abort && c.pieces[last].arrived(now) {
		c.reset, c.pieces, c.size = true, nil, 0
	}
}

func (p *piece) arrived(now time.Time) bool { return !p.unsent && !p.arrives.After(now) }

// Write implements net.Conn. It waits while the window is full.
func (c *conn) Write(b []byte) (n int, err error) {
	for {
		c.pair.mu.Lock()
		sent, until, err := c.put(b[n:])
		moved := c.moved.heard()
		c.pair.mu.Unlock()
		if n += sent; n == len(b) || err != nil {
			return n, err
		}
		await(moved, until)
	}
}

// put sends what there is room for.
func (c *conn) put(b []byte) (n int, until time.Time, err error) {
	now := time.Now()
	switch c.receive(now); {
	case c.closed:
		return 0, until, c.failed("write", net.ErrClosed)
	case passed(c.written, now):
		return 0, until, c.failed("write", os.ErrDeadlineExceeded)
	case c.reset:
		return 0, until, c.failed("write", os.NewSyscallError("write", syscall.ECONNRESET))
	case c.finished || c.other.closed && !c.pair.mu.held:
		return 0, until, c.failed("write", os.NewSyscallError("write", syscall.EPIPE))
	}
	if n = min(len(b), window-c.other.size); n > 0 {
		c.other.send(data, append([]byte(nil), b[:n]...))
	}
	return n, c.written, nil
}

// Close implements net.Conn. As in TCP the other end reads to the end what was sent, unless something that it
// sent was not read here: then the connection is reset.
func (c *conn) Close() error {
	c.pair.mu.Lock()
	unread := c.size > 0
	c.pair.mu.Unlock()
	return c.end(unread)
}

// Reset breaks the connection: what is on its way is lost, and the other end gets ECONNRESET.
func (c *conn) Reset() error { return c.end(true) }

func (c *conn) end(broken bool) error {
	p := c.pair
	p.mu.Lock()
	if c.closed {
		p.mu.Unlock()
		return c.failed("close", net.ErrClosed)
	}
	switch {
	case c.other.closed:
	case broken:
		c.other.send(abort, nil)
	case !c.finished:
		c.other.send(fin, nil)
	}
	c.closed, c.finished, c.pieces, c.size = true, true, nil, 0
	p.mu.open--
	open := p.mu.open
	c.moved.ring()
	c.other.moved.ring()
	p.mu.Unlock()
	if open == 0 {
		p.network.forget(p)
	}
	return nil
}

// CloseWrite ends what this end sends; it may go on reading.
func (c *conn) CloseWrite() error {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	switch {
	case c.closed:
		return c.failed("close", net.ErrClosed)
	case c.finished:
		return c.failed("close", os.NewSyscallError("shutdown", syscall.ENOTCONN))
	}
	c.finished = true
	if !c.other.closed {
		c.other.send(fin, nil)
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.other.local }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.deadlines(&t, &t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.deadlines(&t, nil) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.deadlines(nil, &t) }

// deadlines sets those that are given, and wakes who waits by an earlier one.
func (c *conn) deadlines(read, written *time.Time) error {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	if read != nil {
		c.read = *read
	}
	if written != nil {
		c.written = *written
	}
	c.moved.ring()
	return nil
}

func (c *conn) failed(op string, err error) error { return failed(op, c.local, c.other.local, err) }

func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !deadline.After(now) }

// await waits for a ring, and no longer than until, unless that is zero.
func await(moved <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-moved
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-moved:
	case <-timer.C:
	}
}
