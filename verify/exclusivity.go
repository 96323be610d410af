package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// ownsMax bounds the assignments that are kept of one partition in one group.
const ownsMax = 2048

// exclusivity judges that a partition has one owner in a group at a time, as far as the protocol
// promises it, and that a group takes commits of its newest generation only:
//
//   - no two members are given a partition in one generation;
//   - a member of a later generation is given a partition only after the member of an earlier one has
//     given it up, or may have been removed: when its session, or the time to rejoin, may have run out since
//     the last request that the coordinator answered (history.GroupPart.Until). A member that was removed
//     and has not noticed holds its partitions for a while beside the new owner; the protocol permits that;
//   - a commit that begins after somebody was given an assignment of a later generation is refused.
//
// A static member that joins under the instance of another one takes its place in the same generation
// (KIP-345): those two are no violation, and neither is what the replaced one goes on holding. It is
// assumed that the coordinator's clock does not run ahead of the clients', that nobody removes members
// from outside and that the group is not deleted during the run.
type exclusivity struct {
	owns    map[groupOf]*owned
	eras    map[string]*era
	checked int64
}

// owned is the assignments of one partition in one group.
type owned struct {
	list    []own // in order of return
	clashes []clash
	dropped int64
}

// own is one assignment.
type own struct {
	member, instance string
	generation       int32
	invoke, end      history.Time // end: given up, or Until
	until            history.Time
	by               telling
}

// clash is two owners of a partition; the second has the later generation, or the same.
type clash struct{ first, second own }

// era is the generations of one group, the latest commit that each had accepted, and the members under each
// static instance.
type era struct {
	generations
	latest   map[int32]accepted
	replaced map[string][]own // by instance, one for each member
}

// accepted is the acknowledged commit of a generation that began last.
type accepted struct {
	invoke   history.Time
	position history.Position
	by       telling
}

func newExclusivity() *exclusivity {
	return &exclusivity{owns: map[groupOf]*owned{}, eras: map[string]*era{}}
}

func (x *exclusivity) observe(op *history.Operation) {
	g := op.Group
	if op.Kind == history.Transact {
		x.transact(op)
	}
	if g == nil || g.Generation < 0 {
		return
	}
	e := x.era(g.Group)
	e.learn(op)
	switch {
	case op.Kind == history.Own:
		x.own(e, op)
	case op.Kind == history.Commit && op.Outcome == history.OK && len(g.Positions) > 0:
		x.checked++
		e.accept(g.Generation, accepted{op.Invoke, g.Positions[0], telling{op.Process, op.Return}})
	}
}

// transact takes the positions that a group accepted in a transaction: their generation is checked when they are
// sent (KIP-447), and that they were accepted is known when the transaction has committed.
func (x *exclusivity) transact(op *history.Operation) {
	t := op.Transaction
	if !op.Committed() || t.Member == "" || t.Generation < 0 || len(t.Positions) == 0 {
		return
	}
	x.checked++
	x.era(t.Group).accept(t.Generation, accepted{max(t.Sent, op.Invoke), t.Positions[0], telling{op.Process, op.Return}})
}

// era of a group, made when first asked for.
func (x *exclusivity) era(group string) *era {
	e := x.eras[group]
	if e == nil {
		e = &era{latest: map[int32]accepted{}, replaced: map[string][]own{}}
		x.eras[group] = e
	}
	return e
}

// accept keeps the commit if none of its generation began later.
func (e *era) accept(generation int32, n accepted) {
	if last, ok := e.latest[generation]; ok && last.invoke >= n.invoke {
		return
	}
	e.latest[generation] = n
	if len(e.latest) > generationsMax {
		oldest := generation
		for number := range e.latest {
			oldest = min(oldest, number)
		}
		delete(e.latest, oldest)
	}
}

func (x *exclusivity) own(e *era, op *history.Operation) {
	g := op.Group
	n := own{
		member: g.Member, instance: g.Instance, generation: g.Generation, invoke: op.Invoke, end: min(op.Return, g.Until), until: g.Until,
		by: telling{op.Process, op.Return},
	}
	if g.Instance != "" {
		e.join(n)
	}
	for _, at := range g.Positions {
		x.checked++
		key := groupOf{g.Group, at.Partition}
		o := x.owns[key]
		if o == nil {
			o = &owned{}
			x.owns[key] = o
		}
		o.take(n)
	}
}

// join notes a static member under its instance.
func (e *era) join(n own) {
	list := e.replaced[n.instance]
	if i := slices.IndexFunc(list, func(o own) bool { return o.member == n.member }); i >= 0 {
		list[i].generation = min(list[i].generation, n.generation)
		return
	}
	e.replaced[n.instance] = append(list, n)
}

// take compares a new assignment with those that are kept.
func (o *owned) take(n own) {
	for _, old := range o.list {
		first, second := old, n
		if first.generation > second.generation {
			first, second = second, first
		}
		if !first.disturbedBy(second) {
			continue
		}
		if len(o.clashes) == candidatesMax {
			o.dropped++
			continue
		}
		o.clashes = append(o.clashes, clash{first, second})
	}
	if len(o.list) == ownsMax {
		o.list = slices.Delete(o.list, 0, 1)
	}
	o.list = append(o.list, n)
}

// disturbedBy reports whether the second, of the same generation or a later one, was given what the first
// still had a right to.
func (first own) disturbedBy(second own) bool {
	switch {
	case first.member == second.member, first.instance != "" && first.instance == second.instance:
		return false
	case first.generation == second.generation:
		return true
	}
	return first.by.process != second.by.process && second.invoke < first.end
}

func (x *exclusivity) result() RuleResult {
	r := RuleResult{Rule: Exclusivity, Asked: true, Checked: x.checked, Unit: "assignment and commit"}
	for _, key := range sortedGroups(x.owns) {
		o, before := x.owns[key], r.Total
		for _, c := range o.clashes {
			if !x.eras[key.group].replacedBetween(c) {
				r.add(c.anomaly(key))
			}
		}
		if r.Total > before {
			r.Total += o.dropped
		}
	}
	x.fenced(&r)
	r.conclude()
	return r
}

// replacedBetween reports whether the first owner's place was taken by another member of its instance.
func (e *era) replacedBetween(c clash) bool {
	return c.first.instance != "" && slices.ContainsFunc(e.replaced[c.first.instance], func(o own) bool {
		return o.member != c.first.member && c.first.generation <= o.generation && o.generation <= c.second.generation
	})
}

// fenced reports the commits that were accepted of a generation that was over.
func (x *exclusivity) fenced(r *RuleResult) {
	names := make([]string, 0, len(x.eras))
	for name := range x.eras {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e := x.eras[name]
		var numbers []int32
		for number := range e.latest {
			numbers = append(numbers, number)
		}
		slices.Sort(numbers)
		for _, number := range numbers {
			if next := e.after(number); next.at < e.latest[number].invoke {
				r.add(e.latest[number].anomaly(name, number, next))
			}
		}
	}
}

func (c *clash) anomaly(key groupOf) Anomaly {
	a := Anomaly{
		Class: TwoOwners, Group: key.group, Partition: key.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: history.Unset, told: []telling{c.first.by, c.second.by},
	}
	if c.first.generation == c.second.generation {
		a.Text = fmt.Sprintf("%s: generation %d gave it to %s and to %s", key, c.first.generation, c.first.by.process, c.second.by.process)
		return a
	}
	a.Text = fmt.Sprintf("%s: %s was given it in generation %d, although %s of generation %d held it for %s more and could not have been removed for %s more",
		key, c.second.by.process, c.second.generation, c.first.by.process, c.first.generation,
		figure.Span(time.Duration(c.first.by.returned-c.second.invoke)), figure.Span(time.Duration(c.first.until-c.second.invoke)))
	return a
}

func (c accepted) anomaly(group string, number int32, next generation) Anomaly {
	return Anomaly{
		Class: FencedCommit, Group: group, Partition: c.position.Partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: c.position.Offset, told: []telling{c.by, next.by},
		Text: fmt.Sprintf("%s: a commit of %d by %s in generation %d was accepted, although %s had been given an assignment of generation %d %s before it asked",
			groupOf{group, c.position.Partition}, c.position.Offset, c.by.process, number, next.by.process, next.number, figure.Span(time.Duration(c.invoke-next.at))),
	}
}

func (x *exclusivity) retained() int {
	n := 0
	for _, o := range x.owns {
		n += len(o.list) + len(o.clashes)
	}
	for _, e := range x.eras {
		n += len(e.begun) + len(e.latest)
		for _, list := range e.replaced {
			n += len(list)
		}
	}
	return n
}
