package mesh

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Network connects hosts that have names. It keeps no goroutine and waits for nothing but channels and
// timers, never with a lock in its hands: in a testing/synctest bubble the clock moves on as soon as
// everybody waits, which it would never do with sockets.
type Network struct {
	latency time.Duration
	mu      struct {
		sync.Mutex
		listeners map[string]*listener // by host:port
		pairs     map[*pair]bool       // connections that are open at one end at least
		cut       map[string]bool      // hosts that nothing reaches, and whose words reach nobody
		moved     bell                 // a host is cut off or mended
	}
}

// NewNetwork makes a network in which every byte arrives after the latency, in order; 0 is at once.
func NewNetwork(latency time.Duration) *Network {
	n := &Network{latency: latency}
	n.mu.listeners, n.mu.pairs, n.mu.cut = map[string]*listener{}, map[*pair]bool{}, map[string]bool{}
	return n
}

// Host is a place on the network by its name, which need not be known before.
func (n *Network) Host(name string) Host { return Host{n, name} }

// Host listens and dials under its name.
type Host struct {
	network *Network
	name    string
}

// Address is a host and a port, as host:port.
type Address string

// Network implements net.Addr.
func (Address) Network() string { return "tcp" }

func (a Address) String() string { return string(a) }

// host of the address.
func (a Address) host() string {
	name, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return string(a)
	}
	return name
}

// Listen takes connections to a port of the host. EADDRINUSE says that somebody does already.
func (h Host) Listen(port int) (net.Listener, error) {
	l := &listener{network: h.network, address: Address(net.JoinHostPort(h.name, fmt.Sprint(port)))}
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.listeners[string(l.address)] != nil {
		return nil, failed("listen", nil, l.address, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	n.mu.listeners[string(l.address)] = l
	return l, nil
}

// Dial connects to host:port, as net.Dialer.DialContext does: ECONNREFUSED from a host where nobody listens,
// after a journey there and back, and silence from one that is cut off, until ctx is done, or ETIMEDOUT.
func (h Host) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	from, to := Address(net.JoinHostPort(h.name, "0")), Address(address)
	ctx, cancel := context.WithTimeoutCause(ctx, connectWithin, os.NewSyscallError("connect", syscall.ETIMEDOUT))
	defer cancel()
	if err := h.network.travel(ctx, from, to); err != nil {
		return nil, failed("dial", from, to, err)
	}
	p := newPair(h.network, from, to)
	l := h.network.connect(p)
	if l == nil || !l.offer(p.ends[1]) {
		h.network.forget(p)
		return nil, failed("dial", from, to, os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	return p.ends[0], nil
}

// connectWithin is how long Linux tries to connect, with the six repetitions that it makes by default.
const connectWithin = 127 * time.Second

// travel waits for a journey there and back, with as many attempts as it takes while one of the two is cut off.
func (n *Network) travel(ctx context.Context, from, to Address) error {
	for {
		n.mu.Lock()
		isCut := n.mu.cut[from.host()] || n.mu.cut[to.host()]
		moved := n.mu.moved.heard()
		n.mu.Unlock()
		var arrived <-chan time.Time
		if !isCut {
			if n.latency == 0 {
				return context.Cause(ctx)
			}
			timer := time.NewTimer(2 * n.latency)
			defer timer.Stop()
			arrived = timer.C
		}
		select {
		case <-arrived:
			return nil
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// connect registers a connection, and finds who listens at its far end; nil for nobody.
func (n *Network) connect(p *pair) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.pairs[p] = true
	p.mu.held = n.mu.cut[p.ends[0].local.host()] || n.mu.cut[p.ends[1].local.host()]
	return n.mu.listeners[string(p.ends[1].local)]
}

func (n *Network) forget(p *pair) {
	n.mu.Lock()
	delete(n.mu.pairs, p)
	n.mu.Unlock()
}

// Cut takes a host off the network, or puts it back. What was said meanwhile waits, as TCP would repeat it, and
// arrives when the host is back; nobody is told that anything is wrong.
func (n *Network) Cut(name string, off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.cut[name] = off
	for p := range n.mu.pairs {
		a, b := p.ends[0].local.host(), p.ends[1].local.host()
		if a == name || b == name {
			p.hold(n.mu.cut[a] || n.mu.cut[b])
		}
	}
	n.mu.moved.ring()
}

// Connections that are open, at one end at least.
func (n *Network) Connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.pairs)
}

// listener is a port of a host.
type listener struct {
	network *Network
	address Address
	mu      struct {
		sync.Mutex
		waiting []*conn // connected, and not yet accepted
		closed  bool
		moved   bell
	}
}

// offer hands a connection over; false when the listener is closed.
func (l *listener) offer(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return false
	}
	l.mu.waiting = append(l.mu.waiting, c)
	l.mu.moved.ring()
	return true
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		if l.mu.closed {
			l.mu.Unlock()
			return nil, failed("accept", nil, l.address, net.ErrClosed)
		}
		if len(l.mu.waiting) > 0 {
			c := l.mu.waiting[0]
			l.mu.waiting = l.mu.waiting[1:]
			l.mu.Unlock()
			return c, nil
		}
		moved := l.mu.moved.heard()
		l.mu.Unlock()
		<-moved
	}
}

// Close implements net.Listener. Connections that nobody has accepted are reset.
func (l *listener) Close() error {
	l.mu.Lock()
	waiting, closed := l.mu.waiting, l.mu.closed
	l.mu.waiting, l.mu.closed = nil, true
	l.mu.moved.ring()
	l.mu.Unlock()
	if closed {
		return failed("close", nil, l.address, net.ErrClosed)
	}
	l.network.mu.Lock()
	delete(l.network.mu.listeners, string(l.address))
	l.network.mu.Unlock()
	for _, c := range waiting {
		c.Reset()
	}
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.address }

// failed is an error as package net gives it.
func failed(op string, source, address net.Addr, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: source, Addr: address, Err: err}
}

// bell wakes everybody who waits for a change. Both methods are called with the lock of what changes.
type bell struct{ waiting chan struct{} }

// heard is closed at the next ring.
func (b *bell) heard() <-chan struct{} {
	if b.waiting == nil {
		b.waiting = make(chan struct{})
	}
	return b.waiting
}

func (b *bell) ring() {
	if b.waiting != nil {
		close(b.waiting)
		b.waiting = nil
	}
}
