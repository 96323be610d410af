package proxy

import (
	"errors"
	"net"
	"os"
	"slices"
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

// reading is what one wait brought: bytes in a chunk, or in the kernel pipe, or the end of src.
type reading struct {
	chunk *[chunkSize]byte
	n     int
	// spliced bytes are in pipe.kernel, held ones in pipe.held.
	spliced    bool
	held       bool
	end, reset bool
	// first bytes of the connection, that had been kept back.
	first []byte
}

func (r reading) discard() {
	if r.chunk != nil {
		chunks.Put(r.chunk)
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

// sniff keeps the first bytes back until they have told who dialled.
func (p *pipe) sniff(got reading) reading {
	var b []byte
	if got.chunk != nil {
		b = got.chunk[:got.n]
	}
	known := p.c.learn(b, got.end)
	got.discard()
	got.chunk, got.n = nil, 0
	if known {
		got.first, p.c.first = p.c.first, nil
	}
	return got
}

// spliced says that there are bytes in the kernel pipe: they come before all that is read later.
func (p *pipe) spliced() bool { return p.kernel != nil && p.kernel.held > 0 }

// spare gives the kernel pipe back when there is nothing to splice.
func (p *pipe) spare() {
	if p.kernel != nil {
		p.c.proxy.kernels.put(p.kernel)
		p.kernel = nil
	}
}

// read waits until src has bytes, and only then takes a chunk for the first of them.
func (p *pipe) read(most int) (chunk *[chunkSize]byte, n int, err error) {
	n, err = p.receive(func(fd int) (n int, errno error) {
		chunk = chunks.Get().(*[chunkSize]byte)
		if n, errno = syscall.Read(fd, chunk[:most]); errno != nil || n == 0 {
			chunks.Put(chunk)
			chunk = nil
		}
		return n, errno
	})
	return chunk, n, err
}

// readInto reads what fits into b.
func (p *pipe) readInto(b []byte) (int, error) {
	return p.receive(func(fd int) (int, error) { return syscall.Read(fd, b) })
}

// receive calls read each time when src may have bytes, until it has some, or its end or an error.
func (p *pipe) receive(read func(fd int) (int, error)) (n int, err error) {
	var errno error
	err = p.from.Read(func(fd uintptr) bool {
		for {
			if n, errno = read(int(fd)); errno != syscall.EINTR {
				return errno != syscall.EAGAIN
			}
		}
	})
	if err == nil && errno != nil {
		err = os.NewSyscallError("read", errno)
	}
	return max(n, 0), err
}

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

// ingest puts what was read into the queue; false if the connection is over because of it.
func (p *pipe) ingest(s *shape, got reading) bool {
	if p.spliced() && (!s.plain() || p.deaf) {
		b, err := p.kernel.drain()
		if err != nil {
			p.c.kill(true)
			return false
		}
		p.frames.passed(int64(len(b)))
		p.queue.add(s, item{b: b})
	}
	for first := range slices.Chunk(got.first, chunkSize) {
		chunk := chunks.Get().(*[chunkSize]byte)
		p.parse(s, chunk, copy(chunk[:], first))
	}
	if got.chunk != nil {
		p.parse(s, got.chunk, got.n)
	}
	if got.held {
		p.parseHeld(s, got.n)
	}
	if got.end {
		p.ended = true
		p.release(s)
		p.queue.add(s, item{end: true, reset: got.reset})
	}
	return true
}

// parse puts bytes into the queue. Requests that a rule is about are noted first: their answers cannot
// come before they were passed on.
func (p *pipe) parse(s *shape, chunk *[chunkSize]byte, n int) {
	b := chunk[:n]
	if p.answer && (len(s.answers) > 0 || p.held.some()) {
		p.parseAnswers(s, chunk, b)
		return
	}
	begin := func() { p.c.calls.note(s.answers, &p.frames) }
	if p.answer || len(s.answers) == 0 {
		begin = nil
	}
	p.frames.observe(b, begin)
	p.queue.add(s, item{b: b, chunk: chunk})
}

// forward writes what is due, and says when there will be more.
func (p *pipe) forward(s *shape) (until time.Time, over bool) {
	if s.cut || p.deaf {
		p.lose()
		return until, p.dst == nil && p.ended && p.hangUp()
	}
	if s.stall {
		return until, false
	}
	if p.spliced() {
		n, err := p.writeKernel()
		if over, retry := p.wrote(n, err); over || retry {
			return time.Now(), over
		}
	}
	p.queue.obey(s)
	for !p.queue.empty() {
		it := &p.queue.items[p.queue.first]
		if !it.due.IsZero() && time.Until(it.due) > 0 {
			return it.due, false
		}
		if it.end {
			return until, p.end(it.reset)
		}
		b := it.b
		for _, bucket := range s.buckets {
			n, wait := bucket.take(time.Now(), len(b))
			if n == 0 {
				return time.Now().Add(wait), false
			}
			b = b[:n]
		}
		n, err := p.dst.Write(b)
		p.queue.sent(n)
		if over, retry := p.wrote(n, err); over || retry {
			return time.Now(), over
		}
	}
	return until, false
}

func (p *pipe) writeKernel() (int, error) {
	if p.to == nil {
		to, err := p.dst.SyscallConn()
		if err != nil {
			return 0, err
		}
		p.to = to
	}
	n, err := p.kernel.empty(p.to)
	p.frames.passed(int64(n))
	return n, err
}

// wrote counts what was written. retry says that the write was interrupted by another shape.
func (p *pipe) wrote(n int, err error) (over, retry bool) {
	p.passed.Add(int64(n))
	switch {
	case err == nil:
		return false, false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, true
	}
	// Whoever reads dst is gone. It tells on the other link; where that is cut, src must not learn of it.
	if back := p.c.other(p); back.shape.Load().cut {
		back.lost.Store(true)
		p.deaf = true
		p.lose()
		return false, true
	}
	p.c.kill(true)
	return true, false
}

// lose throws away everything that waits.
func (p *pipe) lose() {
	n := p.queue.clear() + p.held.clear()
	if p.spliced() {
		b, _ := p.kernel.drain()
		p.frames.passed(int64(len(b)))
		n += int64(len(b))
	}
	p.dropped.Add(n)
	if n > 0 || p.ended {
		p.lost.Store(true)
	}
}

// hangUp ends a connection whose dialler has gone before the node was dialled.
func (p *pipe) hangUp() bool {
	p.c.kill(false)
	return true
}

// end passes the end of the stream on.
func (p *pipe) end(reset bool) bool {
	p.queue.pop()
	if reset {
		p.c.kill(true)
		return true
	}
	p.dst.CloseWrite() // an error means that dst is gone, which the other pipe sees
	p.c.finished()
	return true
}

// discard gives back what the pipe holds when its goroutine ends.
func (p *pipe) discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.clear()
	if p.kernel != nil {
		p.c.proxy.kernels.put(p.kernel)
		p.kernel = nil
	}
}

// settle returns when the pipe obeys the shape that was stored.
func (p *pipe) settle() {
	if !p.mu.TryLock() {
		// It is at work, perhaps in a write to somebody who does not read.
		if dst := p.c.sink(p); dst != nil {
			dst.SetWriteDeadline(past)
			p.mu.Lock()
			dst.SetWriteDeadline(time.Time{})
		} else {
			p.mu.Lock()
		}
	}
	defer p.mu.Unlock()
	if p.waits {
		p.src.SetReadDeadline(past)
		select {
		case p.wake <- struct{}{}:
		default: // it is to wake already
		}
	}
}
