package server

import "sync"

// inbox is an unbounded queue of messages with one taker. It is unbounded because actors send to
// each other in circles; what comes in from outside is bounded at the connections.
type inbox struct {
	mu struct {
		sync.Mutex
		messages []any
		closed   bool
	}
	// wake holds a token while there may be something to take.
	wake chan struct{}
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put adds a message; after close it is dropped.
func (b *inbox) put(message any) {
	b.mu.Lock()
	if b.mu.closed {
		b.mu.Unlock()
		return
	}
	b.mu.messages = append(b.mu.messages, message)
	first := len(b.mu.messages) == 1
	b.mu.Unlock()
	if first {
		b.signal()
	}
}

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take waits for messages and returns all of them, using the memory of spare for what comes next.
// It returns nil once the inbox is closed.
func (b *inbox) take(spare []any) []any {
	for {
		b.mu.Lock()
		messages, closed := b.mu.messages, b.mu.closed
		if !closed && len(messages) > 0 {
			clear(spare)
			b.mu.messages = spare[:0]
			b.mu.Unlock()
			return messages
		}
		b.mu.Unlock()
		if closed {
			return nil
		}
		<-b.wake
	}
}

// close drops what is queued and ends take.
func (b *inbox) close() {
	b.mu.Lock()
	b.mu.closed, b.mu.messages = true, nil
	b.mu.Unlock()
	b.signal()
}
