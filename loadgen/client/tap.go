package client

import (
	"context"
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
}

// Dial returns a dialer whose connections are tapped.
func (p *Process) Dial(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return newTapConn(conn, p, p.tap.connections.Add(1)), nil
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
