package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// executor executes a timeline, as chaos.Nemesis does on real clusters: the same order of stages, one at a
// time, the same waiting, and the same draws for targets. What differs is that a stage here is a few events.
//
//	gate ─> fire 1 ─> (heal 1 | look at a condition | fire 2) ... ─> heal the last ─> gate of the next group
type executor struct {
	n    *nemesis
	line timeline.Timeline
	// next fault to fire; those of its group are first..end-1, injected by the plan at planned from the
	// injection of the first.
	next, first, end int
	planned          []time.Duration
	// due is when the next fault is injected, inForce are those that were, in their order.
	due     time.Duration
	inForce []*strike
	// look looks at the condition of the next fault until limit; nil while it is not waited for.
	look  func() string
	limit time.Duration
	// stages that are over, for whoever waits for progress; done is set at the end, failed where a stage did.
	stages       int
	done, failed bool
}

// strike is one fault of the timeline in force: a firing for each end that it strikes.
type strike struct {
	index   int
	planned timeline.Fault
	ends    []timeline.End
	peers   []timeline.End
	parts   []*firing
	// healAt is when its hold is over, and over when it is by the plan, from the injection of the group's first.
	healAt, over time.Duration
}

// lookEvery is how long a condition that does not hold is left alone.
const lookEvery = 50 * time.Millisecond

func (e *executor) wait(at time.Duration, then func()) {
	e.n.sim.at(max(at, e.n.sim.now), kindFault, nil, then)
}

// begin opens the group of the next fault once the cluster is whole and the load has held its floor.
func (e *executor) begin() {
	if e.next == len(e.line) {
		e.done = true
		return
	}
	e.first, e.end, e.planned = e.next, e.line.Group(e.next), e.line.Injections(e.next)
	whole := func() string { return e.n.sim.checker.missing() }
	e.until(whole, e.n.sim.now+e.n.sim.cfg.Settle, func() {
		held := e.n.floor(e.line[e.next].After)
		e.until(held, e.n.sim.now+e.line[e.next].After+e.n.sim.cfg.Settle, func() {
			e.due = e.n.sim.now
			e.act()
		})
	})
}

// until looks again and again; where nothing comes of it in time, the next fault fails.
func (e *executor) until(look func() string, limit time.Duration, then func()) {
	switch text := look(); {
	case text == "":
		then()
	case e.n.sim.now >= limit:
		e.refuse(e.next, fmt.Errorf("it was not injected: %s", text))
	default:
		e.wait(e.n.sim.now+lookEvery, func() { e.until(look, limit, then) })
	}
}

// act does the next thing: see chaos, where it is the same.
func (e *executor) act() {
	if heal := e.heals(); heal >= 0 {
		e.heal(heal, e.act)
		return
	}
	if e.next == e.end {
		e.begin()
		return
	}
	e.wait(e.due, func() {
		if e.holds() {
			e.fire()
		}
	})
}

// heals is the fault that is to be healed before the next one is injected; -1 for none.
func (e *executor) heals() int {
	at := earliest(e.inForce)
	if at < 0 || e.next == e.end || e.inForce[at].healAt < e.due {
		return at
	}
	over := slices.DeleteFunc(slices.Clone(e.inForce), func(s *strike) bool { return s.over > e.planned[e.next-e.first] })
	if len(over) == 0 {
		return -1
	}
	return slices.Index(e.inForce, over[earliest(over)])
}

// earliest is the fault whose hold is over first, -1 if there is none; the last injected among equals.
func earliest(inForce []*strike) int {
	found := -1
	for i, s := range inForce {
		if found < 0 || s.healAt <= inForce[found].healAt {
			found = i
		}
	}
	return found
}

// holds looks at the condition of the next fault; where it does not hold, it is looked at again or the fault fails.
func (e *executor) holds() bool {
	c := e.line[e.next].Until
	if !c.Holds() {
		return true
	}
	if e.look == nil {
		e.look, e.limit = e.n.condition(c), e.n.sim.now+c.Within
	}
	text := e.look()
	if text == "" && c.Elsewhere != "" {
		text = e.elsewhere(c.Elsewhere)
	}
	switch {
	case text == "":
		e.look = nil
		return true
	case e.n.sim.now >= e.limit:
		e.refuse(e.next, fmt.Errorf("its condition did not come true: %s: %s", c, text))
	default:
		e.due = e.n.sim.now + lookEvery
		e.act()
	}
	return false
}

// elsewhere says who has a role if that node is struck; "" if it is not.
func (e *executor) elsewhere(role timeline.Target) string {
	nodes, err := timeline.Locate(context.Background(), role, e.n.members(), timeline.Draw(e.n.sim.cfg.Seed, 0), locator{e.n.sim})
	if err != nil {
		return err.Error()
	}
	for _, id := range nodes {
		if s := e.struck(timeline.NodeEnd(id)); s != nil {
			return fmt.Sprintf("%s is still node %d, on which fault %d, %s, is in force", role, id, s.index+1, s.planned.Kind)
		}
	}
	return ""
}

// struck is the fault in force on an end; nil for none.
func (e *executor) struck(end timeline.End) *strike {
	for _, s := range e.inForce {
		if slices.Contains(s.ends, end) {
			return s
		}
	}
	return nil
}

// cuts reports whether a fault in force holds what a link carries.
func (e *executor) cuts(l *link) bool {
	for _, s := range e.inForce {
		for _, f := range s.parts {
			if (s.planned.Kind == timeline.Cut || s.planned.Kind == timeline.Stall) && slices.Contains(f.links, l) {
				return true
			}
		}
	}
	return false
}

// fire injects the next fault and proves it.
func (e *executor) fire() {
	s, err := e.aim(e.next)
	switch {
	case errors.As(err, &busy{}) && e.line[e.next].Drawn > 0 && len(e.inForce) > 0:
		e.heal(earliest(e.inForce), e.act)
		return
	case err != nil:
		e.refuse(e.next, err)
		return
	}
	n, injected := e.n, e.n.sim.now
	n.fired++
	s.over = e.planned[e.next-e.first] + s.planned.Hold
	e.inForce = append(e.inForce, s)
	for _, f := range s.parts {
		f.effect.inject(f)
	}
	e.tell(s, history.Inject, injected, history.OK, s.note()+"injected")
	e.prove(s, history.Prove, func(f *firing) string { return f.effect.prove(f) }, func() {
		s.healAt = n.sim.now + s.planned.Hold
		if e.next++; e.next < e.end {
			e.due = injected + e.line[e.next].After
		}
		e.act()
	})
}

// prove looks at each part of a fault until all are proved; one that is not in time ends the timeline.
func (e *executor) prove(s *strike, stage history.Stage, proof func(*firing) string, then func()) {
	began, details := e.n.sim.now, make([]string, len(s.parts))
	var look func()
	look = func() {
		missing := 0
		for i, f := range s.parts {
			if details[i] == "" {
				details[i] = proof(f)
			}
			if details[i] == "" {
				missing++
			}
		}
		switch {
		case missing == 0:
			e.tell(s, stage, began, history.OK, details[len(details)-1])
			then()
		case e.n.sim.now-began > proveWithin:
			e.tell(s, stage, began, history.Fail, fmt.Sprintf("no proof within %v on %d of %d", proveWithin, missing, len(s.parts)))
			e.fail()
		default:
			e.wait(e.n.sim.now+proveEvery, look)
		}
	}
	e.wait(e.n.sim.now+proveEvery, look)
}

// heal heals a fault in force when its hold is over, and proves it.
func (e *executor) heal(at int, then func()) {
	s := e.inForce[at]
	e.wait(s.healAt, func() {
		e.inForce = slices.DeleteFunc(e.inForce, func(other *strike) bool { return other == s })
		for _, f := range s.parts {
			f.note()
			f.effect.heal(f)
		}
		e.tell(s, history.Heal, e.n.sim.now, history.OK, "healed")
		e.prove(s, history.ProveHealed, func(f *firing) string { return f.effect.healed(f) }, func() {
			for _, f := range s.parts {
				if f.effect.process {
					e.n.busy[f.host.slot] = false
				}
			}
			then()
		})
	})
}

// refuse records an injection that was not even tried, and why, and ends the timeline.
func (e *executor) refuse(index int, why error) {
	planned := e.line[index]
	e.stages++
	e.n.record(int32(index), planned.Kind, string(planned.Target), history.Inject, e.n.sim.now, history.Fail, why.Error())
	e.fail()
}

// fail ends the timeline: all that is in force is healed, the last first.
func (e *executor) fail() {
	e.failed = true
	if len(e.inForce) == 0 {
		e.done = true
		return
	}
	last := len(e.inForce) - 1
	e.inForce[last].healAt = e.n.sim.now
	e.heal(last, e.fail)
}

func (e *executor) tell(s *strike, stage history.Stage, invoke time.Duration, outcome history.Outcome, detail string) {
	e.stages++
	e.n.record(int32(s.index), s.planned.Kind, s.target(), stage, invoke, outcome, detail)
}
