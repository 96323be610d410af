package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// firing is one fault while it is executed.
type firing struct {
	index  int
	kind   timeline.Kind
	target string
	// note is put before the detail of the injection: how the target was resolved.
	note string
	// ends that it strikes, and the other ends of their links for a fault of links; empty until the target
	// was resolved.
	ends, peers []timeline.End
	act         fault.Fault
	// injected is when it was, healAt when its hold is over.
	injected, healAt time.Time
	// ends of its hold by the plan, from the injection of the group's first fault.
	over time.Duration
}

// group executes the faults first..end-1, which may be in force together:
//
//	inject 1 ── prove 1 ─────────── hold 1 ─── heal 1, prove it
//	   └── after 2 ── inject 2 ── prove 2 ──────── hold 2 ─────── heal 2, prove it
//
// One stage is done at a time, in the order in which they are due; a fault whose hold is over by the plan
// heals before the next is injected, however long its stages took. When one fails, or ctx ends, all that
// is in force is healed, the last first.
func (n *Nemesis) group(ctx context.Context, first, end int) error {
	g := &group{nemesis: n, first: first, due: n.now(), planned: n.cfg.Timeline.Injections(first)}
	for next := first; next < end || len(g.inForce) > 0; {
		fired, err := g.act(ctx, next, next < end)
		if err != nil {
			return errors.Join(err, n.healAll(ctx, g.inForce))
		}
		if fired == nil {
			continue
		}
		if next++; next < end {
			g.due = fired.injected.Add(n.cfg.Timeline[next].After)
		}
	}
	return nil
}

// group is faults that may be in force together.
type group struct {
	nemesis *Nemesis
	first   int
	// planned is when each is injected by the plan, from the injection of the first.
	planned []time.Duration
	// due is when the next one is injected, inForce are those that were, in their order.
	due     time.Time
	inForce []*firing
	// waiting is the condition of the next fault while it is looked at.
	waiting *waiting
}

// act does the next thing: it heals a fault whose hold is over, fires the next one, or looks at its
// condition. The result is the fault that was fired, if one was.
func (g *group) act(ctx context.Context, next int, more bool) (*firing, error) {
	n := g.nemesis
	if heal := g.heals(next, more); heal >= 0 {
		return nil, g.heal(ctx, heal)
	}
	if err := n.wait(ctx, g.due); err != nil {
		return nil, err
	}
	if held, err := g.hold(ctx, next); held || err != nil {
		return nil, err
	}
	f, err := n.fire(ctx, next, g.inForce)
	if err == errWait {
		return nil, g.heal(ctx, earliest(g.inForce))
	}
	g.waiting = nil
	if f != nil {
		f.over = g.planned[next-g.first] + n.cfg.Timeline[next].Hold
		g.inForce = append(g.inForce, f)
	}
	return f, err
}

// heals is the fault that is to be healed before the next one is injected; -1 for none.
func (g *group) heals(next int, more bool) int {
	at := earliest(g.inForce)
	if at < 0 || !more || g.inForce[at].healAt.Before(g.due) {
		return at
	}
	over := slices.DeleteFunc(slices.Clone(g.inForce), func(f *firing) bool { return f.over > g.planned[next-g.first] })
	if len(over) == 0 {
		return -1
	}
	return slices.Index(g.inForce, over[earliest(over)])
}

// heal waits until the hold of a fault in force is over, and heals it.
func (g *group) heal(ctx context.Context, at int) error {
	f := g.inForce[at]
	if err := g.nemesis.wait(ctx, f.healAt); err != nil {
		return err
	}
	g.inForce = slices.Delete(g.inForce, at, at+1)
	return g.nemesis.heal(ctx, f)
}

// earliest is the fault whose hold is over first, -1 if there is none; the last injected among equals.
func earliest(inForce []*firing) int {
	found := -1
	for i, f := range inForce {
		if found < 0 || !f.healAt.After(inForce[found].healAt) {
			found = i
		}
	}
	return found
}

// errWait is a drawn fault that waits for those in force; a written one fails.
var errWait = errors.New("it waits")

// fire resolves the target of the i-th fault, injects and proves it. What it returns is to be healed,
// also with an error; nil when nothing was touched.
func (n *Nemesis) fire(ctx context.Context, i int, inForce []*firing) (*firing, error) {
	planned := n.cfg.Timeline[i]
	f := &firing{index: i, kind: planned.Kind, target: string(planned.Target)}
	if err := n.aim(ctx, f, inForce); err != nil {
		if errors.As(err, &busy{}) && planned.Drawn > 0 && len(inForce) > 0 {
			return nil, errWait
		}
		return nil, n.refuse(ctx, f, err)
	}
	err := n.stage(ctx, f, history.Inject, n.cfg.ProveWithin, f.act.Inject)
	f.injected = n.now()
	if err == nil {
		err = n.stage(ctx, f, history.Prove, n.cfg.ProveWithin, f.act.Prove)
	}
	f.healAt = n.now().Add(planned.Hold)
	return f, err
}

// refuse records an injection that was not even tried, and why.
func (n *Nemesis) refuse(ctx context.Context, f *firing, why error) error {
	return n.stage(ctx, f, history.Inject, n.cfg.ProveWithin, func(context.Context) (string, error) { return "", why })
}

// heal heals one fault and proves it.
func (n *Nemesis) heal(ctx context.Context, f *firing) error {
	// An interrupted run leaves nothing broken, so healing does not end with ctx.
	ctx = context.WithoutCancel(ctx)
	err := n.stage(ctx, f, history.Heal, n.cfg.HealWithin, f.act.Heal)
	if err == nil {
		err = n.stage(ctx, f, history.ProveHealed, n.cfg.HealWithin, f.act.ProveHealed)
	}
	return err
}

// healAll heals what is in force, the last first, and goes on when one cannot be.
func (n *Nemesis) healAll(ctx context.Context, inForce []*firing) error {
	var errs []error
	for _, f := range slices.Backward(inForce) {
		errs = append(errs, n.heal(ctx, f))
	}
	return errors.Join(errs...)
}

// lookEvery is how long a condition that does not hold is left alone.
const lookEvery = 50 * time.Millisecond

// waiting is a condition that does not hold yet.
type waiting struct {
	look  func(context.Context) error
	limit time.Time
}

// hold looks at the condition of the next fault, and reports whether it is to be looked at again: a while
// later, or when a fault in force has healed. One that does not come true in time fails the fault.
func (g *group) hold(ctx context.Context, next int) (held bool, err error) {
	n := g.nemesis
	c := n.cfg.Timeline[next].Until
	if !c.Holds() {
		return false, nil
	}
	if g.waiting == nil {
		g.waiting = &waiting{look: n.watch(c), limit: n.now().Add(c.Within)}
	}
	limited, cancel := context.WithTimeout(ctx, n.cfg.ProveWithin)
	defer cancel()
	err = g.waiting.look(limited)
	if err == nil && c.Elsewhere != "" {
		err = n.elsewhere(limited, c.Elsewhere, g.inForce)
	}
	switch {
	case err == nil:
		return false, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case !n.now().Before(g.waiting.limit):
		f := &firing{index: next, kind: n.cfg.Timeline[next].Kind, target: string(n.cfg.Timeline[next].Target)}
		return false, n.refuse(ctx, f, fmt.Errorf("its condition did not come true: %s: %w", c, err))
	}
	g.due = n.now().Add(lookEvery)
	return true, nil
}
