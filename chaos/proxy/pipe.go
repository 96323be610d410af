package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// past is a deadline that wakes whoever waits in a read or write.
var past = time.Unix(1, 0)

// pipe is one direction of a connection: what is read from src is written to dst. Its goroutine is run;
// all else may be called by others.
//
// Invariant: whatever is done to bytes that were read, is done under mu and as shape says then. So
// whoever stores another shape and then has held mu once, knows that it is obeyed.
type pipe struct {
	c      *connection
	answer bool // of responses
	shape  atomic.Pointer[shape]
	wake   chan struct{}

	passed, dropped atomic.Int64
	// lost says that dst misses bytes, or the end, of the stream.
	lost atomic.Bool

	mu       sync.Mutex
	src, dst *net.TCPConn
	// waits says that the goroutine may be waiting for something else than bytes alone; timed, that src
	// has a read deadline because of it.
	waits, timed bool
	queue        queue
	// deaf says that dst takes no more: it is gone, and the link on which it would tell is cut.
	deaf bool

	// Of the goroutine alone.
	frames frames
	held   held
	ended  bool // src is at its end
	kernel *kernelPipe
	from   syscall.RawConn
	to     syscall.RawConn // once it was needed
}

func newPipe(c *connection, answer bool, stream uint64) *pipe {
	p := &pipe{c: c, answer: answer, wake: make(chan struct{}, 1)}
	p.frames.headLength = requestHead
	if answer {
		p.frames.headLength = responseHead
	}
	p.queue.stream = stream
	return p
}

// run moves bytes until the stream has ended on both sides, or the connection is over.
func (p *pipe) run() {
	defer p.discard()
	from, err := p.src.SyscallConn()
	if err != nil {
		p.c.kill(true)
		return
	}
	p.from = from
	var got reading
	for {
		next, over := p.step(got)
		if over {
			return
		}
		if next.dial {
			if got = (reading{}); !p.c.dial() {
				return
			}
			continue
		}
		got = p.wait(next)
		if p.c.over() {
			got.discard()
			return
		}
	}
}

// waiting says what the goroutine is to wait for next.
type waiting struct {
	// dial the node first.
	dial bool
	// bytes of src, of which ahead may be spliced; and not beyond until, unless it is zero.
	bytes bool
	ahead int64
	until time.Time
	// room for bytes that are held anyway.
	room []byte
}

// step deals with what was read, and writes what is due. over says that the pipe has done its work.
func (p *pipe) step(got reading) (next waiting, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = false
	s := p.shape.Load()
	if s.reset && !p.answer && (got.n > 0 || got.first != nil) {
		got.discard()
		p.c.kill(true)
		return next, true
	}
	if !p.ingest(s, got) {
		return next, true
	}
	if p.dst == nil && !s.cut {
		return waiting{dial: true}, false
	}
	until, over := p.forward(s)
	if over {
		return next, true
	}
	p.queue.settle()
	next.until = until
	next.bytes = !p.ended && p.queue.bytes < queueMax && (!s.stall || s.cut) && !p.spliced()
	if next.bytes && s.plain() && p.queue.empty() && !p.held.some() && !p.deaf {
		next.ahead = p.frames.ahead()
	}
	if next.bytes && p.held.whole && len(s.answers) > 0 {
		next.room = p.held.room(p.frames.left)
	}
	p.waits = !next.bytes || !p.queue.empty()
	if p.waits || p.timed {
		p.src.SetReadDeadline(until)
		p.timed = p.waits
	}
	return next, false
}

// wait waits for bytes of src, for the time, or to be woken.
func (p *pipe) wait(next waiting) (got reading) {
	if !next.bytes {
		p.sleep(next.until)
		return got
	}
	if next.ahead >= spliceMin && p.kernel == nil {
		p.kernel = p.c.proxy.kernels.get()
	}
	var err error
	switch {
	case next.ahead >= spliceMin && p.kernel != nil:
		got.n, err = p.kernel.fill(p.from, next.ahead)
		got.spliced = true
	case next.room != nil:
		got.n, err = p.readInto(next.room)
		got.held = true
	default:
		// After a large frame there is likely another one: its head alone is copied.
		most := chunkSize
		if p.kernel != nil && next.ahead == 0 {
			most = longestHead
		}
		p.spare()
		got.chunk, got.n, err = p.read(most)
	}
	switch {
	case err == nil && got.n == 0:
		got.end = true
	case errors.Is(err, os.ErrDeadlineExceeded):
	case err != nil:
		got.end, got.reset = true, true
	}
	if p.c.sniff && !p.answer {
		got = p.sniff(got)
	}
	return got
}

// spliced says that there are bytes in the kernel pipe: they come before all that is read later.
func (p *pipe) spliced() bool { return p.kernel != nil && p.kernel.held > 0 }

// sleep waits for a time, or for ever if it is zero, or to be woken.
func (p *pipe) sleep(until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-p.wake:
	case <-alarm:
	case <-p.c.ctx.Done():
	}
}
