package brokertest

import (
	"net"
	"sync"
)

// port keeps an address for the whole test: a broker that is down keeps its number, so that no other
// program of the machine gets it meanwhile. It is also where a test cuts and pauses a broker.
type port struct {
	listener net.Listener
	done     sync.WaitGroup
	mu       struct {
		sync.Mutex
		up     *opening // nil while the broker is down
		conns  map[*conn]bool
		isCut  bool
		paused bool
		moved  *sync.Cond // paused changed, or a connection closed
	}
}

func openPort() (*port, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &port{listener: l}
	p.mu.conns = map[*conn]bool{}
	p.mu.moved = sync.NewCond(&p.mu)
	p.done.Go(p.accept)
	return p, nil
}

func (p *port) address() string { return p.listener.Addr().String() }

// accept hands connections to the broker that is up, and resets them while none can be reached.
func (p *port) accept() {
	for {
		accepted, err := p.listener.Accept()
		if err != nil {
			return
		}
		c := &conn{TCPConn: accepted.(*net.TCPConn), port: p}
		p.mu.Lock()
		up, reachable := p.mu.up, p.mu.up != nil && !p.mu.isCut
		if reachable {
			p.mu.conns[c] = true
		}
		p.mu.Unlock()
		if !reachable || !up.offer(c) {
			c.reset()
		}
	}
}

func (p *port) pause(on bool) {
	p.mu.Lock()
	p.mu.paused = on
	p.mu.Unlock()
	p.mu.moved.Broadcast()
}

func (p *port) cut(on bool) {
	p.mu.Lock()
	p.mu.isCut = on
	var broken []*conn
	for c := range p.mu.conns {
		broken = append(broken, c)
	}
	p.mu.Unlock()
	if on {
		for _, c := range broken {
			c.reset()
		}
	}
}

// open gives the listener of the next broker.
func (p *port) open() net.Listener {
	o := &opening{port: p, conns: make(chan net.Conn), closed: make(chan struct{})}
	p.mu.Lock()
	p.mu.up = o
	p.mu.Unlock()
	return o
}

func (p *port) close() {
	p.listener.Close()
	p.done.Wait()
}

// conn is a client's connection as its broker sees it.
type conn struct {
	*net.TCPConn
	port   *port
	closed bool // under port.mu
}

// wait returns when the broker is not paused, or the connection is closed.
func (c *conn) wait() {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	for c.port.mu.paused && !c.closed {
		c.port.mu.moved.Wait()
	}
}

// Read waits while the broker is paused, also with what arrived meanwhile.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.wait()
	return n, err
}

// Write waits while the broker is paused.
func (c *conn) Write(b []byte) (int, error) {
	c.wait()
	return c.TCPConn.Write(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.port.mu.Lock()
	c.closed = true
	delete(c.port.mu.conns, c)
	c.port.mu.Unlock()
	c.port.mu.moved.Broadcast()
	return c.TCPConn.Close()
}

// reset breaks the connection: the client gets an error, the nearest to a network that is gone.
func (c *conn) reset() {
	c.TCPConn.SetLinger(0) // what fails here is closed already
	c.Close()
}

// opening is the port in the hands of one broker; its Close leaves the port itself open.
type opening struct {
	port   *port
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// offer hands a connection over; false when the broker closed the listener.
func (o *opening) offer(conn net.Conn) bool {
	select {
	case o.conns <- conn:
		return true
	case <-o.closed:
		return false
	}
}

// Accept implements net.Listener.
func (o *opening) Accept() (net.Conn, error) {
	select {
	case conn := <-o.conns:
		return conn, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (o *opening) Close() error {
	o.once.Do(func() {
		o.port.mu.Lock()
		if o.port.mu.up == o {
			o.port.mu.up = nil
		}
		o.port.mu.Unlock()
		close(o.closed)
	})
	return nil
}

// Addr implements net.Listener.
func (o *opening) Addr() net.Addr { return o.port.listener.Addr() }
