package brokertest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// network is where a test cuts and pauses one node: every connection that it takes or makes is here.
type network struct {
	mu struct {
		sync.Mutex
		conns  map[*conn]bool
		isCut  bool
		paused bool
		moved  *sync.Cond // paused changed, or a connection closed
	}
}

func newNetwork() *network {
	n := &network{}
	n.mu.conns = map[*conn]bool{}
	n.mu.moved = sync.NewCond(&n.mu)
	return n
}

func (n *network) pause(on bool) {
	n.mu.Lock()
	n.mu.paused = on
	n.mu.Unlock()
	n.mu.moved.Broadcast()
}

func (n *network) cut(on bool) {
	n.mu.Lock()
	n.mu.isCut = on
	var broken []*conn
	for c := range n.mu.conns {
		broken = append(broken, c)
	}
	n.mu.Unlock()
	if on {
		for _, c := range broken {
			c.reset()
		}
	}
}

// reachable says that nothing keeps the node from answering.
func (n *network) reachable() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.mu.isCut && !n.mu.paused
}

// adopt makes a connection one of the node's; nil, and a reset connection, while it is cut off.
func (n *network) adopt(tcp *net.TCPConn) *conn {
	c := &conn{TCPConn: tcp, network: n}
	n.mu.Lock()
	isCut := n.mu.isCut
	if !isCut {
		n.mu.conns[c] = true
	}
	n.mu.Unlock()
	if isCut {
		c.reset()
		return nil
	}
	return c
}

var errCut = errors.New("this broker is cut off")

// dial is how the node connects to others.
func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	dialled, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if c := n.adopt(dialled.(*net.TCPConn)); c != nil {
		return c, nil
	}
	return nil, errCut
}

// conn is a connection as the node sees it.
type conn struct {
	*net.TCPConn
	network *network
	closed  bool // under network.mu
}

// wait returns when the node is not paused, or the connection is closed.
func (c *conn) wait() {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	for c.network.mu.paused && !c.closed {
		c.network.mu.moved.Wait()
	}
}

// Read waits while the node is paused, also with what arrived meanwhile.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.wait()
	return n, err
}

// Write waits while the node is paused.
func (c *conn) Write(b []byte) (int, error) {
	c.wait()
	return c.TCPConn.Write(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.network.mu.Lock()
	c.closed = true
	delete(c.network.mu.conns, c)
	c.network.mu.Unlock()
	c.network.mu.moved.Broadcast()
	return c.TCPConn.Close()
}

// reset breaks the connection: the other side gets an error, the nearest to a network that is gone.
func (c *conn) reset() {
	c.TCPConn.SetLinger(0) // what fails here is closed already
	c.Close()
}
