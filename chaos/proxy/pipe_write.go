package proxy

import (
	"errors"
	"os"
	"time"
)

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
