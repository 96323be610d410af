package sim

import (
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// observer is the address of a session that is none: what it is told is told to the checker.
var observer = actor.Address{Role: actor.Session, ID: -1}

// deliver puts a message into an inbox. One for a session that has ended is dropped, and gives up
// what it holds.
func (h *host) deliver(to actor.Address, message any) {
	if to == observer {
		if news, ok := message.(api.NewImage); ok {
			h.sim.checker.published(h, news.Image)
			h.sim.checker.obeyed(h, news.Image)
		}
		return
	}
	b := h.boxes[to]
	if b == nil {
		if data, ok := message.(api.FetchData); ok {
			for i := range data.Results {
				if data.Results[i].Source != nil {
					data.Results[i].Source.Release()
				}
			}
		}
		return
	}
	b.inbox = append(b.inbox, message)
	if !b.due {
		b.due = true
		draw := h.drawFor(to)
		h.sim.drawn(h.sim.now+time.Duration(500+draw.IntN(20_000)), kindStep, h, draw, func() { h.step(b) })
	}
}

// coordinates reports whether an actor is a coordinator, or what coordinators ask for: it moves only where clients ask
// for what it does.
func coordinates(a actor.Address) bool {
	return a == api.Coordinator || a == api.Transactions || a == api.Participant
}

// drawFor is the generator of the events of an actor.
func (h *host) drawFor(a actor.Address) *rand.Rand {
	switch a {
	case api.Coordinator:
		return h.sim.groups
	case api.Transactions, api.Participant:
		return h.sim.transactions
	}
	return h.sim.rng
}

// after makes an event of this life of the node.
func (h *host) after(d time.Duration, k kind, run func()) { h.sim.at(h.sim.now+d, k, h, run) }

// step lets an actor take its inbox, and does what it asks for.
func (h *host) step(b *box) {
	messages := b.inbox
	b.inbox, b.due = nil, false
	if !coordinates(b.address) {
		h.stepped++
	}
	now := startTime.Add(h.sim.now + h.offset)
	h.skew = now.Sub(startTime) - h.sim.now
	h.sim.checker.before(h, b, messages)
	fx := &h.sim.fx
	for _, m := range messages {
		b.actor.Step(now, m, fx)
	}
	b.actor.Step(now, actor.Drained{}, fx)
	h.sim.changed(uint64(b.address.Role), uint64(b.address.ID), uint64(len(messages)), uint64(len(fx.Sends)),
		uint64(len(fx.Timers)), uint64(len(fx.Syncs)), uint64(len(fx.Calls)), uint64(len(fx.Responses)), uint64(len(fx.Loads)))
	h.sim.checker.after(h, b, messages, fx)
	if fx.Fatal != nil && h.diskFailed(fx.Fatal) {
		fx.Reset()
		return
	}
	if fx.Fatal != nil {
		h.sim.checker.violated("node", "node %d stopped itself: %v", h.id, fx.Fatal)
		fx.Reset()
		h.kill()
		return
	}
	h.perform(b, fx)
	fx.Reset()
	h.sim.walked(b.address)
	for _, m := range messages {
		if _, closed := m.(api.Closed); closed {
			delete(h.boxes, b.address)
		}
	}
}

func (h *host) perform(b *box, fx *actor.Effects) {
	for _, s := range fx.Sends {
		h.deliver(s.To, s.Message)
	}
	for _, t := range fx.Timers {
		h.sim.drawn(h.sim.now+t.After, kindTimer, h, h.drawFor(b.address), func() { h.deliver(b.address, t.Message) })
	}
	for _, s := range fx.Syncs {
		h.sync(b, s)
	}
	for _, c := range fx.Calls {
		h.call(b, c)
	}
	for _, s := range fx.Scrubs {
		h.onDisk(func() {
			next, err := s.Run()
			h.deliver(b.address, actor.Scrubbed{Token: s.Token, Next: next, Err: err})
		})
	}
	for _, w := range fx.Works {
		h.sim.drawn(h.sim.now+time.Duration(500+h.sim.cleaning.IntN(2_000_000)), kindServe, h, h.sim.cleaning, func() {
			h.deliver(b.address, actor.Worked{Token: w.Token, Err: w.Run()})
		})
	}
	for _, l := range fx.Loads {
		draw := h.drawFor(b.address)
		h.sim.drawn(h.sim.now+time.Duration(500+draw.IntN(20_000)), kindServe, h, draw, func() { h.deliver(b.address, l.Run()) })
	}
	for _, r := range fx.Responses {
		h.respond(b.conn, r)
	}
	if fx.Hangup != "" {
		b.conn.reset()
	}
}

// sync takes its time. When in that time the bytes reach the disk is drawn: at its beginning, so that
// a crash may come between sync and answer, or at its end.
func (h *host) sync(b *box, s actor.Sync) {
	done := actor.SyncDone{Token: s.Token}
	early := h.sim.rng.IntN(2) == 0
	if early {
		done.Err = s.Syncer.Run()
	}
	h.syncs++
	h.sim.story.syncing(h, b, s)
	h.onDisk(func() {
		if !early {
			done.Err = s.Syncer.Run()
		}
		h.syncs--
		h.sim.walked(b.address)
		h.sim.story.synced(h, s)
		h.deliver(b.address, done)
	})
}

// onDisk lets something happen after as long as a sync takes.
func (h *host) onDisk(then func()) {
	delay := h.sim.jitter(h.sim.terrain.syncDelay)
	slow := h.slowSync > 0
	if slow {
		delay += h.sim.jitter(h.slowSync)
	}
	delay += h.sim.slowed(h.slowdowns)
	h.after(delay, kindSync, func() {
		if slow {
			h.slowed++
		} else {
			h.quick++
		}
		then()
	})
}

// respond fills a response from the log, away from the actors, and sends it after those before it.
func (h *host) respond(c *connection, r actor.Response) {
	c.serving = append(c.serving, r)
	h.after(time.Duration(500+h.sim.rng.IntN(20_000)), kindServe, func() {
		r := c.serving[0]
		c.serving = c.serving[1:]
		for _, read := range r.Reads {
			if failed, ok := read.Fill(); !ok {
				h.deliver(failed.To, failed.Message)
			}
			read.Source.Release()
		}
		h.served++
		h.sim.story.answered(h, c, r)
		if c.asker != nil {
			var err error
			if r.Body, err = copied(r.Body.(kmsg.Response)); err != nil {
				h.sim.checker.violated("calls", "node %d answers with what cannot be read: %v", h.id, err)
			}
		}
		c.pass(r)
	})
}
