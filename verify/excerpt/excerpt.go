package excerpt

import (
	"cmp"
	"slices"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

const (
	// OperationsMax is the number of operations of an excerpt: as many as a person can take in.
	OperationsMax = 40
	// touchingMax is how many operations that touch the records are kept at each end, of writes and of reads.
	touchingMax = 8
	// touchingShown is how many of an excerpt may touch the records: the others show what went on around them.
	touchingShown = 28
)

// Operation of an excerpt.
type Operation struct {
	history.Operation
	// Touches says that it has records of the anomaly, or told what the anomaly is about.
	Touches bool
}

// Excerpt of a history about one anomaly.
type Excerpt struct {
	Anomaly verify.Anomaly
	// Operations in the order of their invocation, at most OperationsMax.
	Operations []Operation
	// Touching is how many operations of the whole history touch the anomaly.
	Touching int
}

// Collector makes excerpts from one pass over the history. Not for concurrent use.
type Collector struct {
	byPartition map[history.Partition][]*collecting
	all         []*collecting
}

// collecting is one excerpt in the making.
type collecting struct {
	anomaly verify.Anomaly
	// told says that the anomaly is about watermarks: then operations that tell some are neighbours.
	told     bool
	evidence []history.Operation
	// writes and reads that touch the anomaly without being evidence: the first and the last ones.
	writes, reads ends
	barriers      []history.Operation
	around        []neighbours
	touching      int
}

// New collects for these anomalies; those without evidence have no excerpt.
func New(anomalies []verify.Anomaly) *Collector {
	c := &Collector{byPartition: map[history.Partition][]*collecting{}}
	for _, a := range anomalies {
		if len(a.Evidence) == 0 {
			continue
		}
		e := &collecting{anomaly: a}
		for i := range a.Evidence {
			e.told = e.told || len(a.Evidence[i].Watermarks) > 0
			e.around = append(e.around, neighbours{at: a.Evidence[i].Return})
		}
		c.byPartition[a.Partition] = append(c.byPartition[a.Partition], e)
		c.all = append(c.all, e)
	}
	return c
}

// Empty reports whether there is nothing to collect, so that the history need not be read for it.
func (c *Collector) Empty() bool { return len(c.all) == 0 }

// Observe takes the next operation, in the order of the history.
func (c *Collector) Observe(op *history.Operation) {
	if op.Kind == history.Fault || c.Empty() {
		return
	}
	for p, collecting := range c.byPartition {
		cut, ok := cutTo(op, p)
		if !ok {
			continue
		}
		for _, e := range collecting {
			e.observe(op, &cut)
		}
	}
}

// cutTo is the part of an operation that is about a partition; ok is false if there is none.
func cutTo(op *history.Operation, p history.Partition) (cut history.Operation, ok bool) {
	cut = *op
	cut.Runs, cut.Corrupt, cut.Watermarks, cut.Group, cut.Markers = nil, nil, nil, nil, nil
	for _, r := range op.Runs {
		if r.Partition == p {
			cut.Runs = append(cut.Runs, r)
		}
	}
	for _, c := range op.Corrupt {
		if c.Partition == p {
			cut.Corrupt = append(cut.Corrupt, c)
		}
	}
	for _, w := range op.Watermarks {
		if w.Partition == p {
			cut.Watermarks = append(cut.Watermarks, w)
		}
	}
	if op.Group != nil {
		cut.Group = op.Group.In(p)
	}
	return cut, len(cut.Runs)+len(cut.Corrupt)+len(cut.Watermarks) > 0 || cut.Group != nil
}

func (e *collecting) observe(op, cut *history.Operation) {
	part, touches := e.anomaly.Touches(op)
	if touches {
		e.touching++
	}
	switch {
	case slices.ContainsFunc(e.anomaly.Evidence, func(o history.Operation) bool { return same(&o, op) }):
		e.evidence = append(e.evidence, part)
	case touches && (op.Kind == history.Fetch || op.Kind == history.Scan):
		e.reads.add(part)
	case touches:
		e.writes.add(part)
	case op.Kind == history.Barrier:
		e.barriers = append(e.barriers, *cut)
	case len(cut.Runs)+len(cut.Corrupt) > 0 || e.told && cut.Group == nil || cut.Group != nil && cut.Group.Group == e.anomaly.Group:
		for i := range e.around {
			e.around[i].add(*cut)
		}
	}
}

// same reports whether two operations are one: no client returns twice at one moment.
func same(a, b *history.Operation) bool {
	return a.Process == b.Process && a.Kind == b.Kind && a.Invoke == b.Invoke && a.Return == b.Return
}

// Excerpts of the anomalies that had evidence, in their order.
func (c *Collector) Excerpts() []Excerpt {
	var all []Excerpt
	for _, e := range c.all {
		all = append(all, Excerpt{Anomaly: e.anomaly, Operations: e.choose(), Touching: e.touching})
	}
	return all
}

// choose picks the operations: what touches the records first, then who was near in time.
func (e *collecting) choose() []Operation {
	var chosen []Operation
	add := func(op *history.Operation, touches bool, limit int) {
		if len(chosen) < limit && !slices.ContainsFunc(chosen, func(o Operation) bool { return same(&o.Operation, op) }) {
			chosen = append(chosen, Operation{*op, touches})
		}
	}
	for i := range e.evidence {
		add(&e.evidence[i], true, OperationsMax)
	}
	for i := range e.barriers {
		add(&e.barriers[i], false, touchingShown)
	}
	// Both ends in turn, reads and writes in turn: whatever does not fit is in the middle.
	for i := range touchingMax {
		for _, kind := range []*ends{&e.reads, &e.writes} {
			if i < len(kind.last) {
				add(&kind.last[len(kind.last)-1-i], true, touchingShown)
			}
			if i < len(kind.first) {
				add(&kind.first[i], true, touchingShown)
			}
		}
	}
	for distance := range OperationsMax {
		for i := range e.around {
			if op := e.around[i].before(distance); op != nil {
				add(op, false, OperationsMax)
			}
			if op := e.around[i].after(distance); op != nil {
				add(op, false, OperationsMax)
			}
		}
	}
	slices.SortStableFunc(chosen, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Invoke, b.Invoke), cmp.Compare(a.Return, b.Return))
	})
	return chosen
}
