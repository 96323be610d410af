package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/logproof/logproof/verify/history"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Tap listens to every connection of a run. It changes no byte; where it cannot understand a stream
// it says so (Broken) and lets the stream pass.
type Tap struct {
	recorder    Recorder
	connections atomic.Int64
	attempts    atomic.Uint64
	names       sync.Map // [16]byte topic id -> string

	brokenMu struct {
		sync.Mutex
		count int
		first error
	}
}

// NewTap returns the tap of a run.
func NewTap(recorder Recorder) *Tap { return &Tap{recorder: recorder} }

// Attempts is how many attempts were recorded so far.
func (t *Tap) Attempts() uint64 { return t.attempts.Load() }

// Connections is how many connections were opened so far.
func (t *Tap) Connections() int64 { return t.connections.Load() }

// Broken returns the first failure to understand a connection and how many there were, or nil. A run
// with a broken tap has attempts that the history does not show.
func (t *Tap) Broken() error {
	t.brokenMu.Lock()
	defer t.brokenMu.Unlock()
	if t.brokenMu.count == 0 {
		return nil
	}
	return fmt.Errorf("the tap lost track of %d connections, so attempts are missing in the history; the first: %w", t.brokenMu.count, t.brokenMu.first)
}

func (t *Tap) broke(err error) {
	t.brokenMu.Lock()
	defer t.brokenMu.Unlock()
	if t.brokenMu.count++; t.brokenMu.count == 1 {
		t.brokenMu.first = err
	}
}

func (t *Tap) topicName(id [16]byte) (string, bool) {
	name, ok := t.names.Load(id)
	if !ok {
		return "", false
	}
	return name.(string), true
}

func (t *Tap) learn(id [16]byte, name string) { t.names.Store(id, name) }

func (t *Tap) record(attempts []history.Attempt) {
	for i := range attempts {
		t.recorder.Attempt(attempts[i])
	}
	t.attempts.Add(uint64(len(attempts)))
}

// Process returns the part of the tap that belongs to one logical client.
func (t *Tap) Process(name string) *Process { return &Process{tap: t, name: name} }

// Reader returns the part of the tap that belongs to a reader, of whose fetches it records what the
// brokers answered, as operations of the given kind.
func (t *Tap) Reader(name string, kind history.Kind) *Process {
	return &Process{tap: t, name: name, answers: &answers{kind: kind}}
}

// Process counts what one logical client put on the wire.
type Process struct {
	tap     *Tap
	name    string
	written sync.Map // history.Partition -> *atomic.Uint64
	// lost counts requests that may have been Produce and that the tap could not attribute.
	lost atomic.Uint64
	// answers records the fetches of a reader; nil for others.
	answers *answers
	// membership records what a member of a group asks and is told; nil for others.
	membership *membership
	// ends records what one that writes in transactions asks and is told of their ends; nil for others.
	ends *ends

	// severed processes write nothing any more, and open no connection.
	severed atomic.Bool
	connsMu sync.Mutex
	conns   map[*tapConn]bool
}

// errSevered is what a client that crashed is told by its own connections.
var errSevered = errors.New("the client has crashed")

// Member returns the part of the tap that belongs to a member of a group.
func (t *Tap) Member(name string, s GroupSpec) *Process {
	p := t.Reader(name, history.Fetch)
	p.membership = newMembership(t.recorder, t, name, s.withDefaults())
	return p
}

// Transactional is the process with a follower of the ends of its transactions.
func (p *Process) Transactional() *Process {
	p.ends = newEnds(p.tap.recorder, p.tap)
	return p
}

// Sever cuts every connection of the process and lets no byte out any more: to the brokers that is a client
// that crashed.
func (p *Process) Sever() {
	p.severed.Store(true)
	p.connsMu.Lock()
	conns := p.conns
	p.conns = nil
	p.connsMu.Unlock()
	for c := range conns {
		_ = c.Close() // it is gone either way
	}
}

// remember takes a new connection; one of a severed process is closed at once.
func (p *Process) remember(c *tapConn) {
	p.connsMu.Lock()
	if p.conns == nil {
		p.conns = map[*tapConn]bool{}
	}
	p.conns[c] = true
	p.connsMu.Unlock()
	if p.severed.Load() {
		p.Sever()
	}
}

func (p *Process) forget(c *tapConn) {
	p.connsMu.Lock()
	defer p.connsMu.Unlock()
	delete(p.conns, c)
}

// Dial returns a dialer whose connections are tapped.
func (p *Process) Dial(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.severed.Load() {
			return nil, errSevered
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := newTapConn(conn, p, p.tap.connections.Add(1))
		c.address = address
		p.remember(c)
		return c, nil
	}
}

// counter counts the attempts of a partition.
func (p *Process) counter(partition history.Partition) *atomic.Uint64 {
	if c, ok := p.written.Load(partition); ok {
		return c.(*atomic.Uint64)
	}
	c, _ := p.written.LoadOrStore(partition, new(atomic.Uint64))
	return c.(*atomic.Uint64)
}

// Written returns a function that tells how many attempts of a partition were handed to a connection
// so far, and those that could not be attributed to any partition. While it does not move, nothing of
// the partition is sent.
func (p *Process) Written(partition history.Partition) func() uint64 {
	c := p.counter(partition)
	return func() uint64 { return c.Load() + p.lost.Load() }
}
