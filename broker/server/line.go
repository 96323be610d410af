package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// line is one connection to a peer, from dialling to its first failure: after that every call needs
// another line. Calls are written in order and answered in order.
type line struct {
	peers  *peers
	route  route
	ctx    context.Context // ends with the line
	cancel context.CancelFunc
	// wake holds a token while there may be a call to write.
	wake chan struct{}
	mu   struct {
		sync.Mutex
		conn net.Conn // nil until connected
		// calls under way in order; the first written of them are written.
		calls   []*underWay
		written int
		// correlation id of the next call.
		correlation int32
		failed      bool
	}
}

// underWay is a call without an answer yet.
type underWay struct {
	actor.Call
	correlation int32
	began       time.Time
	timer       *time.Timer
	answered    bool // under line.mu
}

func newLine(p *peers, r route) *line {
	l := &line{peers: p, route: r, wake: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// add queues a call; false when the line has failed.
func (l *line) add(c actor.Call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.failed {
		return false
	}
	u := &underWay{Call: c, correlation: l.mu.correlation, began: time.Now()}
	u.timer = time.AfterFunc(c.Timeout, func() { l.expire(u) })
	l.mu.correlation = (l.mu.correlation + 1) & 0x7fffffff
	l.mu.calls = append(l.mu.calls, u)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return true
}

// run connects, and writes calls until the line fails.
func (l *line) run() {
	conn, err := l.peers.dial(l.ctx, "tcp", net.JoinHostPort(l.route.host, strconv.Itoa(int(l.route.port))))
	if err != nil {
		l.fail(err)
		return
	}
	l.mu.Lock()
	l.mu.conn = conn
	failed := l.mu.failed
	l.mu.Unlock()
	if failed {
		conn.Close()
		return
	}
	l.peers.work.Go(func() { l.fail(l.read(conn)) })
	l.fail(l.write(conn))
}

// write sends what is called; calls that came together go together.
func (l *line) write(conn net.Conn) error {
	var calls []*underWay
	var buf []byte
	for {
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case <-l.wake:
		}
		l.mu.Lock()
		calls = append(calls[:0], l.mu.calls[l.mu.written:]...)
		l.mu.written = len(l.mu.calls)
		l.mu.Unlock()
		for _, u := range calls {
			buf = wire.AppendRequest(buf, l.peers.clientID, u.correlation, u.Request)
		}
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		if buf = buf[:0]; cap(buf) > 1<<20 {
			buf = nil // that of a snapshot, most likely
		}
	}
}

// read takes answers, each for the oldest call that has none.
func (l *line) read(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		frame, err := wire.ReadResponse(in)
		if errors.Is(err, io.EOF) {
			return errors.New("the connection was closed by the other node")
		}
		if err != nil {
			return err
		}
		u := l.oldest()
		if u == nil {
			return errors.New("an answer came that nobody asked for")
		}
		resp, err := wire.ParseResponse(frame, u.correlation, u.Request)
		if err != nil {
			return err
		}
		if l.finish(u) {
			l.done(u, resp, nil)
		}
	}
}

// oldest gives the first written call without an answer; nil if there is none.
func (l *line) oldest() *underWay {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.written == 0 {
		return nil
	}
	return l.mu.calls[0]
}

// finish takes the oldest call off the line; false when it has failed meanwhile.
func (l *line) finish(u *underWay) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.failed {
		return false
	}
	u.timer.Stop()
	u.answered = true
	l.mu.calls[0] = nil
	l.mu.calls = l.mu.calls[1:]
	l.mu.written--
	return true
}

// expire fails the line because of a call whose time is up, unless the timer came after the answer.
func (l *line) expire(u *underWay) {
	l.mu.Lock()
	answered := u.answered
	l.mu.Unlock()
	if !answered {
		l.fail(fmt.Errorf("%s was not answered within %v", wire.Name(u.Request.Key()), u.Timeout))
	}
}

// fail ends the line with everything under way on it. Only the first reason counts.
func (l *line) fail(why error) {
	l.mu.Lock()
	if l.mu.failed {
		l.mu.Unlock()
		return
	}
	l.mu.failed = true
	calls, conn := l.mu.calls, l.mu.conn
	l.mu.calls, l.mu.written = nil, 0
	l.mu.Unlock()
	l.cancel()
	if conn != nil {
		conn.Close()
	}
	l.peers.forget(l)
	for _, u := range calls {
		u.timer.Stop()
		l.done(u, nil, fmt.Errorf("%s to node %d at %s:%d: %w", wire.Name(u.Request.Key()), u.Node, u.Host, u.Port, why))
	}
}

// done tells the asker how its call ended.
func (l *line) done(u *underWay, resp kmsg.Response, err error) {
	l.peers.metrics.called(u.Request.Key(), err, time.Since(u.began))
	l.route.asker.put(actor.CallDone{Token: u.Token, Response: resp, Err: err})
}
