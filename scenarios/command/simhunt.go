package command

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/verify"
)

// inside stands in the table for the simulator's invariants, where the rules of verify stand for what a
// history shows.
const inside = "invariant"

// sim hunts a bug in the simulator, with its seed, and then runs the same without it. Every round would be
// the same: there is one.
func (h *hunt) sim(ctx context.Context, name bug.Name) error {
	s, ok := sim.HuntOf(name)
	if !ok {
		return &exit{ExitInternal, fmt.Errorf("the simulator does not hunt the planted bug %s", name)}
	}
	if err := ctx.Err(); err != nil {
		return environment(context.Cause(ctx))
	}
	began := time.Now()
	with, err := simulate(s.Config(s.Seed, bug.Set{name: true}))
	if err != nil {
		return environment(err)
	}
	rule, note, caught := sighting(s, with.result, with.report)
	if said := with.opinion.Contradictions; len(said) > 0 {
		caught, note = 0, "logproof contradicts itself: "+said[0]
	}
	h.row(string(name), inSim, rule, cmp.Or(s.Class, s.Invariant), caught, 1, began, fmt.Sprintf("seed %d: %s", s.Seed, note))

	began = time.Now()
	without, err := simulate(s.Config(s.Seed, nil))
	if err != nil {
		return environment(err)
	}
	silent, note := 1, "nothing was found"
	if without.verdict != verify.Pass {
		silent, note = 0, fmt.Sprintf("%s, %d broken invariants, %d pending", without.report.Verdict, len(without.result.Violations), len(without.result.Pending))
	}
	h.row("  (none)", inSim, "", "none", silent, 1, began, fmt.Sprintf("seed %d: %s", s.Seed, note))
	return nil
}

// sighting looks for what the hunt is about: the anomaly, and the invariant if one must break. caught is 1
// if all of that is there.
func sighting(s sim.Hunt, result sim.Result, judged verify.Report) (rule, note string, caught int) {
	seen, broken := s.Class == "", s.Invariant == ""
	rule = inside
	for _, r := range judged.Rules {
		for _, a := range r.Anomalies {
			if string(a.Class) == s.Class && !seen {
				seen, rule, note = true, string(r.Rule), a.Text
			}
		}
	}
	for _, v := range result.Violations {
		if v.Invariant == s.Invariant && !broken {
			broken, note = true, cmp.Or(note, v.Text)
		}
	}
	if !seen || !broken {
		return rule, cmp.Or(note, "nothing of it was found"), 0
	}
	return rule, note, 1
}
