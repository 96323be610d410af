package proxy

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/logproof/logproof/chaos/cluster"
)

// connection is one that was accepted, and the one to the node that belongs to it.
type connection struct {
	proxy  *Proxy
	door   *door
	number uint64 // of all connections of the proxy, from 1
	// down leads to the dialler, up to the node: nil until it was dialled.
	down *net.TCPConn
	up   atomic.Pointer[net.TCPConn]

	requests, responses *pipe
	calls               calls

	ctx      context.Context // ends with the connection
	cancel   context.CancelFunc
	closing  sync.Once
	halves   atomic.Int32 // directions that have ended in order
	answered sync.WaitGroup

	// sniff says that the client id tells who dialled; first is what came of it. Of the goroutine of
	// requests alone.
	sniff bool
	first []byte

	// Guarded by proxy.mu.
	known    bool // link is set: rules hold
	link     cluster.Link
	knownBy  string
	clientID string
	shapes   *shapes
}

func newConnection(p *Proxy, d *door, down *net.TCPConn, number uint64) *connection {
	c := &connection{proxy: p, door: d, down: down, number: number}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.requests, c.responses = newPipe(c, false, 2*number), newPipe(c, true, 2*number+1)
	c.requests.src = down
	return c
}

// serve identifies the dialler and moves bytes until the connection is over.
func (c *connection) serve() {
	defer c.proxy.forget(c)
	who := c.proxy.finder.dialler(c.down)
	link := cluster.Link{From: cluster.AllClients, To: cluster.NodeEnd(c.door.node)}
	if who.node != nobody {
		link.From = cluster.NodeEnd(who.node)
	} else {
		c.sniff = who.by == "" || c.proxy.cfg.ClientNumber != nil
	}
	if c.proxy.identify(c, link, who.by, "") {
		c.requests.run()
	}
	c.answered.Wait()
	c.kill(false)
}

// learn looks for the client id in the first bytes of the connection; false while more are needed.
func (c *connection) learn(b []byte, end bool) bool {
	c.first = append(c.first, b...)
	id, ok, done := readClientID(c.first)
	if !done && !end {
		return false
	}
	c.sniff = false
	if ok {
		c.proxy.sniffed(c, id)
	}
	return true
}

// dial connects to the node. One that does not answer is dead: the dialler is reset.
func (c *connection) dial() bool {
	conn, err := c.proxy.dialer.DialContext(c.ctx, "tcp", c.door.upstream())
	if err != nil {
		c.kill(true)
		return false
	}
	up := conn.(*net.TCPConn)
	c.up.Store(up)
	if c.over() { // whoever ended the connection may have missed it
		up.Close()
		return false
	}
	c.requests.mu.Lock()
	c.requests.dst = up
	c.requests.mu.Unlock()
	c.responses.mu.Lock()
	c.responses.src, c.responses.dst = up, c.down
	c.responses.mu.Unlock()
	c.answered.Go(c.responses.run)
	return true
}

// over says that the connection has ended.
func (c *connection) over() bool { return c.ctx.Err() != nil }

// kill ends the connection on both sides: with RST, or in order.
func (c *connection) kill(reset bool) {
	c.closing.Do(func() {
		c.cancel()
		for _, conn := range []*net.TCPConn{c.down, c.up.Load()} {
			if conn == nil {
				continue
			}
			if reset {
				conn.SetLinger(0)
			}
			conn.Close()
		}
	})
}

// finished counts the directions that have ended in order: after both, the connection has.
func (c *connection) finished() {
	if c.halves.Add(1) == 2 {
		c.kill(false)
	}
}

// other pipe of the connection.
func (c *connection) other(p *pipe) *pipe {
	if p == c.requests {
		return c.responses
	}
	return c.requests
}

// sink is where a pipe writes to; nil before the node was dialled.
func (c *connection) sink(p *pipe) *net.TCPConn {
	if p == c.responses {
		return c.down
	}
	return c.up.Load()
}

// obey puts shapes in force; the caller settles the connection after it, without proxy.mu. It is false
// if nothing changes.
func (c *connection) obey(s *shapes) bool {
	if c.shapes == s {
		return false
	}
	c.shapes = s
	c.requests.shape.Store(s.requests)
	c.responses.shape.Store(s.responses)
	return true
}

// settle returns when everything that was stored is obeyed.
func (c *connection) settle(s *shapes) {
	if s.refuse || s.reset {
		c.kill(true)
		return
	}
	c.requests.settle()
	c.responses.settle()
	if c.requests.lost.Load() && !s.requests.cut || c.responses.lost.Load() && !s.responses.cut {
		c.kill(true) // the stream has a hole: nobody may go on with it
	}
}

// describe is the connection as Links tells it. Guarded by proxy.mu.
func (c *connection) describe() cluster.LinkConnection {
	count := func(p *pipe) cluster.LinkBytes {
		return cluster.LinkBytes{Passed: p.passed.Load(), Dropped: p.dropped.Load()}
	}
	l := cluster.LinkConnection{
		Link: c.link, KnownBy: c.knownBy, ClientID: c.clientID,
		Dialler: c.down.RemoteAddr().String(), Listener: c.door.address,
		Requests: count(c.requests), Responses: count(c.responses),
	}
	for _, r := range c.shapes.rules {
		l.Rules = append(l.Rules, r.LinkRule)
	}
	l.Rules = slices.Clip(l.Rules)
	return l
}
