package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
)

// Kinds of faults that only the simulator has, beside those of the timeline that it shares with
// processes.
const (
	PowerLoss timeline.Kind = "power-loss"
	Cut       timeline.Kind = "cut"
	CutOneWay timeline.Kind = "cut-one-way"
	SlowLink  timeline.Kind = "slow-link"
	SlowSync  timeline.Kind = "slow-sync"
	Clock     timeline.Kind = "clock"
)

// effect is what a kind of fault does. Prove and healed look at what follows from it, not at what it
// set, and say "" as long as there is no proof.
type effect struct {
	// process faults are exclusive on a node; links are drawn for faults of links.
	process bool
	links   int
	inject  func(f *firing)
	prove   func(f *firing) string
	heal    func(f *firing)
	healed  func(f *firing) string
}

// firing is one fault in force.
type firing struct {
	sim   *simulation
	index int32
	kind  timeline.Kind
	host  *host
	links []*link
	size  time.Duration
	// seen is a counter of the target at the last stage: a proof waits for it to move.
	seen uint64
}

// target of the fault, for people.
func (f *firing) target() string {
	text := fmt.Sprintf("node %d", f.host.id)
	for _, l := range f.links {
		text += fmt.Sprintf(", %s to %s", l.from, l.to)
	}
	return text
}

func (e endpoint) String() string {
	if e.client {
		return fmt.Sprintf("client %d", e.id)
	}
	return fmt.Sprintf("node %d", e.id)
}

// Kinds lists the faults that the simulator can do, sorted.
func Kinds() []timeline.Kind { return slices.Sorted(maps.Keys(effects)) }

// effects holds every fault. It is read-only.
var effects = map[timeline.Kind]*effect{
	timeline.Kill: {
		process: true,
		inject:  func(f *firing) { f.sim.crash(f.host, KilledInSync, f.host.kill) },
		prove:   gone, heal: boot, healed: serves,
	},
	PowerLoss: {
		process: true,
		inject:  func(f *firing) { f.sim.crash(f.host, PowerLostInSync, f.host.cutPower) },
		prove:   gone, heal: boot, healed: serves,
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
	Cut:       {links: 2, inject: cut, prove: held, heal: mend, healed: passes},
	CutOneWay: {links: 1, inject: cut, prove: held, heal: mend, healed: passes},
	SlowLink: {
		links:  1,
		inject: func(f *firing) { f.links[0].slow, f.seen = f.size/4, f.links[0].delivered },
		prove:  passes,
		heal:   func(f *firing) { f.links[0].slow, f.seen = 0, f.links[0].delivered },
		healed: passes,
	},
	SlowSync: {
		inject: func(f *firing) { f.host.slowSync, f.seen = f.size/8, f.host.slowed },
		prove: func(f *firing) string {
			if f.host.slowed == f.seen {
				return ""
			}
			return "a sync was slowed down"
		},
		heal: func(f *firing) { f.host.slowSync, f.seen = 0, f.host.quick },
		healed: func(f *firing) string {
			if f.host.quick == f.seen {
				return ""
			}
			return "a sync went at its own speed"
		},
	},
	Clock: {
		inject: func(f *firing) {
			f.host.offset, f.seen = f.size-time.Second, f.host.stepped
		},
		prove:  moved,
		heal:   func(f *firing) { f.host.offset, f.seen = 0, f.host.stepped },
		healed: moved,
	},
}

// crash ends a node; cut is how.
func (s *simulation) crash(h *host, inSync Mark, cut func()) {
	if h.syncs > 0 {
		s.marks[inSync]++
	}
	s.story.crashing(h, inSync == PowerLostInSync)
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

func serves(f *firing) string {
	if !f.host.up || f.host.served == 0 {
		return ""
	}
	return "it answers clients"
}

func cut(f *firing) {
	for _, l := range f.links {
		l.cuts++
	}
}

// held proves a cut: packets wait at it.
func held(f *firing) string {
	for _, l := range f.links {
		if len(l.held) > 0 {
			return "packets do not arrive"
		}
	}
	return ""
}

func mend(f *firing) {
	f.seen = f.links[0].delivered
	for _, l := range f.links {
		f.sim.network.heal(l)
	}
}

func passes(f *firing) string {
	if f.links[0].delivered == f.seen {
		return ""
	}
	return "packets arrive"
}

func moved(f *firing) string {
	if f.host.stepped == f.seen {
		return ""
	}
	return fmt.Sprintf("actors step with a clock that is %v off", f.host.offset)
}

// swarm is which faults a seed has, and how often each comes.
type swarm struct {
	kinds []timeline.Kind
	// every is the mean time between two faults of a kind, by its place in kinds.
	every []time.Duration
}

// drawSwarm draws a random subset of the faults at random rates; one seed in four is calm.
func drawSwarm(rng *rand.Rand) (w swarm) {
	calm := rng.IntN(4) == 0
	for _, k := range Kinds() {
		use, every := rng.IntN(2) == 0, between(rng, 2*time.Second, 20*time.Second)
		if use && !calm {
			w.kinds, w.every = append(w.kinds, k), append(w.every, every)
		}
	}
	return w
}
