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
func (h *hunt) sim(ctx context.Context, name bug.Name, s sim.Hunt) error {
	if err := ctx.Err(); err != nil {
		return environment(context.Cause(ctx))
	}
	began := time.Now()
	with, err := simulate(s.Config(s.Seed, bug.Set{name: true}))
	if err != nil {
		return environment(err)
	}
	k := kill{bug: name, where: inSim, seed: s.Seed, class: s.Class, invariant: s.Invariant, rounds: 1, operations: -1}
	if k.note, k.caught = sighting(s, with.result, with.report); k.caught == 0 {
		k.instead = firstClass(with.report)
	}
	if said := with.opinion.Contradictions; len(said) > 0 {
		k.caught, k.instead, k.note = 0, "something else by porcupine", "logproof contradicts itself: "+said[0]
	}
	findings, err := with.findings()
	if err != nil {
		return environment(err)
	}
	k.killers(findings)
	k.insideKiller(s, with.result)
	k.note, k.took = fmt.Sprintf("seed %d: %s", s.Seed, k.note), time.Since(began)
	h.row(k)

	began = time.Now()
	without, err := simulate(s.Config(s.Seed, nil))
	if err != nil {
		return environment(err)
	}
	note := "nothing was found"
	if without.verdict != verify.Pass {
		note = fmt.Sprintf("%s, %d broken invariants, %d pending", without.report.Verdict, len(without.result.Violations), len(without.result.Pending))
	}
	h.clean(inSim, without.verdict == verify.Pass, began, fmt.Sprintf("seed %d: %s", s.Seed, note))
	return nil
}

// insideKiller adds the invariants that broke to the killers, and takes the time of the one that the hunt is about
// where no rule had to find anything.
func (k *kill) insideKiller(s sim.Hunt, result sim.Result) {
	for _, v := range result.Violations {
		if v.Invariant == s.Invariant {
			if s.Class == "" {
				k.after = v.At
			}
			k.by = append(k.by, inside)
			return
		}
	}
	if len(result.Violations) > 0 {
		k.also = append(k.also, inside)
	}
}

// sighting looks for what the hunt is about: the anomaly, and the invariant if one must break. caught is 1
// if all of that is there.
func sighting(s sim.Hunt, result sim.Result, judged verify.Report) (note string, caught int) {
	seen, broken := s.Class == "", s.Invariant == ""
	for _, r := range judged.Rules {
		for _, a := range r.Anomalies {
			if string(a.Class) == s.Class && !seen {
				seen, note = true, a.Text
			}
		}
	}
	for _, v := range result.Violations {
		if v.Invariant == s.Invariant && !broken {
			broken, note = true, cmp.Or(note, v.Text)
		}
	}
	if !seen || !broken {
		return cmp.Or(note, "nothing of it was found"), 0
	}
	return note, 1
}
