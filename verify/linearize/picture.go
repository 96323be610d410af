package linearize

import (
	"fmt"
	"io"
	"slices"

	"github.com/anishathalye/porcupine"
	"github.com/logproof/logproof/verify/history"
)

// Bounds of a picture.
const (
	// beside is how many offsets to both sides of what cannot be are shown with it.
	beside = 12
	// attemptsMax is how many searches the way to the smallest illegal part of a window may take.
	attemptsMax = 100
)

// PictureFile is the name of the picture of an illegal window in the run directory: one for each partition.
func (w *Window) PictureFile() string {
	return fmt.Sprintf("linearizable-%s-%d.html", w.Partition.Topic, w.Partition.Index)
}

// Pictures are the windows worth a picture: the first illegal one of each partition, at most so many. The
// one around an anomaly comes first.
func (r *Result) Pictures(most int) (list []*Window) {
	drawn := map[history.Partition]bool{}
	for i := range r.Windows {
		w := &r.Windows[i]
		if w.Outcome != Illegal || drawn[w.Partition] || len(list) == most {
			continue
		}
		drawn[w.Partition] = true
		list = append(list, w)
	}
	return list
}

// Draw writes porcupine's page about an illegal window: the smallest part of it that no order explains, with
// what stands beside, faults and changes of the leader.
func (r *Result) Draw(out io.Writer, w *Window) error {
	if w.problem == nil || w.Outcome != Illegal {
		return fmt.Errorf("window %s, offsets %d to %d, is %s: only an illegal one has a picture", w.Partition, w.First, w.Last, w.Outcome)
	}
	p := w.problem.smallest(DefaultSteps / 4)
	left := DefaultSteps
	operations, lanes := p.lanes()
	_, info := porcupine.CheckOperationsVerbose(p.table.model(func() bool { left--; return left >= 0 }), operations, 0)
	info.AddAnnotations(r.annotations(w.Partition, operations))
	for lane, name := range lanes {
		first := operations[0].Call
		info.AddAnnotations([]porcupine.Annotation{{ClientId: lane, Start: first - 1, Description: name, BackgroundColor: "#dddddd"}})
	}
	if err := porcupine.Visualize(p.table.model(func() bool { return true }), info, out); err != nil {
		return fmt.Errorf("draw %s: %w", w.PictureFile(), err)
	}
	return nil
}

// smallest is the problem without most of the offsets that have nothing to do with its being illegal, and
// with a few of them beside the others.
func (p *problem) smallest(steps int) *problem {
	kept := make([]bool, len(p.table.offsets))
	for i := range kept {
		kept[i] = true
	}
	attempts := 0
	for chunk := (len(kept) + 1) / 2; chunk > 0; chunk /= 2 {
		for from := 0; from < len(kept) && attempts < attemptsMax; from += chunk {
			without := slices.Clone(kept)
			for i := from; i < min(from+chunk, len(kept)); i++ {
				without[i] = false
			}
			if slices.Equal(without, kept) {
				continue
			}
			attempts++
			if p.only(without).search(steps) == Illegal {
				kept = without
			}
		}
	}
	shown := make([]bool, len(kept))
	for i := range kept {
		for j := max(0, i-beside); kept[i] && j < min(len(kept), i+beside+1); j++ {
			shown[j] = true
		}
	}
	return p.only(shown)
}

// only is the problem cut down to some of its ranks. If it is legal, so is that.
func (p *problem) only(kept []bool) *problem {
	var ranks []int64
	var there []uint64
	for i, k := range kept {
		if k {
			ranks, there = append(ranks, p.table.offsets[i]), append(there, p.table.there[i])
		}
	}
	part := &problem{table: hashed(ranks, there)}
	part.table.oneLeader = p.table.oneLeader
	for _, c := range p.calls {
		part.add(c.operation)
	}
	return part
}

// lanes puts operations that overlap into lanes of their own, and names the lanes after their clients.
func (p *problem) lanes() (operations []porcupine.Operation, names []string) {
	operations = p.operations()
	slices.SortStableFunc(operations, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	type lane struct {
		process string
		free    int64
	}
	var lanes []lane
	for i := range operations {
		o := &operations[i]
		process := o.Input.(*call).process
		at := slices.IndexFunc(lanes, func(l lane) bool { return l.process == process && l.free < o.Call })
		if at < 0 {
			at = len(lanes)
			lanes = append(lanes, lane{process: process})
			names = append(names, process)
		}
		lanes[at].free, o.ClientId = o.Return, at
	}
	return operations, names
}

// annotations are the faults and the elections around some operations.
func (r *Result) annotations(p history.Partition, operations []porcupine.Operation) (list []porcupine.Annotation) {
	first, last := operations[0].Call, operations[0].Return
	for _, o := range operations {
		first, last = min(first, o.Call), max(last, o.Return)
	}
	place := r.survey.places[p]
	for _, lane := range []struct {
		tag, colour string
		events      []event
	}{{"faults", "#ffcccc", r.survey.faults}, {"leaders", "#ccddff", place.elections}} {
		for _, e := range lane.events {
			from, to := max(int64(e.from), first), min(int64(e.to), last)
			if from > to {
				continue
			}
			list = append(list, porcupine.Annotation{
				Tag: lane.tag, Start: from, End: to, Description: e.text, BackgroundColor: lane.colour,
				Details: fmt.Sprintf("%s from %v to %v of the run", e.text, seconds(e.from), seconds(e.to)),
			})
		}
	}
	return list
}

func seconds(t history.Time) string {
	if t == history.Never {
		return "the end"
	}
	return fmt.Sprintf("%.3f s", float64(t)/1e9)
}
