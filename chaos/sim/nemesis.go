package sim

import (
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
	// active counts faults of the swarm between injection and the proof that they healed.
	active int
	// timeline is executed where the configuration has one; acked are notes of its load's progress.
	timeline executor
	acked    []int64
	// busy is set, by node, while a process fault is in force there.
	busy []bool
	// last is, by node, the process fault that came last.
	last []int32
	// cutting are the links of the next fault, nil if they are to be drawn.
	cutting []*link
	// newborn is the broker whose next registration is its end, nobody for none.
	newborn int32
	// end of the links over which it asks nodes; no fault touches those.
	end endpoint
}

func newNemesis(s *simulation, rng *rand.Rand) nemesis {
	n := nemesis{sim: s, busy: make([]bool, len(s.hosts)), last: make([]int32, len(s.hosts)), end: endpoint{true, -1}, newborn: nobody}
	drawn := drawSwarm(rng, s.cfg.Seed) // also for a timeline: what else the seed draws does not depend on it
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
func (n *nemesis) quiet() bool { return n.active == 0 && n.timeline.done }

// begin starts with the faults.
func (n *nemesis) begin() {
	n.timeline = executor{n: n, done: true}
	if n.sim.cfg.Timeline != nil {
		n.timeline = executor{n: n, line: n.sim.cfg.Timeline}
		n.timeline.begin()
		n.pulse()
	}
	for i := range n.swarm.kinds {
		n.again(i)
	}
	for i := range n.swarm.plots {
		n.plotAgain(i)
	}
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
		n.busy[h.slot], n.last[h.slot] = true, f.index
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
	n.knock(n.end, h, listener, kmsg.NewPtrApiVersionsRequest(), func(ok bool, _ string) { answered(ok) })
}

// knock dials a node from an end of a link and asks it something; without an answer, reason is why the
// connection ended.
func (n *nemesis) knock(from endpoint, h *host, listener wire.Listener, req kmsg.Request, answered func(ok bool, reason string)) {
	c, reason := n.sim.dial("nemesis", from, nil, h, listener), ""
	c.ended = func(why string, _ int) { reason = why }
	c.ask(&request{body: req, done: func(_ *request, resp kmsg.Response) {
		answered(resp != nil, reason)
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
	n.record(f.index, f.kind, f.target(), stage, invoke, outcome, detail)
}

// record records one stage of a fault; the detail of one that failed says why.
func (n *nemesis) record(index int32, kind timeline.Kind, target string, stage history.Stage, invoke time.Duration, outcome history.Outcome, detail string) {
	n.sim.changed(uint64(index), uint64(stage), uint64(outcome))
	n.sim.tell("nemesis", stage.String(), fmt.Sprintf("%s %s: %s", kind, target, detail))
	op := history.Operation{
		Process: "nemesis", Kind: history.Fault, Outcome: outcome, Invoke: history.Time(invoke),
		Fault: &history.FaultStage{Index: index, Fault: string(kind), Target: target, Stage: stage, Detail: detail},
	}
	if outcome == history.Fail {
		op.Error = detail
	}
	n.sim.operation(op)
}
