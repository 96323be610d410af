package server

import (
	"context"
	"errors"
	"log/slog"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/node"
)

// A broker that stops waits for the controller's leave: no longer than it may, not if it is too late
// already, and not if it is a controller only.
func TestRetire(t *testing.T) {
	soon, over := context.WithCancel(t.Context())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		uplink actor.Actor
		asked  bool
	}{
		"released":        {ctx: t.Context(), uplink: &controllersLeave{answers: true}, asked: true},
		"no answer":       {ctx: soon, uplink: &controllersLeave{unheard: over}, asked: true},
		"too late":        {ctx: gone, uplink: &controllersLeave{}},
		"controller only": {ctx: t.Context()},
	} {
		s := &Server{metrics: newMetrics(), log: slog.New(slog.DiscardHandler), done: make(chan struct{})}
		s.runtime = newRuntime(newPeers(1, nil, s.metrics), s.metrics, nil, nil)
		if c.uplink != nil {
			s.runtime.add(api.Uplink)
			s.runtime.run(api.Uplink, c.uplink)
		}
		s.retire(c.ctx, s.done)
		s.runtime.stop()
		if leave, ok := c.uplink.(*controllersLeave); ok && leave.asked != c.asked {
			t.Errorf("%s: the controller was asked: %v", name, leave.asked)
		}
	}
}

// A sync that fails while its actor is stopped must not be forgotten: the files are not what they seem,
// and must not be marked clean.
func TestSyncThatFailsTooLate(t *testing.T) {
	m := newMetrics()
	rt := newRuntime(newPeers(1, nil, m), m, nil, nil)
	self := actor.Address{Role: actor.Shard}
	rt.add(self)
	late := &lateSync{box: rt.lasting[self], begun: make(chan struct{})}
	rt.run(self, late)
	rt.send(self, api.Start{})
	<-late.begun
	rt.stop()
	if err := rt.unsynced.Load(); err == nil || !errors.Is(*err, errors.ErrUnsupported) {
		t.Errorf("after the stop the failed sync is %v", err)
	}
}

// lateSync asks for a sync that fails once the inbox of its actor is closed.
type lateSync struct {
	box   *inbox
	begun chan struct{}
}

// Step implements actor.Actor.
func (l *lateSync) Step(_ time.Time, message any, fx *actor.Effects) {
	if _, ok := message.(api.Start); ok {
		fx.Sync(l, nil)
	}
}

// Run implements actor.Syncer.
func (l *lateSync) Run() error {
	close(l.begun)
	for {
		l.box.mu.Lock()
		closed := l.box.mu.closed
		l.box.mu.Unlock()
		if closed {
			return errors.ErrUnsupported
		}
		goruntime.Gosched()
	}
}

// controllersLeave stands for the uplink. Where it is asked and does not answer, the time is up: unheard says so.
type controllersLeave struct {
	answers, asked bool
	unheard        func()
}

// Step implements actor.Actor.
func (l *controllersLeave) Step(_ time.Time, message any, _ *actor.Effects) {
	if r, ok := message.(node.Retire); ok {
		l.asked = true
		if l.answers {
			r.Done()
		} else {
			l.unheard()
		}
	}
}
