package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/spec"
)

// all lists what keeps the timeline from being executed on the plan's nodes and topics: the faults that were
// written, and everything that a mix may draw, whether it did or not. What an entry's repetitions have in
// common is said once.
func (e *expansion) all(p Plan) []problem {
	found := e.problems
	for _, one := range slices.Concat(p.Timeline.Validate(p.Placement, e.members), p.Timeline.ValidateRoles(e.topics),
		p.Timeline.ValidateGuards(e.guards, e.members, e.topics)) {
		at := e.origins[one.Fault]
		if p.Timeline[one.Fault].Drawn > 0 {
			if !strings.HasPrefix(one.Field, "until") {
				continue // it is said of what may be drawn
			}
			at = at[:strings.LastIndex(at, ".mix.")]
		}
		found = append(found, problem{at + "." + one.Field, words(one)})
	}
	for i, f := range p.Timeline {
		if text := forgets(f, p); text != "" {
			found = append(found, problem{e.origins[i] + ".target", text})
		}
	}
	for _, c := range e.mixed {
		line := timeline.Timeline{c.fault}
		for _, one := range append(line.Validate(p.Placement, e.members), line.ValidateRoles(e.topics)...) {
			found = append(found, problem{c.path + "." + one.Field, words(one)})
		}
		if text := forgets(c.fault, p); text != "" {
			found = append(found, problem{c.path + ".target", text})
		}
	}
	var once []problem
	for _, one := range found {
		if !slices.ContainsFunc(once, func(other problem) bool { return other.path == one.path }) {
			once = append(once, one)
		}
	}
	return once
}

// words of a problem: with a suggestion where the value is a choice.
func words(p timeline.Problem) string {
	if p.Known == nil {
		return p.Text
	}
	what := p.Field
	if p.Field == "until.in-sync" {
		what = "topic"
	}
	return fmt.Sprintf("unknown %s %q: %s", what, p.Value, spec.Suggest(p.Value, p.Known))
}
