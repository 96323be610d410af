package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// slowdown makes what passes a link or a disk take longer.
type slowdown struct{ delay, jitter time.Duration }

// draw is how much longer.
func (d *slowdown) draw(s *simulation) time.Duration {
	if d.jitter == 0 {
		return d.delay
	}
	return d.delay - d.jitter + time.Duration(s.rng.Int64N(int64(2*d.jitter)+1))
}

// slowest is the sum of what slowdowns draw; without any nothing is drawn.
func (s *simulation) slowed(all []*slowdown) (sum time.Duration) {
	for _, d := range all {
		sum += d.draw(s)
	}
	return sum
}

// tellable is the least difference that is told from the own jitter of links and disks: most of what passes
// them takes less, and where it does not it is tried again.
const tellable = 40 * time.Millisecond

// proved reports whether something that took so long was slowed down.
func (d *slowdown) proved(took time.Duration) bool { return took >= d.delay-d.jitter }

// over reports whether it was not, as far as that can be told.
func (d *slowdown) over(took time.Duration) bool {
	least := d.delay - d.jitter
	return took < least || least < tellable
}

// linkFaults are the timeline's faults of links.
func linkFaults() map[timeline.Kind]*effect {
	silence := &effect{
		inject: cut, prove: held,
		heal: func(f *firing) {
			for _, l := range f.links {
				f.sim.network.heal(l)
			}
		},
		healed: (*firing).passed,
	}
	return map[timeline.Kind]*effect{
		// A link that is cut holds its packets, as TCP does, so a stall is the same to both ends.
		timeline.Cut: silence, timeline.Stall: silence,
		timeline.Delay: {
			inject: func(f *firing) {
				for _, l := range f.links {
					l.slowdowns = append(l.slowdowns, f.slowdown)
				}
				f.probe()
			},
			prove: func(f *firing) string {
				return f.travelled(f.slowdown.proved, "packets come %v later, give or take %v", f.slowdown.delay, f.slowdown.jitter)
			},
			heal: func(f *firing) {
				for _, l := range f.links {
					l.slowdowns = without(l.slowdowns, f.slowdown)
				}
				f.probe()
			},
			healed: func(f *firing) string { return f.travelled(f.slowdown.over, "packets come at their own speed") },
		},
		timeline.Refuse: {
			inject: func(f *firing) {
				f.switchLinks(1, func(l *link) { l.refuses++ })
				f.hangUp()
			},
			prove: func(f *firing) string { return f.canary(false) }, healed: func(f *firing) string { return f.canary(true) },
			heal: func(f *firing) { f.switchLinks(-1, func(l *link) { l.refuses-- }) },
		},
		timeline.Reset: {
			inject: func(f *firing) { f.switchLinks(1, func(l *link) { l.resets++ }) },
			prove:  func(f *firing) string { return f.canary(false) }, healed: func(f *firing) string { return f.canary(true) },
			heal: func(f *firing) { f.switchLinks(-1, func(l *link) { l.resets-- }) },
		},
	}
}

// aim takes the links of the fault: those to its peers, in the direction that it has.
func (f *firing) aim() {
	for _, peer := range f.peers {
		if f.params.Direction != timeline.Out {
			f.links = append(f.links, f.sim.network.link(peer, f.end))
		}
		if f.params.Direction != timeline.In {
			f.links = append(f.links, f.sim.network.link(f.end, peer))
		}
	}
}

// note keeps how much each link has delivered; what proved the effect proves no heal.
func (f *firing) note() {
	f.counts, f.answered = f.counts[:0], false
	for _, l := range f.links {
		f.counts = append(f.counts, l.delivered)
	}
}

// passed proves that every link delivers again; one that another fault still cuts will be told by that one's heal.
func (f *firing) passed() string {
	for i, l := range f.links {
		if l.delivered == f.counts[i] && !f.sim.nemesis.timeline.cuts(l) {
			return ""
		}
	}
	return "packets arrive"
}

// probe sends a packet over each link and measures how long it takes.
func (f *firing) probe() {
	f.probes++
	round, sent := f.probes, f.sim.now
	f.took = make([]time.Duration, len(f.links))
	for i, l := range f.links {
		f.sim.network.send(l.from, l.to, packet{&stream{}, func() {
			if round == f.probes {
				f.took[i] = max(1, f.sim.now-sent)
			}
		}})
	}
}

// travelled proves that the probes of all links took as long as they should; where they did not, others are sent.
func (f *firing) travelled(as func(time.Duration) bool, format string, args ...any) string {
	good := len(f.took) > 0
	for _, took := range f.took {
		if took == 0 {
			return ""
		}
		good = good && as(took)
	}
	if !good {
		f.probe()
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// switchLinks changes every link of a fault that ends connections, which begins to (1) or is over (-1).
func (f *firing) switchLinks(by int, change func(*link)) {
	f.sim.network.ending += by
	f.answered, f.asking = false, false
	for _, l := range f.links {
		change(l)
	}
}

// hangUp resets every connection over a link that refuses.
func (f *firing) hangUp() {
	for _, h := range f.sim.hosts {
		for _, c := range h.conns {
			if !c.given && f.sim.network.refuses(c.from, h.endpoint) {
				c.cutOff(h)
			}
		}
	}
}

// canary dials over a link of the fault and asks, again and again, until an answer comes or, where none is
// wanted, the connection is reset.
func (f *firing) canary(wanted bool) string {
	switch {
	case f.answered && wanted:
		return "a new connection is answered"
	case f.answered:
		return "a new connection is reset"
	case f.asking:
		return ""
	}
	f.knock(f.peers[0], kmsg.NewPtrApiVersionsRequest(), func(ok bool, reason string) {
		f.answered = ok && wanted || !ok && !wanted && reason == reasonReset
	})
	return ""
}

// knock asks over the link between the end and a peer: who of them is a client asks, else the peer does.
func (f *firing) knock(peer endpoint, req kmsg.Request, answered func(ok bool, reason string)) {
	from, to, listener := peer, f.end, wire.Peers
	if f.end.client {
		from, to = f.end, peer
	}
	if from.client {
		listener = wire.Clients
	}
	f.asking = true
	f.sim.nemesis.knock(from, f.sim.hostByID(to.id), listener, req, func(ok bool, reason string) {
		f.asking = false
		answered(ok, reason)
	})
}

// reasonReset is why a connection ended whose other end is not there.
const reasonReset = "connection reset"

// cutOff ends a connection on both sides from in between.
func (c *connection) cutOff(h *host) {
	if h.up && c.life == h.life {
		h.deliver(c.session, api.Closed{})
	}
	c.reset()
}

// without is a list without one of its elements.
func without[T comparable](all []T, one T) (left []T) {
	for _, other := range all {
		if other != one {
			left = append(left, other)
		}
	}
	return left
}

// machineFaults are the timeline's faults of disks and clocks that a node goes on with.
func machineFaults() map[timeline.Kind]*effect {
	return map[timeline.Kind]*effect{
		timeline.SlowDisk: {
			inject: func(f *firing) {
				f.host.slowdowns = append(f.host.slowdowns, f.slowdown)
			},
			prove: func(f *firing) string { return f.synced(f.slowdown.proved, "a sync takes %v longer", f.slowdown.delay) },
			heal: func(f *firing) {
				f.host.slowdowns = without(f.host.slowdowns, f.slowdown)
				f.took, f.life = nil, 0
			},
			healed: func(f *firing) string { return f.synced(f.slowdown.over, "a sync takes its own time") },
		},
		timeline.Clock: {
			inject: func(f *firing) { f.host.offset, f.seen = f.host.offset+f.params.Offset, f.host.stepped },
			prove:  func(f *firing) string { return f.told(f.params.Offset) },
			heal:   func(f *firing) { f.host.offset, f.seen = f.host.offset-f.params.Offset, f.host.stepped },
			healed: func(f *firing) string { return f.told(0) },
		},
	}
}

// told proves what clock the actors of a node are given.
func (f *firing) told(offset time.Duration) string {
	if f.host.stepped == f.seen || f.host.skew != offset {
		return ""
	}
	return fmt.Sprintf("actors are told a time that is %v off", offset)
}

// synced proves how long a sync takes, by one of its own.
func (f *firing) synced(as func(time.Duration) bool, format string, args ...any) string {
	if len(f.took) == 1 && as(f.took[0]) {
		return fmt.Sprintf(format, args...)
	}
	if f.host.up && (f.life != f.host.life || len(f.took) == 1) {
		f.life, f.took = f.host.life, nil
		began := f.sim.now
		f.host.onDisk(func() { f.took = []time.Duration{f.sim.now - began} })
	}
	return ""
}
