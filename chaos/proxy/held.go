package proxy

import (
	"slices"
	"sync"
	"time"
)

const (
	// heldMax is the largest frame that is held back to be looked into.
	heldMax = 16 << 20
	// heldFirst is what is set aside for a frame before its bytes come: memory is for bytes that came, not
	// for sizes that are claimed.
	heldFirst = 64 << 10
)

// heldBuffers are for frames that are held; they are passed on to the next one when they are written.
var heldBuffers = sync.Pool{New: func() any { return new([]byte) }}

// held is the part of a response that is not passed on yet: a head that is not complete, or a frame that
// a rule may change.
type held struct {
	b []byte
	// buffer that b is in, if it is to be given back.
	buffer *[]byte
	// whole frames are held of calls; else only the head.
	whole bool
	call  call
	// shown says that the head was passed on before rules came: the frame can only pass.
	shown bool
	// late is the delay of the rest of a frame that passes.
	late time.Duration
	by   *rule
}

func (h *held) some() bool { return len(h.b) > 0 }

func (h *held) clear() int64 {
	n := len(h.b)
	*h = held{}
	return int64(n)
}

// room is where the next bytes of the frame, of which so many are left, can be read to.
func (h *held) room(left int64) []byte {
	if h.buffer == nil {
		h.buffer = heldBuffers.Get().(*[]byte)
		h.b = append((*h.buffer)[:0], h.b...)
	}
	if free := cap(h.b) - len(h.b); int64(free) < left && free < heldFirst {
		h.b = slices.Grow(h.b, int(min(left, max(int64(len(h.b)), heldFirst))))
	}
	return h.b[len(h.b):min(int64(cap(h.b)), int64(len(h.b))+left)]
}

// took counts n bytes that were read into the room.
func (h *held) took(n int) { h.b = h.b[:len(h.b)+n] }
