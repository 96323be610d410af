package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/event"
)

// runtime delivers messages and performs effects.
type runtime struct {
	// lasting is fixed before the first message; sessions come and go.
	lasting  map[actor.Address]*inbox
	sessions sync.Map // actor.Address -> *inbox
	// work counts the goroutines of actors and of syncs.
	work    sync.WaitGroup
	peers   *peers
	metrics *metrics
	emit    func(event.Event)
	// unsynced is the first sync that failed. Its actor says that it is fatal, unless it has ended by then.
	unsynced atomic.Pointer[error]
	// fatal is called, once at most from each actor, when the node cannot go on.
	fatal func(error)
}

func newRuntime(p *peers, m *metrics, emit func(event.Event), fatal func(error)) *runtime {
	return &runtime{lasting: map[actor.Address]*inbox{}, peers: p, metrics: m, emit: emit, fatal: fatal}
}

// send puts a message where it belongs. One for a session that has ended is dropped: the session
// gave up what it had asked for.
func (rt *runtime) send(to actor.Address, message any) {
	if box, ok := rt.lasting[to]; ok {
		box.put(message)
	} else if box, ok := rt.sessions.Load(to); ok {
		box.(*inbox).put(message)
	} else {
		discard(message)
	}
}

// add makes the inbox of a lasting actor.
func (rt *runtime) add(address actor.Address) { rt.lasting[address] = newInbox() }

// run steps a lasting actor until its inbox is closed.
func (rt *runtime) run(address actor.Address, a actor.Actor) {
	box := rt.lasting[address]
	rt.work.Go(func() {
		var fx actor.Effects
		var messages []any
		for {
			if messages = box.take(messages); messages == nil {
				return
			}
			now := time.Now()
			for _, m := range messages {
				a.Step(now, m, &fx)
			}
			a.Step(now, actor.Drained{}, &fx)
			for _, e := range fx.Events {
				rt.emit(e)
			}
			if fx.Fatal != nil {
				rt.fatal(fx.Fatal)
				box.close()
				return
			}
			rt.perform(box, &fx)
		}
	})
}

// perform does everything that is asked for but events and responses, and resets the effects.
func (rt *runtime) perform(self *inbox, fx *actor.Effects) {
	for _, s := range fx.Sends {
		rt.send(s.To, s.Message)
	}
	for _, t := range fx.Timers {
		time.AfterFunc(t.After, func() { self.put(t.Message) })
	}
	for _, s := range fx.Syncs {
		rt.work.Go(func() {
			began := time.Now()
			err := s.Syncer.Run()
			rt.metrics.synced(time.Since(began))
			if err != nil {
				rt.unsynced.CompareAndSwap(nil, &err)
			}
			self.put(actor.SyncDone{Token: s.Token, Err: err})
		})
	}
	for _, c := range fx.Calls {
		rt.peers.call(self, c)
	}
	for _, s := range fx.Scrubs {
		rt.work.Go(func() {
			next, err := s.Run()
			self.put(actor.Scrubbed{Token: s.Token, Next: next, Err: err})
		})
	}
	for _, w := range fx.Works {
		rt.work.Go(func() { self.put(actor.Worked{Token: w.Token, Err: w.Run()}) })
	}
	for _, l := range fx.Loads {
		rt.work.Go(func() { self.put(l.Run()) })
	}
	fx.Reset()
}

// stop ends the lasting actors and the calls under way, and waits for them and for the syncs.
func (rt *runtime) stop() {
	for _, box := range rt.lasting {
		box.close()
	}
	rt.peers.stop()
	rt.work.Wait()
}
