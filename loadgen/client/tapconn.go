package client

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"

	"github.com/logproof/logproof/verify/history"
)

// exchange is a request whose response the tap wants to read.
type exchange struct {
	key, version int16
	attempts     []history.Attempt // of a Produce request
	asking       *asking           // a Fetch request
	question     *question         // a request of a member of a group
}

// tapConn passes a connection through and reads along. One goroutine writes and one reads at a time,
// as kgo and net/http do; Close may come from any.
type tapConn struct {
	net.Conn
	process *Process
	number  int64
	address string // that was dialled

	requests  frames // the writing goroutine
	responses frames // the reading goroutine
	// What begin learned about the frame that end completes.
	key, version int16     // the writing goroutine
	answered     *exchange // the reading goroutine

	// Blind streams are no longer parsed. Each goroutine has its own flag.
	blindOut, blindIn bool

	mu struct {
		sync.Mutex
		open   map[int32]*exchange // by correlation id
		closed bool
	}
}

func newTapConn(conn net.Conn, process *Process, number int64) *tapConn {
	c := &tapConn{Conn: conn, process: process, number: number}
	c.mu.open = make(map[int32]*exchange)
	c.requests = frames{headSize: requestHead, begin: c.beginRequest, end: c.endRequest}
	c.responses = frames{headSize: responseHead, begin: c.beginResponse, pass: c.passResponse, end: c.endResponse}
	return c
}

// Write reads the requests before it hands them on: an answer cannot overtake its attempt, and an
// attempt counts as written even if the connection then fails, because how much of it went out is
// not known.
func (c *tapConn) Write(p []byte) (int, error) {
	if c.process.severed.Load() {
		return 0, errSevered
	}
	if !c.blindOut {
		if err := c.requests.feed(p); err != nil {
			c.blindOut = true
			c.process.tap.broke(fmt.Errorf("%s connection %d, request: %w", c.process.name, c.number, err))
		}
	}
	if c.blindOut {
		c.process.lost.Add(1) // whatever this was, it may have been a Produce request
	}
	return c.Conn.Write(p)
}

// Read reads the responses before the client does: what the client reports is in the history already.
func (c *tapConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.blindIn {
		if err := c.responses.feed(p[:n]); err != nil {
			c.blindIn = true
			c.process.tap.broke(fmt.Errorf("%s connection %d, response: %w", c.process.name, c.number, err))
		}
	}
	return n, err
}

// Close records what was asked and will not be answered any more.
func (c *tapConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	open := c.mu.open
	c.mu.open, c.mu.closed = nil, true
	c.mu.Unlock()
	for _, x := range open {
		c.process.tap.record(x.attempts)
		if x.question != nil {
			x.question.by.unanswered(x.question)
		}
	}
	if c.process.membership != nil {
		c.process.membership.parted(c.address)
	}
	c.process.forget(c)
	return err
}

func (c *tapConn) beginRequest(head []byte) interest {
	c.key = int16(binary.BigEndian.Uint16(head))
	c.version = int16(binary.BigEndian.Uint16(head[2:]))
	if c.key == keyMetadata || c.key == keyCreateTopics {
		c.expect(int32(binary.BigEndian.Uint32(head[4:])), &exchange{key: c.key, version: c.version})
	}
	if c.key == keyProduce || c.key == keyFetch && c.process.answers != nil {
		return collect
	}
	if c.process.membership != nil && c.process.membership.reads(c.key) {
		return collect
	}
	if c.process.ends != nil && c.process.ends.reads(c.key) {
		return collect
	}
	return ignore
}

func (c *tapConn) endRequest(frame []byte) error {
	if frame == nil {
		return nil
	}
	if c.key == keyFetch {
		return c.endFetchRequest(frame)
	}
	if c.key != keyProduce {
		return c.endQuestion(frame)
	}
	attempts, acks, err := readProduce(c.version, frame, c.process.tap)
	if err != nil {
		return err
	}
	written := c.process.tap.recorder.Now()
	for i := range attempts {
		a := &attempts[i]
		a.Process, a.Connection, a.Written = c.process.name, c.number, written
		c.process.counter(a.Partition).Add(1)
	}
	if acks == 0 || !c.expect(int32(binary.BigEndian.Uint32(frame[4:])), &exchange{key: c.key, version: c.version, attempts: attempts}) {
		c.process.tap.record(attempts) // nobody will answer
	}
	return nil
}

// expect registers a request whose response is wanted; it is false after Close.
func (c *tapConn) expect(correlation int32, x *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return false
	}
	c.mu.open[correlation] = x
	return true
}

func (c *tapConn) beginResponse(head []byte) interest {
	c.mu.Lock()
	defer c.mu.Unlock()
	correlation := int32(binary.BigEndian.Uint32(head))
	c.answered = c.mu.open[correlation]
	switch {
	case c.answered == nil:
		return ignore
	case c.answered.asking != nil:
		// It is watched to its end even if the connection is closed meanwhile.
		delete(c.mu.open, correlation)
		return watch
	}
	return collect
}

func (c *tapConn) passResponse(piece []byte) error { return c.answered.asking.skim.feed(piece) }

func (c *tapConn) endResponse(frame []byte) error {
	x := c.answered
	c.answered = nil
	if x != nil && x.asking != nil {
		return c.endFetched(x.asking)
	}
	if frame == nil || !c.settle(int32(binary.BigEndian.Uint32(frame)), x) {
		return nil
	}
	if x.question != nil {
		return x.question.by.answered(x.question, frame, c.process.tap.recorder.Now())
	}
	if x.key != keyProduce {
		return namesIn(x.key, x.version, frame, c.process.tap.learn)
	}
	err := answerProduce(x.version, frame, c.process.tap, c.process.tap.recorder.Now(), x.attempts)
	c.process.tap.record(x.attempts)
	if c.process.ends != nil {
		c.process.ends.produced(x.attempts)
	}
	return err
}

// settle takes a request out of the open ones; it is false if Close did so before, which recorded it
// as unanswered.
func (c *tapConn) settle(correlation int32, x *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.open[correlation] != x {
		return false
	}
	delete(c.mu.open, correlation)
	return true
}
