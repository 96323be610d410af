package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

const (
	// proveEvery and proveWithin say how often and how long a stage looks for its proof.
	proveEvery  = 3 * time.Millisecond
	proveWithin = 20 * time.Second
	// quietEnd is how long before the end of the load the swarm begins its last fault.
	quietEnd = 2 * time.Second
)

// nemesis executes the timeline of a plan, or the swarm of the seed.
type nemesis struct {
	sim   *simulation
	swarm swarm
	fired int32
	// active counts faults between injection and the proof that they healed, left those of a
	// timeline that have not begun.
	active, left int
	// busy is set, by node, while a process fault is in force there.
	busy []bool
}

func newNemesis(s *simulation, rng *rand.Rand) nemesis {
	n := nemesis{sim: s, busy: make([]bool, len(nodeIDs))}
	drawn := drawSwarm(rng) // also for a timeline: what else the seed draws does not depend on it
	if s.cfg.Timeline == nil {
		n.swarm = drawn
	}
	return n
}

// quiet reports whether no fault is in force and none will come.
func (n *nemesis) quiet() bool { return n.active == 0 && n.left == 0 }

// begin starts with the faults.
func (n *nemesis) begin() {
	n.left = len(n.sim.cfg.Timeline)
	n.group(0)
	for i := range n.swarm.kinds {
		n.again(i)
	}
}

// group fires the i-th fault of the timeline and those that overlap it, and the next group once all of
// them have healed.
func (n *nemesis) group(i int) {
	line := n.sim.cfg.Timeline
	if i == len(line) {
		return
	}
	end, healed := line.Group(i), 0
	at := n.sim.now
	for k := i; k < end; k++ {
		planned := line[k]
		at += planned.After
		n.sim.at(at, kindFault, nil, func() {
			node, err := timeline.Resolve(planned.Target, nodeIDs, n.sim.rng.IntN)
			if err != nil {
				panic(fmt.Sprintf("sim: a validated timeline: %v", err))
			}
			n.left--
			n.fire(planned.Kind, n.sim.hosts[node], planned.Hold, func() {
				if healed++; healed == end-i {
					n.group(end)
				}
			})
		})
	}
}

// again fires the i-th kind of the swarm after some time, and so on while the load lasts.
func (n *nemesis) again(i int) {
	every := n.swarm.every[i]
	n.sim.after(between(n.sim.rng, every/5, every*2), kindFault, func() {
		if n.sim.now-n.sim.begun > n.sim.cfg.Duration-quietEnd {
			return
		}
		h := n.sim.hosts[n.sim.rng.IntN(len(n.sim.hosts))]
		hold := between(n.sim.rng, 300*time.Millisecond, 3*time.Second)
		if effects[n.swarm.kinds[i]].process && n.busy[h.id] {
			n.again(i)
			return
		}
		n.fire(n.swarm.kinds[i], h, hold, func() { n.again(i) })
	})
}

// fire injects a fault, proves it, holds it, heals it and proves that; done follows.
func (n *nemesis) fire(k timeline.Kind, h *host, hold time.Duration, done func()) {
	e := effects[k]
	f := &firing{sim: n.sim, index: n.fired, kind: k, host: h, size: between(n.sim.rng, 0, 2*time.Second)}
	n.fired++
	n.active++
	f.links = n.drawLinks(e.links, h)
	if e.process {
		n.busy[h.id] = true
	}
	e.inject(f)
	n.stage(f, history.Inject, n.sim.now, history.OK, "injected")
	n.await(f, history.Prove, e.prove, func() {
		n.sim.after(hold, kindFault, func() {
			e.heal(f)
			n.stage(f, history.Heal, n.sim.now, history.OK, "healed")
			n.await(f, history.ProveHealed, e.healed, func() {
				n.active--
				if e.process {
					n.busy[h.id] = false
				}
				done()
			})
		})
	})
}

// drawLinks draws links between a node and one of the clients of the load: none, one direction, or
// both.
func (n *nemesis) drawLinks(count int, h *host) []*link {
	if count == 0 {
		return nil
	}
	at := endpoint{true, n.sim.loadClient()}
	up, down := n.sim.network.link(at, h.endpoint), n.sim.network.link(h.endpoint, at)
	if count == 2 {
		return []*link{up, down}
	}
	if n.sim.rng.IntN(2) == 0 {
		return []*link{up}
	}
	return []*link{down}
}

// await looks for a proof until there is one; a fault that is not proved makes the run inconclusive.
func (n *nemesis) await(f *firing, stage history.Stage, proof func(*firing) string, then func()) {
	began := n.sim.now
	var look func()
	look = func() {
		detail := proof(f)
		switch {
		case detail != "":
			n.stage(f, stage, began, history.OK, detail)
			then()
		case n.sim.now-began > proveWithin:
			n.stage(f, stage, began, history.Fail, fmt.Sprintf("no proof within %v", proveWithin))
			then()
		default:
			n.sim.after(proveEvery, kindFault, look)
		}
	}
	n.sim.after(proveEvery, kindFault, look)
}

// stage records one stage of a fault.
func (n *nemesis) stage(f *firing, stage history.Stage, invoke time.Duration, outcome history.Outcome, detail string) {
	n.sim.changed(uint64(f.index), uint64(stage), uint64(outcome))
	n.sim.operation(history.Operation{
		Process: "nemesis", Kind: history.Fault, Outcome: outcome, Invoke: history.Time(invoke),
		Fault: &history.FaultStage{Index: f.index, Fault: string(f.kind), Target: f.target(), Stage: stage, Detail: detail},
	})
}
