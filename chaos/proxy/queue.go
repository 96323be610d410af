package proxy

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// chunkSize is what one read takes at most.
	chunkSize = 64 << 10
	// queueMax is what a pipe holds back at most before it reads no further; it bounds what passes in
	// the time of a delay, as the buffers of TCP do.
	queueMax = 2 << 20
	// itemCost is counted for each chunk, so that tiny ones do not add up unnoticed.
	itemCost = 128
)

// chunks are buffers for reads: a pipe that waits has none.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// item is what waits to be written: bytes, or the end of the stream.
type item struct {
	b []byte
	// chunk to put back when b is written, if b is part of one that nobody else uses.
	chunk *[chunkSize]byte
	// frame is the buffer to put back, likewise.
	frame *[]byte
	// came is when it was read, due when it may be written: never before what came earlier.
	came, due time.Time
	// extra delay that a rule about requests gave it.
	extra time.Duration
	by    *rule
	// end of the stream instead of bytes; reset if it ended with RST.
	end, reset bool
}

// queue holds what is read and not yet written, in order.
type queue struct {
	items []item
	first int // the items before it are gone
	bytes int
	// of is the shape that gave the due times.
	of *shape
	// stream tells the draws of this pipe from those of others with the same seed.
	stream uint64
	random *rand.Rand
}

// empty says that nothing waits.
func (q *queue) empty() bool { return q.first == len(q.items) }

// add puts an item at the end, due as the shape says.
func (q *queue) add(s *shape, it item) {
	if s.delay != 0 || it.end || it.extra != 0 || !q.empty() {
		it.came = time.Now()
	}
	q.obey(s)
	q.set(&it, q.items[q.first:], s)
	q.items = append(q.items, it)
	q.bytes += len(it.b) + itemCost
}

// obey gives what waits new due times when the shape has changed.
func (q *queue) obey(s *shape) {
	if q.of == s {
		return
	}
	if s.jitter != 0 && (q.random == nil || q.of.seed != s.seed) {
		q.random = rand.New(rand.NewPCG(s.seed, q.stream))
	}
	q.of = s
	for i := q.first; i < len(q.items); i++ {
		q.set(&q.items[i], q.items[q.first:i], s)
	}
}

// set gives an item that comes after others its due time; the zero time is at once.
func (q *queue) set(it *item, others []item, s *shape) {
	it.due = time.Time{}
	late := s.draw(q.random)
	if it.end {
		late += s.slow
	}
	if it.by != nil && slices.Contains(s.answers, it.by) {
		late += it.extra
	}
	if late > 0 && !it.came.IsZero() {
		it.due = it.came.Add(late)
	}
	if n := len(others); n > 0 && others[n-1].due.After(it.due) {
		it.due = others[n-1].due
	}
}

// sent takes n bytes off the first item.
func (q *queue) sent(n int) {
	it := &q.items[q.first]
	it.b = it.b[n:]
	q.bytes -= n
	if len(it.b) == 0 {
		q.pop()
	}
}

// pop takes the first item off.
func (q *queue) pop() {
	it := &q.items[q.first]
	q.bytes -= len(it.b) + itemCost
	if it.chunk != nil {
		chunks.Put(it.chunk)
	}
	if it.frame != nil {
		heldBuffers.Put(it.frame)
	}
	*it = item{}
	q.first++
	if q.first == len(q.items) {
		q.items, q.first = q.items[:0], 0
	} else if q.first >= 64 && q.first > len(q.items)/2 {
		n := copy(q.items, q.items[q.first:])
		clear(q.items[n:])
		q.items, q.first = q.items[:n], 0
	}
}

// clear throws everything away and says how many bytes that were.
func (q *queue) clear() (lost int64) {
	for !q.empty() {
		lost += int64(len(q.items[q.first].b))
		q.pop()
	}
	return lost
}

// settle lets what waits not keep more memory than it needs.
func (q *queue) settle() {
	if q.empty() {
		return
	}
	if it := &q.items[len(q.items)-1]; it.chunk != nil && len(it.b) < chunkSize/4 {
		it.b = slices.Clone(it.b)
		chunks.Put(it.chunk)
		it.chunk = nil
	}
}
