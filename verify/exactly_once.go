package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// exactlyOnce judges what groups make from records (consume-transform-produce, KIP-447): what the research calls
// R10. Each record of the outputs says which input record it was made from. Of the records that the log committed
// there the sources in each input are a set, and
//
//   - nothing is in it twice;
//   - it has every record of the input below the group's position, the highest that a transaction committed: what
//     is missing there will never be processed. Records that were aborted are none;
//   - it has nothing at or above the position: outputs and position are committed together;
//   - what is in it stands in the input.
//
// A group that did not come to the end of its inputs is late and not wrong: the result is inconclusive.
type exactlyOnce struct {
	ledger       *ledger
	readings     *readings
	transactions *transactions
	expect       []Transform
	outputs      map[history.Partition][]string // groups by what they write
	inputs       map[groupOf]*processed
	checked      int64
}

// processed is what a group made from one input.
type processed struct {
	done    intervals // sources that are in a committed output
	twice   []madeAgain
	dropped int64
	// sure is the highest position that is known to be committed, and likely what a transaction may have
	// committed of which neither its client nor the log tells.
	sure, likely int64
	by           telling // who committed sure
	// barriers of the final scan, of which nothing is made: more than the acknowledged one if it was sent again.
	barriers intervals
}

// madeAgain is input records that were processed before, and the output that shows it.
type madeAgain struct {
	interval
	run history.Run
}

func newExactlyOnce(l *ledger, s *readings, t *transactions, list []Transform) *exactlyOnce {
	x := &exactlyOnce{ledger: l, readings: s, transactions: t, expect: list, outputs: map[history.Partition][]string{}, inputs: map[groupOf]*processed{}}
	for _, f := range list {
		for _, p := range f.Outputs {
			x.outputs[p] = append(x.outputs[p], f.Group)
		}
		for _, p := range f.Inputs {
			x.inputs[groupOf{f.Group, p}] = &processed{}
			t.log(p).kept = true
		}
	}
	t.watch(x)
	return x
}

func (x *exactlyOnce) observe(op *history.Operation) {
	switch {
	case op.Kind == history.Scan:
		x.scanned(op.Runs)
	case op.Kind == history.Transact && op.Committed():
		x.committed(op.Transaction.Group, op.Transaction.Positions, telling{op.Process, op.Return})
	case op.Kind == history.Transact && !op.Aborted():
		for _, at := range op.Transaction.Positions {
			if in := x.inputs[groupOf{op.Transaction.Group, at.Partition}]; in != nil {
				in.likely = max(in.likely, at.Offset)
			}
		}
	case op.Kind == history.Resume && op.Outcome == history.OK, op.Kind == history.Commit && op.Outcome == history.OK:
		x.committed(op.Group.Group, op.Group.Positions, telling{op.Process, op.Return})
	}
}

// scanned notes where barriers are.
func (x *exactlyOnce) scanned(runs []history.Run) {
	for _, run := range runs {
		if run.Producer != history.BarrierProducer {
			continue
		}
		for key, in := range x.inputs {
			if key.partition == run.Partition {
				in.barriers.add(run.FirstOffset, run.FirstOffset+int64(run.Count))
			}
		}
	}
}

// committed raises what is known to be committed.
func (x *exactlyOnce) committed(group string, positions []history.Position, by telling) {
	for _, at := range positions {
		if in := x.inputs[groupOf{group, at.Partition}]; in != nil && at.Offset > in.sure {
			in.sure, in.by = at.Offset, by
			in.likely = max(in.likely, at.Offset)
		}
	}
}

// settled takes the positions of a transaction whose client was not told that it was committed.
func (x *exactlyOnce) settled(t *transaction) {
	if t.client == pending && t.logged() == committed {
		x.committed(t.group, t.positions, telling{t.process, t.returned})
	}
}

// decided takes the sources of a run of an output.
func (x *exactlyOnce) decided(d decision) {
	source := d.run.Source
	if d.fate != committed || source == nil {
		return
	}
	for _, group := range x.outputs[d.run.Partition] {
		in := x.inputs[groupOf{group, source.Partition}]
		if in == nil {
			continue
		}
		x.checked += int64(d.run.Count)
		first, end := source.FirstOffset, source.FirstOffset+int64(d.run.Count)
		for _, again := range in.done.within(first, end) {
			if len(in.twice) == candidatesMax {
				in.dropped++
				continue
			}
			in.twice = append(in.twice, madeAgain{again, d.run.Part(again.first-first, again.size())})
		}
		in.done.add(first, end)
	}
}

func (x *exactlyOnce) result() RuleResult {
	r := RuleResult{Rule: ExactlyOnce, Asked: true, Checked: x.checked, Unit: "record made from another"}
	var late []string
	for _, key := range sortedGroups(x.inputs) {
		in, before := x.inputs[key], r.Total
		for _, t := range in.twice {
			r.add(t.anomaly(key))
		}
		if r.Total > before {
			r.Total += in.dropped
		}
		late = append(late, x.complete(&r, key, in)...)
	}
	r.Skipped = strings.Join(late[:min(len(late), 3)], "; ")
	if len(late) > 3 {
		r.Skipped += fmt.Sprintf("; and %d more", len(late)-3)
	}
	r.conclude()
	return r
}

// complete judges what a group made from one input at the end. It returns what cannot be judged.
func (x *exactlyOnce) complete(r *RuleResult, key groupOf, in *processed) []string {
	if missing := x.unscanned(key); missing != "" {
		return []string{missing}
	}
	there := x.readings.shown(key.partition, x.readings.log(key.partition), true)
	if n := len(there); n > 0 && there[n-1].end > x.ledger.partition(key.partition).barrier {
		there[n-1].end = x.ledger.partition(key.partition).barrier
	}
	for _, hole := range intervals(there.minus(in.done)).minus(in.barriers) {
		if hole.end = min(hole.end, in.sure); hole.first < hole.end {
			r.add(in.anomaly(LostProcessing, key, hole, fmt.Sprintf("no committed output was made from %s, below the position %d of group %s",
				span("offset", hole.first, hole.size()), in.sure, key.group)))
		}
	}
	for _, i := range in.done.minus(there) {
		r.add(in.anomaly(PhantomSource, key, i, fmt.Sprintf("outputs of group %s were made from %s, where the input has no committed record",
			key.group, span("offset", i.first, i.size()))))
	}
	for _, i := range intervals(in.done.and(there)).within(in.likely, max(in.likely, endOf(there))) {
		r.add(in.anomaly(PositionBehind, key, i, fmt.Sprintf("outputs made from %s are committed, but the position of group %s is %d",
			span("offset", i.first, i.size()), key.group, in.sure)))
	}
	if end := endOf(there); end > in.likely {
		return []string{fmt.Sprintf("group %s came to %d of %d in %s", key.group, in.sure, end, key.partition)}
	}
	return nil
}

// endOf is the end of a set.
func endOf(s intervals) int64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].end
}

// unscanned names a partition without which nothing can be said at the end.
func (x *exactlyOnce) unscanned(key groupOf) string {
	i := slices.IndexFunc(x.expect, func(t Transform) bool { return t.Group == key.group && slices.Contains(t.Inputs, key.partition) })
	for _, p := range append([]history.Partition{key.partition}, x.expect[i].Outputs...) {
		if !x.ledger.partition(p).reached() {
			return fmt.Sprintf("%s was not scanned to an acknowledged barrier, so it is not known what group %s made", p, key.group)
		}
	}
	return ""
}

// anomaly is one about input records of a group.
func (in *processed) anomaly(class Class, key groupOf, at interval, text string) Anomaly {
	a := Anomaly{
		Class: class, Group: key.group, Partition: key.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: at.first, Count: at.size(), sources: true, Text: key.partition.String() + ": " + text,
	}
	if in.by != (telling{}) {
		a.told = []telling{in.by}
	}
	return a
}

func (t *madeAgain) anomaly(key groupOf) Anomaly {
	return Anomaly{
		Class: DuplicateProcessing, Group: key.group, Partition: key.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: t.first, Count: t.size(), sources: true,
		Text: fmt.Sprintf("%s: group %s made outputs from %s a second time: %s at %s", key.partition, key.group, span("offset", t.first, t.size()),
			t.run.Partition, span("offset", t.run.FirstOffset, int64(t.run.Count))),
	}
}

func (x *exactlyOnce) retained() int {
	n := 0
	for _, in := range x.inputs {
		n += len(in.done) + len(in.twice)
	}
	return n
}
