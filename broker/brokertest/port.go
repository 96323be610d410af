package brokertest

import (
	"net"
	"sync"
)

// port keeps an address for the whole test: a node that is down keeps its number, so that no other
// program of the machine gets it meanwhile.
type port struct {
	listener net.Listener
	network  *network
	done     sync.WaitGroup
	mu       struct {
		sync.Mutex
		up *opening // nil while the node is down
	}
}

func openPort(n *network) (*port, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &port{listener: l, network: n}
	p.done.Go(p.accept)
	return p, nil
}

func (p *port) address() string { return p.listener.Addr().String() }

// accept hands connections to the node that is up, and resets them while none can be reached.
func (p *port) accept() {
	for {
		accepted, err := p.listener.Accept()
		if err != nil {
			return
		}
		c := p.network.adopt(accepted.(*net.TCPConn))
		if c == nil {
			continue
		}
		p.mu.Lock()
		up := p.mu.up
		p.mu.Unlock()
		if up == nil || !up.offer(c) {
			c.reset()
		}
	}
}

// open gives the listener of the next node.
func (p *port) open() net.Listener {
	o := &opening{port: p, conns: make(chan net.Conn), closed: make(chan struct{})}
	p.mu.Lock()
	p.mu.up = o
	p.mu.Unlock()
	return o
}

// close ends the port, whoever has it.
func (p *port) close() {
	p.mu.Lock()
	up := p.mu.up
	p.mu.Unlock()
	if up != nil {
		up.Close()
	}
	p.listener.Close()
	p.done.Wait()
}

// opening is the port in the hands of one node; its Close leaves the port itself open.
type opening struct {
	port   *port
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// offer hands a connection over; false when the node closed the listener.
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
