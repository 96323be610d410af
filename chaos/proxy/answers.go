package proxy

import (
	"slices"
	"sync"
	"time"
)

// callsMax requests of a connection are noted at most; Kafka's clients have a handful in flight.
const callsMax = 4096

// call is a request on its way whose answer rules are about.
type call struct {
	correlation  int32
	key, version int16
	rules        []*rule
}

// calls are those of one connection, in order: Kafka answers in order, and a request without an answer
// (acks=0) is over when a later one is answered.
type calls struct {
	mu      sync.Mutex
	waiting []call
}

// note remembers the request whose head is complete, if a rule is about it.
func (c *calls) note(rules []*rule, f *frames) {
	key, version, correlation := f.request()
	var about []*rule
	for _, r := range rules {
		if !r.spent() && (r.api == anyAPI || r.api == key) {
			about = append(about, r)
		}
	}
	if len(about) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == callsMax {
		c.waiting = slices.Delete(c.waiting, 0, 1)
	}
	c.waiting = append(c.waiting, call{correlation, key, version, about})
}

// take finds the call that an answer belongs to.
func (c *calls) take(correlation int32) (call, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, found := range c.waiting {
		if found.correlation == correlation {
			c.waiting = slices.Delete(c.waiting, 0, i+1)
			return found, true
		}
	}
	return call{}, false
}

// parseAnswers puts the bytes of responses into the queue: changed, repeated, late or as they came; or
// the end of the connection in the place of one.
func (p *pipe) parseAnswers(s *shape, chunk *[chunkSize]byte, b []byte) {
	out := outlet{p: p, s: s, chunk: chunk, all: b}
	if len(s.answers) == 0 { // no rule any more: what is held goes out first
		p.release(s)
		p.frames.observe(b, nil)
		out.pass(len(b))
		out.close()
		return
	}
	for len(b) > 0 {
		if p.frames.raw {
			out.flush()
			p.release(s)
			out.pass(len(b))
			break
		}
		if !p.frames.inBody() {
			if p.frames.collected == 0 {
				p.held = held{}
			} else if !p.held.some() {
				p.held.shown = true
			}
			n, complete := p.frames.collect(b)
			if p.held.shown {
				out.pass(n)
			} else {
				out.hold(b[:n])
			}
			b = b[n:]
			if complete && !p.begin(&out) {
				break
			}
			continue
		}
		n := min(p.frames.left, int64(len(b)))
		p.frames.skip(n)
		if p.held.whole {
			out.hold(b[:n])
		} else {
			out.pass(int(n))
		}
		b = b[n:]
		if p.held.whole && !p.frames.inBody() && !p.act(&out) {
			break
		}
	}
	out.close()
	if p.ended {
		p.queue.add(s, item{end: true, reset: true})
	}
}

// begin decides what becomes of the frame whose head is complete; false if the connection ends instead.
func (p *pipe) begin(out *outlet) bool {
	correlation, size := p.frames.response()
	c, ok := call{}, false
	if !p.held.shown {
		c, ok = p.c.calls.take(correlation)
	}
	c.rules = slices.DeleteFunc(c.rules, func(r *rule) bool {
		return !slices.Contains(out.s.answers, r) || r.needsLook() && size > heldMax
	})
	p.held.whole = ok && slices.ContainsFunc(c.rules, (*rule).needsLook)
	if p.held.whole {
		p.held.call = c
	} else {
		a := answer{c: p.c, call: c}
		a.apply()
		p.held.late, p.held.by, p.ended = a.late, a.by, a.drop
		if a.drop {
			return false
		}
		out.release()
	}
	p.frames.skip(0)
	if p.held.whole && !p.frames.inBody() {
		return p.act(out)
	}
	return true
}

// act does what the rules say with a frame that is held as a whole; false if the connection ends instead.
func (p *pipe) act(out *outlet) bool {
	a := answer{c: p.c, call: p.held.call, frame: p.held.b}
	buffer := p.held.buffer
	p.held = held{}
	a.apply()
	if p.ended = a.drop; a.drop {
		return false
	}
	if a.changed || a.copies > 0 {
		buffer = nil // the garbage collector's
	} else if buffer != nil {
		*buffer = a.frame[:0]
	}
	for range 1 + a.copies {
		out.flush()
		p.queue.add(out.s, item{b: a.frame, frame: buffer, extra: a.late, by: a.by})
	}
	return true
}

// parseHeld counts n bytes that were read into the room of the frame that is held.
func (p *pipe) parseHeld(s *shape, n int) {
	p.held.took(n)
	p.frames.skip(int64(n))
	if len(s.answers) == 0 { // no rule any more
		p.release(s)
		return
	}
	if p.frames.inBody() {
		return
	}
	out := outlet{p: p, s: s}
	if p.act(&out); p.ended {
		p.queue.add(s, item{end: true, reset: true})
	}
}

// release puts what is held into the queue as it came.
func (p *pipe) release(s *shape) {
	if p.held.some() {
		p.queue.add(s, item{b: p.held.b})
	}
	p.held = held{shown: p.frames.collected > 0}
}

// outlet puts parts of a chunk into the queue: as one item where nothing happens to any of them.
type outlet struct {
	p     *pipe
	s     *shape
	chunk *[chunkSize]byte
	all   []byte
	// from and to are what is to be passed on and not in the queue yet.
	from, to int
}

// pass lets the next n bytes go as they are.
func (o *outlet) pass(n int) {
	if o.p.held.late > 0 {
		o.flush()
		o.p.queue.add(o.s, item{b: slices.Clone(o.all[o.to : o.to+n]), extra: o.p.held.late, by: o.p.held.by})
		o.to += n
		o.from = o.to
		return
	}
	o.to += n
}

// hold keeps the next bytes back.
func (o *outlet) hold(b []byte) {
	o.flush()
	o.p.held.b = append(o.p.held.b, b...)
	o.to += len(b)
	o.from = o.to
}

// release lets the head that was held go: nothing happens to its frame.
func (o *outlet) release() {
	b := o.p.held.b
	o.p.held.b, o.p.held.shown = nil, true
	if o.p.held.late == 0 && o.to >= len(b) && o.from == o.to && string(o.all[o.to-len(b):o.to]) == string(b) {
		// The head lies in this chunk: what comes after it can join it.
		o.from = o.to - len(b)
		return
	}
	o.emit(b, o.p.held.late, o.p.held.by)
}

// emit puts other bytes into the queue.
func (o *outlet) emit(b []byte, late time.Duration, by *rule) {
	o.flush()
	o.p.queue.add(o.s, item{b: b, extra: late, by: by})
}

// flush puts what was passed into the queue; its bytes are copied, because the chunk has other users.
func (o *outlet) flush() {
	if o.from < o.to {
		o.p.queue.add(o.s, item{b: slices.Clone(o.all[o.from:o.to])})
	}
	o.from = o.to
}

// close gives the chunk away: with its bytes, or back.
func (o *outlet) close() {
	if o.from == 0 && o.to == len(o.all) {
		o.p.queue.add(o.s, item{b: o.all, chunk: o.chunk})
		return
	}
	o.flush()
	chunks.Put(o.chunk)
}
