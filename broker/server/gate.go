package server

import "sync"

const (
	// A connection may have this many requests, and bytes of requests, unanswered; a single
	// request may be larger. Beyond that it is not read: TCP tells the client to wait.
	maxUnanswered      = 64
	maxUnansweredBytes = 64 << 20
)

// gate bounds what one connection has unanswered.
type gate struct {
	mu struct {
		sync.Mutex
		count, bytes int
		closed       bool
	}
	moved *sync.Cond
}

func newGate() *gate {
	g := &gate{}
	g.moved = sync.NewCond(&g.mu)
	return g
}

// enter waits for room for a request of n bytes; false means that the connection is closing.
func (g *gate) enter(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.mu.closed && g.mu.count > 0 && (g.mu.count >= maxUnanswered || g.mu.bytes+n > maxUnansweredBytes) {
		g.moved.Wait()
	}
	g.mu.count++
	g.mu.bytes += n
	return !g.mu.closed
}

// leave makes the room of a request free.
func (g *gate) leave(n int) {
	g.mu.Lock()
	g.mu.count--
	g.mu.bytes -= n
	g.mu.Unlock()
	g.moved.Signal()
}

// busy reports whether something is unanswered.
func (g *gate) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.count > 0
}

func (g *gate) close() {
	g.mu.Lock()
	g.mu.closed = true
	g.mu.Unlock()
	g.moved.Broadcast()
}
