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
		if text := ofDisks(f, p); text != "" {
			found = append(found, problem{e.origins[i] + ".target", text})
		}
		if text := ofDoubles(f, p); text != "" {
			found = append(found, problem{e.origins[i] + ".target", text})
		}
	}
	for _, c := range e.mixed {
		line := timeline.Timeline{c.fault}
		for _, one := range append(line.Validate(p.Placement, e.members), line.ValidateRoles(e.topics)...) {
			found = append(found, problem{c.path + "." + one.Field, words(one)})
		}
		if text := ofDisks(c.fault, p); text != "" {
			found = append(found, problem{c.path + ".target", text})
		}
		if text := ofDoubles(c.fault, p); text != "" {
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

// ofDisks says why a fault of disks cannot be on those that the plan has, "" if it can.
func ofDisks(f timeline.Fault, p Plan) string {
	for _, n := range p.mayStrike(f.Target) {
		switch {
		case f.Kind == timeline.DiskLoss && n.Is(Controller):
			// A quorum that forgets may elect two leaders, and no promise of the log survives that.
			return fmt.Sprintf("disk-loss of %s may strike node %d, a controller, which would forget its votes: strike brokers, and write controllers: 3 so that they are none",
				f.Target, n.ID)
		case f.Kind == timeline.PowerLoss && p.Placement != timeline.Sim && !slices.Contains(strings.Split(n.Disk, ","), losesUnsynced):
			return fmt.Sprintf("power-loss of %s may strike node %d, whose disk does not keep apart what is not synced: strike brokers, and write disk: %s",
				f.Target, n.ID, losesUnsynced)
		}
	}
	return ""
}

// ofDoubles says why a client cannot be doubled, "" if it can.
func ofDoubles(f timeline.Fault, p Plan) string {
	s, err := f.Target.Selector()
	if err != nil || f.Kind != timeline.DoubleClient {
		return ""
	}
	if s.Role == timeline.Client && !p.writesInTransactions(int(s.Node)) {
		return fmt.Sprintf("%s does not write in transactions: double one of those that do", f.Target)
	}
	if s.Role == timeline.Clients {
		return "double one client, such as client(0)"
	}
	return ""
}

// writesInTransactions reports whether the client of a number does.
func (p Plan) writesInTransactions(number int) bool {
	if number < p.Load.Producers {
		return p.Load.Transactions != nil
	}
	number -= p.Load.Producers + p.Load.Readers
	for _, g := range p.Groups {
		if number >= 0 && number < g.Members {
			return g.Transforms()
		}
		number -= g.Members
	}
	return false
}

// losesUnsynced is the rule of a disk that loses with its power what was not synced. Simulated disks do.
const losesUnsynced = "lose-unsynced"

// mayStrike lists the nodes that a target may turn out to be; none if it is no target.
func (p Plan) mayStrike(t timeline.Target) (nodes []Node) {
	s, err := t.Selector()
	if err != nil {
		return nil
	}
	for _, n := range p.Nodes {
		strikes := n.Is(Broker)
		switch {
		case s.Role == timeline.All:
			strikes = true
		case s.Role == timeline.Controller || s.Role == timeline.Quorum:
			strikes = n.Is(Controller)
		case s.Role == "" && !s.Any:
			strikes = n.ID == s.Node
		}
		if strikes {
			nodes = append(nodes, n)
		}
	}
	return nodes
}
