package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// connection is one connection of a client, or of an actor of another node, to a node.
type connection struct {
	id       int64
	name     string // of who asks, for people and as its client id
	from     endpoint
	asker    *host // nil for a client
	host     *host // that is asked
	listener wire.Listener
	// life of the host that accepted it; 0 before that.
	life     uint64
	session  actor.Address
	up, down stream // towards the node that is asked, towards who asks
	// waiting holds the requests without an answer, in order.
	waiting []*request
	// armed is set while a timer looks after the oldest of them.
	armed bool
	// given is set once who asks gave it up, lost it or died.
	given bool
	// ended is called once, when it is given up or lost, before its requests are told.
	ended func(reason string, waiting int)
	// serving holds the responses of the session that are not on their way yet, in order.
	serving []actor.Response
}

// request is one request on its way, or waiting for its answer.
type request struct {
	correlation int32
	body        kmsg.Request
	conn        *connection
	written     time.Duration
	deadline    time.Duration
	over        bool
	// done is called once: with the answer, or with nil when the connection went before it.
	done func(*request, kmsg.Response)
}

// dial begins a connection; what it carries follows at once.
func (s *simulation) dial(name string, from endpoint, asker, to *host, l wire.Listener) *connection {
	s.conns++
	c := &connection{id: s.conns, name: name, from: from, asker: asker, host: to, listener: l}
	s.network.send(c.from, to.endpoint, packet{&c.up, func() {
		switch {
		case to.up && !s.network.refuses(from, to.endpoint):
			to.accept(c)
		case to.powered:
			s.marks[ConnectionRefused]++
			c.reset()
		}
	}})
	return c
}

// ask sends a request. What arrives is made by arrival, away from who asks: memory that the two do not
// share.
func (c *connection) ask(r *request, timeout time.Duration, arrival func() *wire.Request) {
	s := c.host.sim
	r.conn, r.written, r.deadline = c, s.now, s.now+timeout
	c.waiting = append(c.waiting, r)
	c.toNode(func(h *host) {
		if r.over {
			s.marks[ConnectionsOvertook]++
		}
		h.deliver(c.session, api.Arrived{Request: arrival(), At: startTime.Add(s.now + h.offset)})
	})
	c.watch()
}

// watch makes sure that a timer comes when the time of the oldest request is up, by the clock of who
// asks: a paused process looks at it late.
func (c *connection) watch() {
	if c.armed || len(c.waiting) == 0 {
		return
	}
	c.armed = true
	at := c.waiting[0].deadline
	for _, r := range c.waiting {
		at = min(at, r.deadline)
	}
	s := c.host.sim
	s.at(max(at, s.now), kindClient, c.asker, func() {
		c.armed = false
		for _, r := range c.waiting {
			if r.deadline <= s.now {
				c.giveUp("request timed out")
				return
			}
		}
		c.watch()
	})
}

// giveUp closes the connection from the side of who asks.
func (c *connection) giveUp(reason string) {
	if c.given {
		return
	}
	if c.host.paused {
		c.host.sim.marks[RequestGivenUp]++
	}
	c.toNode(func(h *host) { h.deliver(c.session, api.Closed{}) })
	c.lost(reason)
}

// toNode sends something to the node's end. If the process that accepted the connection is gone the
// machine answers with a reset, unless it has no power.
func (c *connection) toNode(arrive func(h *host)) {
	h := c.host
	h.sim.network.send(c.from, h.endpoint, packet{&c.up, func() {
		switch {
		case h.sim.network.resets(c.from, h.endpoint):
			c.cutOff(h)
		case h.up && c.life == h.life:
			arrive(h)
		case h.powered:
			h.sim.marks[ConnectionRefused]++
			c.reset()
		}
	}})
}

// toAsker sends something to the end of who asks.
func (c *connection) toAsker(arrive func()) {
	h := c.host
	h.sim.network.send(h.endpoint, c.from, packet{&c.down, func() {
		if !c.given {
			arrive()
		}
	}})
}

// reset tells who asks that nobody is there any more.
func (c *connection) reset() { c.toAsker(func() { c.lost(reasonReset) }) }

// answered takes the next answer: answers come in the order of requests.
func (c *connection) answered(r actor.Response) {
	next, s := c.waiting[0], c.host.sim
	if r.Correlation != next.correlation {
		s.checker.violated("session-order", "%s was given the answer to request %d, request %d is before it", c.name, r.Correlation, next.correlation)
	}
	c.waiting = c.waiting[1:]
	next.over = true
	s.changed(uint64(c.id), uint64(next.correlation), uint64(next.body.Key()))
	next.done(next, r.Body.(kmsg.Response))
}

// lost ends the connection; nobody knows what became of its requests.
func (c *connection) lost(reason string) {
	if c.given {
		return
	}
	c.given = true
	s, waiting := c.host.sim, c.waiting
	c.waiting = nil
	s.changed(uint64(c.id), uint64(len(waiting)))
	if len(waiting) > 0 {
		s.marks[AnswerLost]++
	}
	s.unanswered += uint64(len(waiting))
	c.ended(reason, len(waiting))
	for _, r := range waiting {
		r.over = true
		r.done(r, nil)
	}
}

// call carries a request of an actor to another node, over the connection that the actor has to that
// address, or a new one. What is sent is what the bytes of its version say, so that two nodes never
// share memory, and a field that the version lacks does not arrive.
func (h *host) call(b *box, call actor.Call) {
	h.calls++
	versions, served := wire.Served(wire.Peers, call.Request.Key())
	to := h.sim.hostAt(call.Host, call.Port)
	if !served || to == nil || to.id != call.Node {
		h.sim.checker.violated("calls", "node %d asks node %d at %s:%d for %s: nobody serves that there",
			h.id, call.Node, call.Host, call.Port, wire.Name(call.Request.Key()))
		return
	}
	if !h.up { // it is stopping
		h.after(time.Millisecond, kindPacket, func() {
			h.deliver(b.address, actor.CallDone{Token: call.Token, Err: errors.New("the node is stopping")})
		})
		return
	}
	l := h.line(b, to)
	call.Request.SetVersion(versions.Max)
	bytes, correlation := call.Request.AppendTo(nil), l.calls
	l.calls++
	r := &request{correlation: correlation, body: call.Request, done: func(r *request, resp kmsg.Response) {
		done := actor.CallDone{Token: call.Token}
		h.sim.checker.answered(h, r, resp)
		if resp == nil {
			done.Err = fmt.Errorf("%s to node %d: the connection has gone", wire.Name(call.Request.Key()), to.id)
		} else {
			done.Response = resp
		}
		h.deliver(b.address, done)
	}}
	l.conn.ask(r, call.Timeout, func() *wire.Request {
		body := call.Request.ResponseKind().RequestKind()
		body.SetVersion(versions.Max)
		if err := body.ReadFrom(bytes); err != nil {
			h.sim.checker.violated("calls", "node %d sends %s that cannot be read: %v", h.id, wire.Name(body.Key()), err)
		}
		return &wire.Request{Key: body.Key(), Version: versions.Max, Correlation: correlation, ClientID: h.String(), Body: body}
	})
}

// line is the connection of an actor to another node, in this life.
type line struct {
	from  *box
	to    *host
	conn  *connection
	calls int32
}

func (h *host) line(b *box, to *host) *line {
	for _, l := range h.lines {
		if l.from == b && l.to == to {
			if l.conn == nil {
				h.connect(l)
			}
			return l
		}
	}
	l := &line{from: b, to: to}
	h.lines = append(h.lines, l)
	h.connect(l)
	return l
}

func (h *host) connect(l *line) {
	l.conn = h.sim.dial(h.String(), h.endpoint, h, l.to, wire.Peers)
	l.conn.ended = func(string, int) { l.conn = nil }
}

// copied is a response as another node reads it.
func copied(body actor.ResponseBody) (kmsg.Response, error) {
	resp := body.(kmsg.Response)
	other := resp.RequestKind().ResponseKind()
	other.SetVersion(resp.GetVersion())
	return other, other.ReadFrom(resp.AppendTo(nil))
}
