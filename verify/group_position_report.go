package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

func (g *groupPosition) result() RuleResult {
	r := RuleResult{Rule: GroupPosition, Asked: true, Checked: g.commits + g.resumes, Unit: "commit and resume"}
	for _, key := range sortedGroups(g.positions) {
		p, before := g.positions[key], r.Total
		for _, open := range p.open {
			r.add(p.unexplained(key, open))
		}
		for _, l := range p.leaning {
			if g.fates[l.on] == aborted {
				a := l.anomaly(key)
				r.add(l.of(a, key, fmt.Sprintf("transaction %d of %s", l.on.number, l.on.id)))
			}
		}
		for _, a := range p.ahead {
			if hole, ok := g.judged(key.partition, a, p.committed); ok && !p.explained(a) {
				r.add(a.anomaly(key, hole))
			}
		}
		for _, l := range p.back {
			r.add(l.anomaly(key))
		}
		if r.Total > before {
			r.Total += p.dropped
		}
	}
	if g.blurred > 0 {
		r.Detail = fmt.Sprintf("%s asked for long before they were answered, and were not judged", plural(g.blurred, "resume"))
	}
	r.Skipped = g.unjudged()
	r.conclude()
	return r
}

// judged is the part of a hole in which there are records, by the final scan. Above everything that
// anybody knew there are none: a commit there is wrong all the same.
func (g *groupPosition) judged(p history.Partition, a ahead, committed bool) (interval, bool) {
	if s := g.scanned[p]; s != nil {
		there := intervals(s.within(a.hole.first, a.hole.end))
		if parts := there.minus(g.transactions.silent(p, committed)); len(parts) > 0 {
			return interval{parts[0].first, parts[len(parts)-1].end}, true
		}
	}
	end := g.ends[p]
	return interval{max(end, a.hole.first), a.hole.end}, g.ledger.partition(p).reached() && a.offset > end
}

// explained reports whether a hole was made by a resume that skipped it, which has an anomaly of its own.
func (p *position) explained(a ahead) bool {
	return slices.ContainsFunc(p.open, func(r read) bool {
		return r.newest.offset < a.hole.end && a.hole.first < r.offset
	})
}

// unjudged names the groups that committed nothing, so that nothing could be found, and the partitions in
// which nobody can say whether there are records where no member processed any.
func (g *groupPosition) unjudged() string {
	for _, key := range sortedGroups(g.positions) {
		if p := g.positions[key]; len(p.ahead) > 0 && !g.ledger.partition(key.partition).reached() {
			return fmt.Sprintf("%s was not scanned to an acknowledged barrier, so it is not known what stands where no member of group %s processed anything",
				key.partition, key.group)
		}
	}
	var silent []string
	for _, name := range g.groups {
		acked := false
		for key, p := range g.positions {
			acked = acked || key.group == name && p.acked
		}
		if !acked {
			silent = append(silent, name)
		}
	}
	if len(silent) == 0 {
		return ""
	}
	return fmt.Sprintf("no commit of %v was acknowledged", silent)
}

// unexplained is the anomaly of a resume that gave what no commit explains.
func (p *position) unexplained(key groupOf, o read) Anomaly {
	a := o.anomaly(key)
	for _, u := range p.unmade {
		if u.offset == o.offset && u.invoke <= o.returned {
			a.told = append(a.told, u.by)
			return o.of(a, key, "a transaction of "+u.by.process)
		}
	}
	return a
}

// of makes the anomaly of a resume one of positions that were aborted.
func (o *read) of(a Anomaly, key groupOf, transaction string) Anomaly {
	a.Class = AbortedOffsets
	a.Text = fmt.Sprintf("%s: %s was given %s, which was sent in %s that was aborted; the newest committed one was %s", key, o.by.process,
		committedAt(o.offset), transaction, committedAt(o.newest.offset))
	return a
}

func (o *read) anomaly(key groupOf) Anomaly {
	a := Anomaly{
		Class: ResumeSkip, Group: key.group, Partition: key.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: o.newest.offset, Count: o.offset - o.newest.offset, told: []telling{o.newest.by, o.by},
	}
	gave := fmt.Sprintf("was given %s", committedAt(o.offset))
	if o.offset < o.newest.offset {
		a.Class, a.Offset, a.Count = ResumeRegress, max(o.offset, 0), o.newest.offset-max(o.offset, 0)
		a.Text = fmt.Sprintf("%s: %s %s, although a commit of %d had been acknowledged to %s %s before it asked",
			key, o.by.process, gave, o.newest.offset, o.newest.by.process, figure.Span(time.Duration(o.invoke-o.newest.by.returned)))
		return a
	}
	a.Offset = max(a.Offset, 0)
	a.Count = o.offset - a.Offset
	a.Text = fmt.Sprintf("%s: %s %s, which no commit explains; the newest acknowledged one was %s", key, o.by.process, gave, committedAt(o.newest.offset))
	return a
}

// committedAt is a position for people.
func committedAt(offset int64) string {
	if offset == history.Unset {
		return "no position"
	}
	return fmt.Sprintf("position %d", offset)
}

func (c *ahead) anomaly(key groupOf, hole interval) Anomaly {
	a := Anomaly{
		Class: CommitAhead, Group: key.group, Partition: key.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: hole.first, Count: hole.size(), told: []telling{c.by},
		Text: fmt.Sprintf("%s: %s committed %d, although no member had processed %s when it asked", key, c.by.process, c.offset,
			span("offset", hole.first, hole.size())),
	}
	if c.reached.end > 0 {
		a.told = append(a.told, telling{c.reached.process, c.reached.returned})
	}
	if c.skipped {
		a.Class = GroupSkip
		a.Text = fmt.Sprintf("%s: %s committed %d, and no member had processed %s below it", key, c.by.process, c.offset,
			span("offset", hole.first, hole.size()))
	}
	return a
}

func (l *lower) anomaly(key groupOf) Anomaly {
	return Anomaly{
		Class: CommitRegress, Group: key.group, Partition: key.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: l.offset, Count: l.stood.offset - l.offset, told: []telling{{l.by.process, l.stood.returned}, l.by},
		Text: fmt.Sprintf("%s: %s committed %d after it had %s %d", key, l.by.process, l.offset, l.stood.what, l.stood.offset),
	}
}
