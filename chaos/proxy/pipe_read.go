package proxy

import (
	"os"
	"slices"
	"syscall"
)

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
