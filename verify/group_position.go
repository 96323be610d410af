package verify

import (
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// groupPosition judges what a group keeps: what the research calls R9. In each partition a group is a
// register that commits write and resumes read, and three things are promised:
//
//   - a resume gives the newest acknowledged commit or a later one: never less (what was acknowledged
//     is gone), never what nobody committed (records would be skipped). Commits of unknown outcome may
//     count or not, until their generation is over;
//   - a commit does not pass what the group's members had processed when it was asked: below it every
//     record of the log was in some member's Fetch. Where a member commits before it processes, its
//     Fetch is recorded when it polls, so that the rule is the same for each discipline;
//   - a member does not commit less than it resumed at, or had committed.
//
// Positions that are sent in a transaction (KIP-447) are a commit that takes effect when the transaction commits,
// and none if it is aborted: a resume that gives them before, or all the same, is a violation.
//
// It is assumed that members reset to the start of the log where the group has no position, that nobody
// resets positions from outside, and that the group is not deleted during the run.
type groupPosition struct {
	ledger       *ledger
	transactions *transactions
	groups       []string // that must be judged
	member       map[string]string
	positions    map[groupOf]*position
	eras         map[string]*generations
	scanned      map[history.Partition]*intervals // offsets with records
	ends         map[history.Partition]int64      // after the highest offset that anybody knew, of a record or not
	commits      int64
	resumes      int64
	blurred      int64                 // resumes of which nobody can say what was legal
	fates        map[transactName]fate // of transactions that their clients were told nothing of, as the log has them
}

// position is one group in one partition.
type position struct {
	register  *register
	done      intervals // offsets that members processed
	reached   reached
	open      []read // resumes that gave what was not known to be legal
	ahead     []ahead
	back      []lower
	stands    map[string]stand // by process
	acked     bool
	dropped   int64
	unmade    []unmade // newest positions of transactions that were aborted
	leaning   []leaning
	committed bool // its members read committed
}

// unmade is a position that was sent in a transaction which was aborted.
type unmade struct {
	offset int64
	invoke history.Time
	by     telling
}

// leaning is a resume that only a transaction explains of which its client does not know what became.
type leaning struct {
	read
	on transactName
}

// read is a resume that gave an offset which no known write explains. A commit that was under way and
// returns later may still explain it.
type read struct {
	offset           int64
	invoke, returned history.Time
	by               telling
	newest           write // the newest that had been acknowledged before
}

// ahead is a commit that passed offsets which no member had processed: a violation if there are records.
type ahead struct {
	hole    interval
	offset  int64
	by      telling
	reached mark
	skipped bool // the hole lies below what had been processed
}

// stand is where a member stood: what it resumed at or committed last.
type stand struct {
	offset   int64
	returned history.Time
	what     string
}

// lower is a commit below where its member stood.
type lower struct {
	offset int64
	by     telling
	stood  stand
}

func newGroupPosition(l *ledger, t *transactions, s *readings, groups []string) *groupPosition {
	g := &groupPosition{
		ledger: l, transactions: t, fates: map[transactName]fate{}, groups: groups, member: map[string]string{}, positions: map[groupOf]*position{}, eras: map[string]*generations{},
		scanned: map[history.Partition]*intervals{}, ends: map[history.Partition]int64{},
	}
	t.watch(g)
	s.forgetting = append(s.forgetting, g.explain)
	return g
}

// explain drops the holes of a partition in which the scan shows nothing but what members are not given.
func (g *groupPosition) explain(p history.Partition) {
	for key, at := range g.positions {
		if key.partition != p {
			continue
		}
		silent := g.transactions.silent(p, at.committed)
		at.ahead = slices.DeleteFunc(at.ahead, func(a ahead) bool { return len(silent.without(a.hole.first, a.hole.end)) == 0 })
	}
}

func (g *groupPosition) observe(op *history.Operation) {
	switch {
	case op.Kind == history.Transact:
		g.transact(op)
		return
	case op.Group == nil:
		g.records(op)
		return
	}
	name := op.Group.Group
	g.member[op.Process] = name
	era := g.eras[name]
	if era == nil {
		era = &generations{}
		g.eras[name] = era
	}
	era.learn(op)
	over := func(number int32) history.Time { return era.after(number).at }
	for _, at := range op.Group.Positions {
		p := g.position(name, at.Partition)
		switch {
		case op.Kind == history.Commit && op.Outcome != history.Fail:
			g.commit(p, op, at, over)
		case op.Kind == history.Resume && op.Outcome == history.OK:
			g.resume(p, op, at, over)
		}
	}
}

// records takes what is known of the log, and what members processed.
func (g *groupPosition) records(op *history.Operation) {
	for i := range op.Runs {
		run := &op.Runs[i]
		g.seen(op, run.Partition, run.FirstOffset, int64(run.Count))
	}
	for _, c := range op.Corrupt {
		g.seen(op, c.Partition, c.Offset, 1)
	}
	for i := range op.Watermarks { // up to there something stands that may be silent, and came after the scan
		m := &op.Watermarks[i]
		g.ends[m.Partition] = max(g.ends[m.Partition], m.HighWatermark)
	}
	for i := range op.Markers { // they are silent, but belong to what was scanned: the set stays one interval
		if op.Kind == history.Scan {
			at(g.scanned, op.Markers[i].Partition).add(op.Markers[i].Offset, op.Markers[i].Offset+1)
		}
	}
}

func (g *groupPosition) seen(op *history.Operation, p history.Partition, first, count int64) {
	if first == history.Unset {
		return
	}
	end := first + count
	g.ends[p] = max(g.ends[p], end)
	switch name, member := g.member[op.Process]; {
	case op.Kind == history.Scan:
		at(g.scanned, p).add(first, end)
	case op.Kind == history.Fetch && member:
		at := g.position(name, p)
		at.committed = op.Isolation == history.ReadCommitted
		at.done.add(first, end)
		at.reached.raise(mark{op.Return, end, op.Process})
	}
}

func (g *groupPosition) position(group string, p history.Partition) *position {
	key := groupOf{group, p}
	at := g.positions[key]
	if at == nil {
		at = &position{register: newRegister(), stands: map[string]stand{}}
		g.positions[key] = at
	}
	return at
}

func (g *groupPosition) commit(p *position, op *history.Operation, at history.Position, over func(int32) history.Time) {
	by := telling{op.Process, op.Return}
	g.commits++
	p.acked = p.acked || op.Outcome == history.OK
	g.write(p, write{
		offset: at.Offset, generation: op.Group.Generation, acked: op.Outcome == history.OK, invoke: op.Invoke, end: op.Return, by: by,
	}, over)
	p.stand(op.Invoke, op.Invoke, at.Offset, by)
}

// write takes a commit into the register, which may explain a resume that gave it before it was acknowledged.
func (g *groupPosition) write(p *position, w write, over func(int32) history.Time) {
	p.register.commit(w, over)
	p.open = slices.DeleteFunc(p.open, func(r read) bool { return r.offset == w.offset && w.invoke <= r.returned })
}

// stand notes where a member stands after a commit that it asked for at a time, having processed what it had at
// another.
func (p *position) stand(asked, processed history.Time, offset int64, by telling) {
	if stood, ok := p.stands[by.process]; ok && offset < stood.offset && stood.returned < asked && p.room(len(p.back)) {
		p.back = append(p.back, lower{offset, by, stood})
	}
	p.stands[by.process] = stand{p.pass(processed, offset, by), by.returned, "committed"}
}

// transact takes the positions that were sent in a transaction.
func (g *groupPosition) transact(op *history.Operation) {
	x := op.Transaction
	if op.Outcome == history.OK && len(g.fates) > 0 { // then what came before under its id is decided
		for _, p := range g.positions {
			p.register.over(x.ID, x.Number, op.Process, op.Return)
		}
	}
	if x.Group == "" {
		return
	}
	g.member[op.Process] = x.Group
	by, asked := telling{op.Process, op.Return}, op.Invoke
	processed := min(x.Ending, op.Return) // where nobody noted when the positions were sent
	if x.Sent != 0 {
		asked, processed = x.Sent, x.Sent
	}
	never := func(int32) history.Time { return history.Never }
	for _, at := range x.Positions {
		p := g.position(x.Group, at.Partition)
		g.commits++
		switch {
		case op.Committed():
			p.acked = true
			g.write(p, write{offset: at.Offset, generation: -1, acked: true, invoke: x.Ending, end: op.Return, by: by}, never)
			p.stand(asked, processed, at.Offset, by)
		case op.Aborted():
			p.unmake(unmade{at.Offset, op.Invoke, by})
		default:
			name := transactName{op.Process, x.ID, x.Number}
			g.fates[name] = pending
			g.write(p, write{offset: at.Offset, generation: -1, invoke: x.Ending, by: by, in: &name}, never)
		}
	}
}

// unmake keeps a position that was not committed, and some before it.
func (p *position) unmake(u unmade) {
	if len(p.unmade) == writesMax {
		p.unmade = slices.Delete(p.unmade, 0, 1)
	}
	p.unmade = append(p.unmade, u)
}

// decided implements transactionWatcher.
func (g *groupPosition) decided(decision) {}

// settled takes what the log says of a transaction that its client was told nothing of.
func (g *groupPosition) settled(x *transaction) {
	if x.client == pending && x.group != "" {
		g.fates[transactName{x.process, x.id, x.number}] = x.logged()
	}
}

// pass notes the offsets below a commit that no member had processed. What a member processed between
// the commit's beginning and its end does not count for it. It returns the position up to which the commit
// was right.
func (p *position) pass(processed history.Time, offset int64, by telling) (right int64) {
	had := p.reached.at(processed)
	holes := intervals(p.done.without(0, min(offset, had.end)))
	if had.end < offset {
		holes.add(had.end, offset)
	}
	for _, hole := range holes {
		p.done.add(hole.first, hole.end) // one hole is one anomaly, of the first commit that passed it
		if p.room(len(p.ahead)) {
			p.ahead = append(p.ahead, ahead{hole, offset, by, had, hole.end <= had.end})
		}
	}
	return min(offset, had.end)
}

func (g *groupPosition) resume(p *position, op *history.Operation, at history.Position, over func(int32) history.Time) {
	g.resumes++
	p.register.settle(over)
	p.stands[op.Process] = stand{at.Offset, op.Return, "resumed at"}
	legal, known := p.register.legal(op.Invoke, op.Return)
	switch {
	case slices.ContainsFunc(legal, func(w write) bool { return w.offset == at.Offset && w.in == nil }):
	case slices.ContainsFunc(legal, func(w write) bool { return w.offset == at.Offset }):
		i := slices.IndexFunc(legal, func(w write) bool { return w.offset == at.Offset })
		if p.room(len(p.leaning)) {
			p.leaning = append(p.leaning, leaning{p.read(op, at), *legal[i].in})
		}
	case !known:
		g.blurred++
	case p.room(len(p.open)):
		p.open = append(p.open, p.read(op, at))
	}
}

// read is what a resume gave.
func (p *position) read(op *history.Operation, at history.Position) read {
	return read{at.Offset, op.Invoke, op.Return, telling{op.Process, op.Return}, p.register.definite(op.Invoke)}
}

// room reports whether another candidate may be kept, and counts it if not.
func (p *position) room(n int) bool {
	if n < candidatesMax {
		return true
	}
	p.dropped++
	return false
}

func (g *groupPosition) retained() int {
	n := len(g.member) + len(g.fates)
	for _, p := range g.positions {
		n += len(p.register.writes) + len(p.done) + len(p.reached) + len(p.open) + len(p.ahead) + len(p.back) + len(p.stands) + len(p.unmade) + len(p.leaning)
	}
	for _, e := range g.eras {
		n += len(e.begun)
	}
	for _, s := range g.scanned {
		n += len(*s)
	}
	return n
}
