package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/logproof/logproof/broker/actor"
)

// Dial connects to another node, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// peers performs the calls of lasting actors to other nodes. Each asker has lines of its own, so that
// a large answer to one never delays the heartbeat of another.
type peers struct {
	dial     Dial
	clientID string
	metrics  *metrics
	// work counts the goroutines of lines.
	work sync.WaitGroup
	mu   struct {
		sync.Mutex
		lines   map[route]*line
		stopped bool
	}
}

// route is who asks whom.
type route struct {
	asker *inbox
	node  int32
	host  string
	port  int32
}

func newPeers(node int32, dial Dial, m *metrics) *peers {
	if dial == nil {
		// A line that is silent has a deadline for each call; one without calls is kept alive, and TCP
		// does not wait for more to send (no delay) unless it is told to.
		dial = (&net.Dialer{KeepAlive: 10 * time.Second}).DialContext
	}
	p := &peers{dial: dial, clientID: fmt.Sprintf("node-%d", node), metrics: m}
	p.mu.lines = map[route]*line{}
	return p
}

// call performs c on the asker's line to the node; CallDone follows, in the asker's inbox. After stop
// nobody is there to hear of it.
func (p *peers) call(asker *inbox, c actor.Call) {
	r := route{asker, c.Node, c.Host, c.Port}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.stopped {
		return
	}
	if l := p.mu.lines[r]; l != nil && l.add(c) {
		return
	}
	l := newLine(p, r)
	p.mu.lines[r] = l
	l.add(c)
	p.work.Go(l.run)
}

// forget makes the next call on the line's route begin another line.
func (p *peers) forget(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.lines[l.route] == l {
		delete(p.mu.lines, l.route)
	}
}

// stop breaks every line and waits for their goroutines.
func (p *peers) stop() {
	p.mu.Lock()
	p.mu.stopped = true
	var lines []*line
	for _, l := range p.mu.lines {
		lines = append(lines, l)
	}
	p.mu.Unlock()
	for _, l := range lines {
		l.fail(errors.New("this node stops"))
	}
	p.work.Wait()
}
