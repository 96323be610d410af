package server

import (
	"sync"
	"testing"
)

// Messages of one sender keep their order, none is lost, and close ends the taker.
func TestInboxKeepsOrder(t *testing.T) {
	box := newInbox()
	const senders, each = 4, 2000
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range each {
				box.put([2]int{s, i})
			}
		})
	}
	var next [senders]int
	var messages []any
	for taken := 0; taken < senders*each; taken += len(messages) {
		messages = box.take(messages)
		for _, m := range messages {
			got := m.([2]int)
			if got[1] != next[got[0]] {
				t.Fatalf("sender %d: message %d, want %d", got[0], got[1], next[got[0]])
			}
			next[got[0]]++
		}
	}
	sending.Wait()
	box.put("dropped")
	box.close()
	box.put("dropped too")
	if got := box.take(nil); got != nil {
		t.Fatalf("a closed inbox gives %v", got)
	}
}

// A connection's gate holds a reader back at its limits, lets one large request through, and opens
// for good when the connection closes.
func TestGate(t *testing.T) {
	g := newGate()
	if !g.enter(2 * maxUnansweredBytes) {
		t.Fatal("a single large request must pass")
	}
	entered := make(chan bool, 1)
	go func() { entered <- g.enter(1) }()
	g.leave(2 * maxUnansweredBytes)
	if !<-entered {
		t.Fatal("not let in after the large one left")
	}
	for range maxUnanswered - 1 {
		g.enter(1)
	}
	go func() { entered <- g.enter(1) }()
	g.close()
	if <-entered {
		t.Fatal("let in although the connection closes")
	}
}

// Memory is used again, class by class, and what is kept is bounded.
func TestBuffers(t *testing.T) {
	var b buffers
	first := b.get(5000)
	if len(first) != 5000 || cap(first) != 8192 {
		t.Fatalf("%d bytes of %d", len(first), cap(first))
	}
	b.put(first)
	if again := b.get(8192); &again[:1][0] != &first[:1][0] {
		t.Error("memory of the same class was not used again")
	}
	b.put(make([]byte, 5000)) // not of a class: another's
	for range 4 {
		b.put(make([]byte, keptBytes/2))
	}
	if b.mu.kept > keptBytes {
		t.Errorf("%d bytes are kept, at most %d may be", b.mu.kept, keptBytes)
	}
}
