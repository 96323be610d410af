package plan

import (
	"cmp"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/spec"
)

// expansion turns the entries of a scenario into the faults of a plan, one after the other: repetitions are
// written out, and mixes are drawn. It looks at the scenario and the seed only, so that the faults are the
// same on every placement.
type expansion struct {
	seed    int64
	members timeline.Members
	topics  []timeline.Topic
	guards  timeline.Guards
	// converge is how long a condition may take that does not say it.
	converge spec.Duration

	line timeline.Timeline
	// origins says, for each fault of line, where it stands in the scenario.
	origins []string
	mixes   int
	// mixed is everything that some mix may draw.
	mixed []candidate
	// problems of entries, and where they stand.
	problems []problem
}

// problem is what is wrong with one value of the scenario.
type problem struct{ path, text string }

func (e *expansion) errorf(path, format string, args ...any) {
	e.problems = append(e.problems, problem{path, fmt.Sprintf(format, args...)})
}

// entries appends what a timeline, or a sequence in it, expands to.
func (e *expansion) entries(at string, all []spec.Fault) {
	for i, f := range all {
		path := fmt.Sprintf("%s[%d]", at, i)
		if f.Overlap {
			e.checkOverlap(path, i, f, all)
		}
		for range f.Times() {
			first := len(e.line)
			switch {
			case f.Mix != nil:
				e.mix(path, f)
			case f.Sequence != nil:
				e.entries(path+".sequence", f.Sequence)
			default:
				e.add(path, timeline.Fault{
					Kind: f.Fault, Target: f.Target, Peers: f.Peers, Params: f.Params.Params(),
					After: time.Duration(f.After), Hold: time.Duration(f.Hold), Overlap: f.Overlap,
				})
			}
			if f.Until != nil && first < len(e.line) {
				e.until(path, &e.line[first], *f.Until)
			}
		}
	}
}

func (e *expansion) add(path string, f timeline.Fault) {
	e.line = append(e.line, f.WithDefaults())
	e.origins = append(e.origins, path)
}

// until gives a fault its condition.
func (e *expansion) until(path string, f *timeline.Fault, u spec.Until) {
	if f.Until != (timeline.Condition{}) {
		e.errorf(path+".until", "the first fault of the sequence has a condition of its own: write both there")
		return
	}
	f.Until = timeline.Condition{
		InSync: u.InSync, Floor: time.Duration(u.Floor), Elsewhere: u.Elsewhere, Lag: u.Lag,
		Within: time.Duration(cmp.Or(u.Within, e.converge)),
	}
}

// checkOverlap reports an overlap with something that is not one fault.
func (e *expansion) checkOverlap(path string, i int, f spec.Fault, all []spec.Fault) {
	if f.Times() > 1 {
		e.errorf(path+".repeat", "repeat does not go with overlap: which of them would overlap? Write the entries out")
	}
	if i == 0 {
		if len(e.line) > 0 {
			e.errorf(path+".overlap", "the first fault of a sequence overlaps with nothing in it: remove it")
		}
		return // the first of all is the timeline's own problem
	}
	switch before := all[i-1]; {
	case before.Mix != nil || before.Sequence != nil:
		e.errorf(path+".overlap", "overlap does not go with the entry before it, which is many faults: write a fault there")
	case before.Times() > 1:
		e.errorf(path+".overlap", "overlap does not go with the repeat of the fault before it: write the entries out")
	}
}

// candidate is a fault of a mix, and where it stands.
type candidate struct {
	fault  timeline.Fault
	weight int
	path   string
}

// candidates of a mix. One that a guard forbids even alone would never be drawn: it is a problem.
func (e *expansion) candidates(path string, m *spec.Mix) []candidate {
	var all []candidate
	for i, d := range m.Faults {
		f := timeline.Fault{Kind: d.Fault, Target: d.Target, Peers: d.Peers, Params: d.Params.Params(), Hold: time.Duration(d.Hold), Drawn: e.mixes}
		c := candidate{f.WithDefaults(), d.Weight, fmt.Sprintf("%s.mix.faults[%d]", path, i)}
		e.mixed = append(e.mixed, c)
		if !e.guards.Allows(c.fault, nil, e.members, e.topics) {
			e.errorf(c.path+".target", "%s can never be drawn: alone it might break a guard (%v): remove it, or write other guards", f.What(), e.guards)
			continue
		}
		all = append(all, c)
	}
	return all
}

// mix draws its faults: at each of its times none with the probability of calm, else one by the weights of
// those that no guard forbids, whoever their targets turn out to be. A mix draws at least one fault.
func (e *expansion) mix(path string, entry spec.Fault) {
	m := entry.Mix
	e.mixes++
	all := e.candidates(path, m)
	rng := timeline.MixDraws(e.seed, e.mixes)
	draws := max(1, int((m.For+m.Every-1)/max(1, m.Every)))
	var drawn []draw
	for i := range draws {
		at := time.Duration(i) * time.Duration(m.Every)
		calm, number := rng.Float64() < m.Calm, rng.Uint64()
		if calm && (i < draws-1 || len(drawn) > 0) {
			continue
		}
		c, ok := e.pick(all, number, inForce(drawn, at))
		if !ok {
			continue
		}
		c.fault.After = time.Duration(entry.After) + at
		if n := len(drawn); n > 0 {
			c.fault.Overlap, c.fault.After = true, at-drawn[n-1].at
		}
		drawn = append(drawn, draw{c.fault, at})
		e.add(c.path, c.fault)
	}
}

// draw is a fault that was drawn, and when by the times of its mix.
type draw struct {
	fault timeline.Fault
	at    time.Duration
}

// inForce are the faults whose hold is not over at a time of their mix.
func inForce(drawn []draw, at time.Duration) []timeline.Fault {
	var all []timeline.Fault
	for _, d := range drawn {
		if d.at+d.fault.Hold > at {
			all = append(all, d.fault)
		}
	}
	return all
}

// pick takes one of the candidates that may be drawn now, by their weights; false if there is none.
func (e *expansion) pick(all []candidate, number uint64, inForce []timeline.Fault) (candidate, bool) {
	var may []candidate
	sum := uint64(0)
	for _, c := range all {
		if e.guards.Allows(c.fault, inForce, e.members, e.topics) {
			may = append(may, c)
			sum += uint64(max(0, c.weight))
		}
	}
	if sum == 0 {
		return candidate{}, false
	}
	number %= sum
	for _, c := range may {
		if number < uint64(c.weight) {
			return c, true
		}
		number -= uint64(c.weight)
	}
	panic("plan: the weights do not add up")
}
