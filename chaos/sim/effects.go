package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
)

// processFaults are those of which a node has one at a time.
func processFaults() map[timeline.Kind]*effect {
	return map[timeline.Kind]*effect{
		timeline.Kill: {
			process: true,
			inject:  func(f *firing) { f.sim.crash(f.host, KilledInSync, "is killed", f.host.kill) },
			prove:   gone, heal: boot, healed: serves,
		},
		PowerLoss: {
			process: true,
			inject:  func(f *firing) { f.sim.crash(f.host, PowerLostInSync, "loses its power", f.host.cutPower) },
			prove:   gone, heal: boot, healed: serves,
		},
		DiskLoss: {
			process: true,
			inject:  func(f *firing) { f.sim.crash(f.host, DiskLost, "loses its disk", f.host.loseDisk) },
			prove:   gone, heal: boot, healed: serves,
		},
		Restart: {
			process: true,
			inject:  func(f *firing) { f.host.stop(func() { f.stopped = true }) },
			prove: func(f *firing) string {
				if !f.stopped {
					return ""
				}
				return gone(f)
			},
			heal: boot, healed: serves,
		},
		timeline.Pause: {
			process: true,
			inject:  func(f *firing) { f.host.paused, f.seen = true, f.host.stepped },
			prove: func(f *firing) string {
				if f.host.stepped != f.seen || len(f.host.stalled) == 0 {
					return ""
				}
				return fmt.Sprintf("%d events wait and no actor has moved", len(f.host.stalled))
			},
			heal: func(f *firing) { f.host.resume() },
			healed: func(f *firing) string {
				if f.host.stepped == f.seen {
					return ""
				}
				return "actors move again"
			},
		},
	}
}

// otherFaults are those of links, disks and clocks.
func otherFaults() map[timeline.Kind]*effect {
	return map[timeline.Kind]*effect{
		Cut:       {links: twoLinks, inject: cut, prove: held, heal: mend, healed: passes},
		CutOneWay: {links: oneLink, inject: cut, prove: held, heal: mend, healed: passes},
		Isolate:   {links: nodeLinks, inject: cut, prove: held, heal: mend, healed: passes},
		SlowLink: {
			links: oneLink,
			inject: func(f *firing) {
				f.size /= 4
				f.links[0].slow, f.seen = f.links[0].slow+f.size, f.links[0].delivered
				f.sim.network.probe(f.links[0])
			},
			prove: passes,
			heal: func(f *firing) {
				f.links[0].slow, f.seen = f.links[0].slow-f.size, f.links[0].delivered
				f.sim.network.probe(f.links[0])
			},
			healed: passes,
		},
		SlowSync: {
			inject: func(f *firing) {
				f.size = f.size/8 + time.Millisecond
				f.host.slowSync, f.seen = f.host.slowSync+f.size, f.host.slowed
			},
			prove: func(f *firing) string {
				if f.host.slowed == f.seen {
					f.sync()
					return ""
				}
				return "a sync was slowed down"
			},
			heal: func(f *firing) {
				f.host.slowSync, f.seen, f.life = f.host.slowSync-f.size, f.host.quick, 0
			},
			healed: func(f *firing) string {
				if f.host.slowSync > 0 {
					return "another fault slows it"
				}
				if f.host.quick == f.seen {
					f.sync()
					return ""
				}
				return "a sync went at its own speed"
			},
		},
		Clock: {
			inject: func(f *firing) {
				f.host.offset, f.seen = f.host.offset+f.size-time.Second, f.host.stepped
			},
			prove: moved,
			heal: func(f *firing) {
				f.host.offset, f.seen = f.host.offset-f.size+time.Second, f.host.stepped
			},
			healed: moved,
		},
	}
}

// crash ends a node; how says it for people, and cut does it.
func (s *simulation) crash(h *host, inSync Mark, how string, cut func()) {
	if h.syncs > 0 || inSync == DiskLost {
		s.marks[inSync]++
	}
	s.story.crashing(h, how)
	cut()
}

func gone(f *firing) string {
	if f.host.node != nil {
		return ""
	}
	return "no actor is left"
}

func boot(f *firing) {
	f.sim.story.booting(f.host)
	f.host.boot(between(f.sim.rng, 10*time.Millisecond, 300*time.Millisecond))
}

// serves asks the node, as anybody may who wants to know whether it is ready. The answer of a process that has
// ended meanwhile says nothing.
func serves(f *firing) string {
	f.answered = f.answered && f.host.up
	if f.answered {
		return "it answers"
	}
	if !f.asking {
		f.asking = true
		f.sim.nemesis.ping(f.host, func(ok bool) { f.asking, f.answered = false, ok && f.host.up })
	}
	return ""
}

func cut(f *firing) {
	for _, l := range f.links {
		l.cuts++
		f.sim.network.probe(l)
	}
}

// held proves a cut: packets wait at it.
func held(f *firing) string {
	for _, l := range f.links {
		if len(l.held) == 0 {
			return ""
		}
	}
	return "packets do not arrive"
}

func mend(f *firing) {
	f.seen = f.links[0].delivered
	for _, l := range f.links {
		f.sim.network.heal(l)
	}
}

// passes proves that packets arrive: the one that the fault held or sent is among them. Where another
// fault still holds it, that one's heal will tell.
func passes(f *firing) string {
	if f.links[0].delivered == f.seen && f.links[0].cuts == 0 {
		return ""
	}
	return "packets arrive"
}

// sync writes to the disk of a node, once in a life of its process, as there may be no other reason to.
func (f *firing) sync() {
	if f.host.up && f.life != f.host.life {
		f.life = f.host.life
		f.host.onDisk(func() {})
	}
}

func moved(f *firing) string {
	if f.host.stepped == f.seen {
		return ""
	}
	return fmt.Sprintf("actors step with a clock that is %v off", f.host.offset)
}
