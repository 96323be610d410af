package server

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// connection is one client, or another node: a reader goroutine, and the goroutine of its session, which writes.
type connection struct {
	conn     net.Conn
	listener wire.Listener
	rt       *runtime
	self     actor.Address
	session  *api.Session
	inbox    *inbox
	gate     *gate
	pool     *buffers
	arriving *arriving
	limits   Limits
	metrics  *metrics
	log      *slog.Logger
	closing  atomic.Bool
}

func newConnection(conn net.Conn, l wire.Listener, n *node.Node, id int64, s *Server) *connection {
	self, session := n.NewSession(id, l)
	return &connection{
		conn: conn, listener: l, rt: s.runtime, self: self, session: session, inbox: newInbox(), gate: newGate(),
		pool: &s.buffers, arriving: &s.arriving, limits: s.limits, metrics: s.metrics, log: s.log.With(listenerNames[l], conn.RemoteAddr().String()),
	}
}

// serve runs until the client or the server closes the connection.
func (c *connection) serve() {
	c.metrics.opened[c.listener].Inc()
	c.metrics.connections[c.listener].Inc()
	defer c.metrics.connections[c.listener].Dec()
	c.rt.sessions.Store(c.self, c.inbox)
	c.inbox.put(api.Start{Host: hostOf(c.conn)})
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run()
	}()
	why := c.read()
	if c.closing.Load() {
		why.reason = closedByServer
	} else if why.reason == closedMalformed || why.reason == closedSlow {
		c.log.Warn("closing the connection", "reason", why)
	} else {
		c.log.Debug("connection closed", "reason", why)
	}
	c.metrics.closed(c.listener, why.reason)
	c.inbox.put(api.Closed{})
	<-done
	c.rt.sessions.Delete(c.self)
}

// hostOf is where a connection comes from, without the port.
func hostOf(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}

// close ends the connection from any goroutine.
func (c *connection) close() {
	c.closing.Store(true)
	c.conn.Close()
	c.gate.close()
}

// read takes requests off the connection until it ends, and says why it did.
func (c *connection) read() closed {
	memory := frames{c.pool, c.arriving}
	busy := c.gate.busy
	if c.listener == wire.Peers { // another node may have nothing to say for long
		busy = func() bool { return true }
	}
	in := newInput(c.conn, c.limits, memory, busy)
	for {
		frame, err := in.next()
		if err != nil {
			var why closed
			errors.As(err, &why)
			return why
		}
		memory.came(frame)
		r, err := wire.ParseRequest(c.listener, frame)
		if err != nil {
			c.pool.put(frame)
			return closed{closedMalformed, err}
		}
		c.metrics.requested(r)
		if !c.gate.enter(r.Size()) {
			return closed{closedByServer, errors.New("by the server")}
		}
		c.inbox.put(api.Arrived{Request: r, At: time.Now()})
	}
}

// run steps the session and writes its responses until it is told that the connection is closed.
func (c *connection) run() {
	var fx actor.Effects
	var messages []any
	defer c.close()
	for {
		messages = c.inbox.take(messages)
		now := time.Now()
		closed := false
		for _, m := range messages {
			c.session.Step(now, m, &fx)
			_, isClosed := m.(api.Closed)
			closed = closed || isClosed
		}
		hangup := fx.Hangup
		err := c.respond(fx.Responses)
		c.rt.perform(c.inbox, &fx)
		if hangup != "" {
			c.log.Warn("closing the connection", "reason", hangup)
		}
		if hangup != "" || err != nil {
			c.close() // the reader ends, and sends Closed
		}
		if closed {
			c.drop()
			return
		}
	}
}

// drop ends the inbox; what is still in it may hold log ranges.
func (c *connection) drop() {
	c.rt.sessions.Delete(c.self)
	c.inbox.mu.Lock()
	left := c.inbox.mu.messages
	c.inbox.mu.Unlock()
	c.inbox.close()
	for _, m := range left {
		discard(m)
	}
}

// discard gives up what an undeliverable message holds.
func discard(message any) {
	if data, ok := message.(api.FetchData); ok {
		for i := range data.Results {
			if data.Results[i].Source != nil {
				data.Results[i].Source.Release()
			}
		}
	}
}

// respond fills, encodes and writes responses in order. After a failed write the rest is given up.
func (c *connection) respond(responses []actor.Response) error {
	var failed error
	for i := range responses {
		r := &responses[i]
		request := r.Request.(*wire.Request)
		if r.Body != nil && failed == nil {
			failed = c.write(r)
		}
		for _, read := range r.Reads {
			read.Source.Release()
		}
		c.metrics.responded(request, r.Body, time.Since(r.Arrived))
		c.gate.leave(request.Size())
		if request.Frame != nil {
			c.pool.put(request.Frame)
		}
	}
	return failed
}

// write encodes one response and writes it. Log ranges are read straight into the frame.
func (c *connection) write(r *actor.Response) error {
	total := 0
	for i := range r.Reads {
		total += r.Reads[i].Bytes
	}
	out := c.pool.get(total + 4<<10)
	defer c.pool.put(out)
	var frame []byte
	if fetch, ok := r.Body.(*kmsg.FetchResponse); ok && wire.Plain(fetch) {
		frame = wire.AppendFetch(out[:0], r.Correlation, fetch, ranges{c, r.Reads})
	} else {
		for _, read := range r.Reads {
			if failed, ok := read.Fill(); !ok {
				c.rt.send(failed.To, failed.Message)
			}
		}
		frame = wire.AppendResponse(out[:0], r.Correlation, r.Body)
	}
	n, err := c.send(frame)
	c.metrics.wrote(r.Body.Key(), n)
	return err
}

// ranges reads log ranges straight into a frame.
type ranges struct {
	c     *connection
	reads []actor.Read
}

func (r ranges) find(p *kmsg.FetchResponseTopicPartition) int {
	return slices.IndexFunc(r.reads, func(read actor.Read) bool { return read.Into == p })
}

// Most implements wire.Records.
func (r ranges) Most(p *kmsg.FetchResponseTopicPartition) int {
	if i := r.find(p); i >= 0 {
		return r.reads[i].Bytes
	}
	return 0
}

// Append implements wire.Records.
func (r ranges) Append(buf []byte, p *kmsg.FetchResponseTopicPartition) ([]byte, error) {
	i := r.find(p)
	if i < 0 {
		return buf, nil
	}
	out, err := r.reads[i].Source.AppendTo(buf)
	if err != nil {
		r.c.log.Error("a log range could not be read", "error", err)
		failed := r.reads[i].Failed(err)
		r.c.rt.send(failed.To, failed.Message)
		return nil, err
	}
	p.RecordBatches = out[len(buf):] // for metrics; it goes with the frame
	return out, nil
}
