package sim

import (
	"math/rand/v2"
	"time"
)

// kind of an event, part of the trace hash.
type kind uint8

const (
	kindPacket kind = iota + 1 // a packet reaches the other end of its link
	kindStep                   // an actor takes its inbox
	kindTimer                  // a timer of an actor is due
	kindSync                   // a sync has ended
	kindServe                  // a response is filled from the log and sent
	kindBoot                   // a node starts
	kindClient                 // a client acts: its schedule, a back-off or a time limit
	kindFault                  // a fault begins, is proved, or is healed
)

// event is something that happens at a moment.
type event struct {
	at time.Duration
	// tie orders events of one moment. It is drawn, so that seeds try both orders.
	tie uint64
	// draw is where the tie came from.
	draw *rand.Rand
	// id numbers the events in the order in which they were made.
	id uint64
	// host is the node that the event belongs to, nil for none. It does not happen once that node has
	// ended the life in which it was made, and waits while the node is paused.
	host *host
	life uint64
	kind kind
	run  func()
}

func (e *event) before(other *event) bool {
	switch {
	case e.at != other.at:
		return e.at < other.at
	case e.tie != other.tie:
		return e.tie < other.tie
	}
	return e.id < other.id
}

// queue is a binary heap of events. Invariant: no event is before its parent.
type queue []event

func (q *queue) push(e event) {
	*q = append(*q, e)
	h := *q
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// pop removes the first event; the queue must not be empty.
func (q *queue) pop() event {
	h := *q
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&h[i]) {
			return first
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
