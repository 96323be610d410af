package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	// ends that it strikes; empty until the target was resolved.
	ends []timeline.End
	act  fault.Fault
	// injected is when it was, healAt when its hold is over.
	injected, healAt time.Time
}

// group executes the faults first..end-1, which may be in force together:
//
//	inject 1 ── prove 1 ─────────── hold 1 ─── heal 1, prove it
//	   └── after 2 ── inject 2 ── prove 2 ──────── hold 2 ─────── heal 2, prove it
//
// One stage is done at a time, in the order in which they are due. When one fails, or ctx ends, all
// that is in force is healed, the last first.
func (n *Nemesis) group(ctx context.Context, first, end int) error {
	var inForce []*firing // in the order of their injection
	next, due := first, n.now()
	for next < end || len(inForce) > 0 {
		heal := earliest(inForce)
		if next < end && (heal < 0 || !inForce[heal].healAt.Before(due)) {
			err := n.wait(ctx, due)
			var f *firing
			if err == nil {
				f, err = n.fire(ctx, next, inForce)
			}
			if f != nil {
				inForce = append(inForce, f)
			}
			if err != nil {
				return errors.Join(err, n.healAll(ctx, inForce))
			}
			if next++; next < end {
				due = f.injected.Add(n.cfg.Timeline[next].After)
			}
			continue
		}
		if err := n.wait(ctx, inForce[heal].healAt); err != nil {
			return errors.Join(err, n.healAll(ctx, inForce))
		}
		f := inForce[heal]
		inForce = slices.Delete(inForce, heal, heal+1)
		if err := n.heal(ctx, f); err != nil {
			return errors.Join(err, n.healAll(ctx, inForce))
		}
	}
	return nil
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

// fire resolves the target of the i-th fault, injects and proves it. What it returns is to be healed,
// also with an error; nil when nothing was touched.
func (n *Nemesis) fire(ctx context.Context, i int, inForce []*firing) (*firing, error) {
	planned := n.cfg.Timeline[i]
	f := &firing{index: i, kind: planned.Kind, target: string(planned.Target)}
	if err := n.aim(ctx, f, inForce); err != nil {
		refuse := func(context.Context) (string, error) { return "", err }
		return nil, n.stage(ctx, f, history.Inject, n.cfg.ProveWithin, refuse)
	}
	err := n.stage(ctx, f, history.Inject, n.cfg.ProveWithin, f.act.Inject)
	f.injected = n.now()
	if err == nil {
		err = n.stage(ctx, f, history.Prove, n.cfg.ProveWithin, f.act.Prove)
	}
	f.healAt = n.now().Add(planned.Hold)
	return f, err
}

// aim resolves the target of a fault and prepares it on its nodes. A node that another fault has in
// force is refused: neither could be proved, and which of them healed it would be anybody's guess.
func (n *Nemesis) aim(ctx context.Context, f *firing, inForce []*firing) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.ProveWithin)
	defer cancel()
	planned := n.cfg.Timeline[f.index]
	draw := n.draw(f.index)
	ends, err := timeline.Ends(ctx, planned.Target, n.members(), draw, n.locator)
	if err != nil {
		return err
	}
	var peers []timeline.End
	if planned.Peers != "" {
		if peers, err = timeline.PeerEnds(ctx, planned.Peers, ends, n.members(), draw, n.locator); err != nil {
			return err
		}
	}
	var acts []fault.Fault
	for _, end := range ends {
		for _, other := range inForce {
			if slices.Contains(other.ends, end) {
				return fmt.Errorf("target %s is %s, on which fault %d, %s, is in force", planned.Target, end, other.index+1, other.kind)
			}
		}
		act, err := n.prepare(planned, n.cfg.Cluster, end, peers)
		if err != nil {
			return err
		}
		acts = append(acts, act)
	}
	f.ends, f.act, f.target = ends, fault.Several(ends, acts), endList(ends)
	if len(ends) > 1 || planned.Target != timeline.NodeTarget(ends[0].ID) {
		f.note = fmt.Sprintf("target %s is %s; ", planned.Target, f.target)
	}
	if planned.Peers != "" {
		f.note += fmt.Sprintf("peers %s are %s; ", planned.Peers, endList(peers))
	}
	return nil
}

// endList prints "node 0", "nodes 1, 2", "nodes 0, 1, clients".
func endList(ends []timeline.End) string {
	if len(ends) == 1 {
		return ends[0].String()
	}
	text := make([]string, len(ends))
	for i, end := range ends {
		if text[i] = end.String(); !end.Client {
			text[i] = strconv.Itoa(int(end.ID))
		}
	}
	return "nodes " + strings.Join(text, ", ")
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
