package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// proveEvery and proveWithin say how often and how long a stage looks for its proof.
	proveEvery  = 3 * time.Millisecond
	proveWithin = 40 * time.Second
	// quietEnd is how long before the end of the load the swarm begins its last fault.
	quietEnd = 2 * time.Second
	// pingTimeout of the question whether a node serves.
	pingTimeout = 500 * time.Millisecond
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
	// cutting are the links of the next fault, nil if they are to be drawn.
	cutting []*link
	// newborn is the broker whose next registration is its end, nobody for none.
	newborn int32
	// end of the links over which it asks nodes; no fault touches those.
	end endpoint
}

func newNemesis(s *simulation, rng *rand.Rand) nemesis {
	n := nemesis{sim: s, busy: make([]bool, len(s.hosts)), end: endpoint{true, -1}, newborn: nobody}
	drawn := drawSwarm(rng) // also for a timeline: what else the seed draws does not depend on it
	switch {
	case s.cfg.Timeline != nil:
	case s.cfg.Plot != "":
		n.swarm = only(s.cfg.Plot)
	default:
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
	for i := range n.swarm.plots {
		n.plotAgain(i)
	}
}

// group fires the i-th fault of the timeline and those that overlap it, and the next group once all of
// them have healed.
func (n *nemesis) group(i int) {
	line := n.sim.cfg.Timeline
	if i == len(line) {
		return
	}
	end, open := line.Group(i), 0
	at := n.sim.now
	for k := i; k < end; k++ {
		planned := line[k]
		at += planned.After
		open++
		n.sim.at(at, kindFault, nil, func() {
			n.aim(planned, func(targets []int32) {
				n.left--
				open += len(targets) - 1
				for _, id := range targets {
					n.fire(planned.Kind, n.sim.hostByID(id), planned.Hold, func() {
						if open--; open == 0 {
							n.group(end)
						}
					})
				}
			})
		})
	}
}

// aim resolves the target of a planned fault, once all of it is there and no other fault of its
// process is in force.
func (n *nemesis) aim(planned timeline.Fault, fire func(targets []int32)) {
	targets, err := timeline.Locate(context.Background(), planned.Target, n.sim.terrain.cluster.ids(), n.sim.rng.IntN, locator{n.sim})
	for _, id := range targets {
		if effects[planned.Kind].process && n.busy[n.sim.hostByID(id).slot] {
			err = fmt.Errorf("node %d has another fault", id)
		}
	}
	if err != nil {
		n.sim.after(50*time.Millisecond, kindFault, func() { n.aim(planned, fire) })
		return
	}
	fire(targets)
}

// fire injects a fault, proves it, holds it, heals it and proves that; done is called then.
func (n *nemesis) fire(k timeline.Kind, h *host, hold time.Duration, done func()) {
	e := effects[k]
	f := &firing{sim: n.sim, index: n.fired, kind: k, host: h, size: between(n.sim.rng, 0, 2*time.Second)}
	n.fired++
	n.active++
	if f.links = n.cutting; f.links == nil {
		f.links = n.drawLinks(e.links, h)
	}
	n.cutting = nil
	if e.process {
		n.busy[h.slot] = true
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
					n.busy[h.slot] = false
				}
				done()
			})
		})
	})
}

// drawLinks draws links of a node: to clients of the load, and more often to other nodes.
func (n *nemesis) drawLinks(choice linkChoice, h *host) (drawn []*link) {
	if choice == noLinks {
		return nil
	}
	var ends []endpoint
	for _, other := range n.sim.hosts {
		if other != h {
			ends = append(ends, other.endpoint)
		}
	}
	if h.broker {
		for i := range len(n.sim.producers) + len(n.sim.readers) {
			ends = append(ends, endpoint{true, int32(i)})
		}
	}
	if choice != nodeLinks {
		at := n.sim.rng.IntN(len(ends))
		ends = ends[at : at+1]
	}
	for _, end := range ends {
		drawn = append(drawn, n.sim.network.link(end, h.endpoint), n.sim.network.link(h.endpoint, end))
	}
	if choice == oneLink {
		at := n.sim.rng.IntN(2)
		return drawn[at : at+1]
	}
	return drawn
}

// ping asks a node whether it serves: clients where it is a broker, its peers where it is not.
func (n *nemesis) ping(h *host, answered func(ok bool)) {
	listener := wire.Peers
	if h.broker {
		listener = wire.Clients
	}
	c := n.sim.dial("nemesis", n.end, nil, h, listener)
	c.ended = func(string, int) {}
	req := kmsg.NewPtrApiVersionsRequest()
	c.ask(&request{body: req, done: func(_ *request, resp kmsg.Response) {
		answered(resp != nil)
		if resp != nil {
			c.giveUp("it answers")
		}
	}}, pingTimeout, func() *wire.Request {
		return &wire.Request{Key: req.Key(), Version: req.GetVersion(), ClientID: c.name, Body: req}
	})
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
	n.sim.tell("nemesis", stage.String(), fmt.Sprintf("%s %s: %s", f.kind, f.target(), detail))
	n.sim.operation(history.Operation{
		Process: "nemesis", Kind: history.Fault, Outcome: outcome, Invoke: history.Time(invoke),
		Fault: &history.FaultStage{Index: f.index, Fault: string(f.kind), Target: f.target(), Stage: stage, Detail: detail},
	})
}
