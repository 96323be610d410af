package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

func (f *transactionFate) result() RuleResult {
	r := RuleResult{Rule: TransactionFate, Asked: true, Checked: f.checked, Unit: "transaction"}
	for _, m := range f.found {
		r.add(m.of.misfated(m.class))
	}
	unknown := f.unknown
	var skipped []string
	for _, x := range f.transactions.unsettled() {
		if p := f.holdsUp(x); p != nil {
			r.add(f.holding(x, p))
			continue
		}
		missing, open, unscanned := f.left(x)
		if unscanned != "" {
			skipped = append(skipped, unscanned)
			continue
		}
		if x.client == pending {
			unknown[x.logged()]++
		}
		r.Checked++
		switch class := x.misfate(); {
		case class != "":
			r.add(x.misfated(class))
		case len(open) > 0:
			if reason := f.undecided(&r, x, open); reason != "" {
				skipped = append(skipped, reason)
			}
		case missing.size() > 0 && x.logged() == committed:
			r.add(x.torn(missing))
		case missing.size() > 0 && x.client == committed:
			r.add(x.misfated(LostCommit))
		}
	}
	for _, a := range f.reads {
		x := Anomaly{Class: AbortedRead, Partition: a.partition, Producer: int64(a.producer), FirstSequence: a.first, Count: a.size(), Offset: a.offset}
		x.Text = fmt.Sprintf("%s: %s at %s %s given to who reads committed, although the log aborted %s", a.partition, records(a.stream, a.interval),
			span("offset", a.offset, a.size()), was(a.size()), map[bool]string{true: "it", false: "them"}[a.size() == 1])
		r.add(x)
	}
	if r.Total > 0 {
		r.Total += f.dropped
	}
	if n := unknown[committed] + unknown[aborted] + unknown[pending]; n > 0 {
		r.Detail = fmt.Sprintf("of %s whose client was not told, the log committed %d and aborted %d, and has nothing of %d",
			plural(n, "transaction"), unknown[committed], unknown[aborted], unknown[pending])
	}
	if n := len(skipped); n > 0 {
		r.Skipped = skipped[0]
		if n > 1 {
			r.Skipped = fmt.Sprintf("%s, and %d more", skipped[0], n-1)
		}
	}
	r.conclude()
	return r
}

// was is "was" for one thing and "were" for more.
func was(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// remains are records of a transaction that the log does not decide.
type remains struct {
	stream
	intervals
	offset int64 // of the first of them, as far as is known
}

// left tells the records that the log does not have from those that it has and does not decide. What was
// acknowledged and is not there is left out: the loss rule reports it. unscanned says why nothing can be said.
func (f *transactionFate) left(x *transaction) (missing intervals, open []remains, unscanned string) {
	for _, p := range x.parts {
		if len(p.left) == 0 {
			continue
		}
		if !f.transactions.ledger.partition(p.stream.partition).reached() {
			return nil, nil, fmt.Sprintf("%s was not scanned to an acknowledged barrier, so the fate of transaction %s is not known", p.stream.partition, x.name())
		}
		facts := f.transactions.ledger.stream(p.stream.partition, p.stream.producer)
		if there := intervals(p.left.and(facts.scanned)); len(there) > 0 {
			open = append(open, remains{p.stream, there, f.transactions.place(p, there[0].first)})
		}
		for _, i := range p.left.minus(facts.scanned) {
			for _, unacked := range facts.acked.without(i.first, i.end) {
				missing = append(missing, unacked) // sequences of several streams: only their number counts
			}
		}
	}
	return missing, open, ""
}

// place is the offset at which a record of an open transaction stands; Unset if it is not known.
func (t *transactions) place(p *transactionPart, sequence int64) int64 {
	for _, runs := range t.log(p.stream.partition).open {
		for _, run := range runs {
			if run.Producer == p.stream.producer && run.FirstSequence <= sequence && sequence < run.FirstSequence+int64(run.Count) {
				return run.FirstOffset + sequence - run.FirstSequence
			}
		}
	}
	return history.Unset
}

// undecided judges a transaction that has no marker below the barrier. If readers of committed records have passed it,
// it was decided above, and what they were given tells how. It returns why nothing can be said.
func (f *transactionFate) undecided(r *RuleResult, x *transaction, open []remains) string {
	first := open[0]
	if f.transactions.log(first.partition).stable <= first.offset || first.offset == history.Unset {
		return f.hung(r, x, first)
	}
	seen := *x
	for _, o := range open {
		given, withheld, known := f.shown(o)
		if !known {
			return fmt.Sprintf("transaction %s was decided above the barrier of %s, and nobody who reads committed has passed it", x.name(), o.partition)
		}
		seen.inLog[pending] -= given + withheld
		seen.inLog[committed] += given
		seen.inLog[aborted] += withheld
	}
	if class := seen.misfate(); class != "" {
		r.add(seen.misfated(class))
	}
	return ""
}

// shown counts the records without a marker that a reader of committed ones was given, and those that it passed
// without. It is known if there is a reader that passed them all.
func (f *transactionFate) shown(o remains) (given, withheld int64, known bool) {
	for _, runs := range f.transactions.log(o.partition).open {
		for _, run := range runs {
			if run.Producer != o.producer {
				continue
			}
			first := run.FirstSequence
			for _, i := range o.intervals.within(first, first+int64(run.Count)) {
				offset := run.FirstOffset + i.first - first
				n, ok := f.readings.given(o.partition, interval{offset, offset + i.size()})
				if !ok {
					return 0, 0, false
				}
				given, withheld = given+n, withheld+i.size()-n
			}
		}
	}
	return given, withheld, true
}

// hung judges a transaction that is open. It returns why it cannot.
func (f *transactionFate) hung(r *RuleResult, x *transaction, first remains) string {
	since := max(x.returned, f.faults.calm())
	allowed := f.expect.staleWithin()
	if x.client == pending || x.ending == history.Never {
		if f.expect.TransactionTimeout == 0 {
			return fmt.Sprintf("transaction %s has no marker in %s, and its timeout is not known", x.name(), first.partition)
		}
		allowed += history.Time(f.expect.TransactionTimeout)
	}
	waited := f.barriers[first.partition] - since
	if since == history.Never || waited <= allowed {
		return fmt.Sprintf("transaction %s has no marker in %s, and still has time for one", x.name(), first.partition)
	}
	a := x.anomaly(HungTransaction, first.stream, stretch{first.intervals[0], first.offset})
	a.Text = fmt.Sprintf("%s: %s of transaction %s have no marker %s after %s, so that nobody who reads committed passes offset %d", first.partition,
		records(first.stream, first.intervals[0]), x.name(), figure.Span(time.Duration(waited)), x.lastHeard(), first.offset)
	r.add(a)
	return ""
}

// holdsUp finds the part of a transaction at which the last stable offset of a partition without a barrier stands, long
// after its end was acknowledged: nobody waits for barriers that long. nil if there is none. The last stable offset is
// that of the oldest open transaction, so it is this one that is open.
func (f *transactionFate) holdsUp(x *transaction) *transactionPart {
	if x.client == pending || x.ending == history.Never {
		return nil
	}
	since := max(x.returned, f.faults.calm())
	for _, p := range x.parts {
		l := f.transactions.log(p.stream.partition)
		if f.transactions.ledger.partition(p.stream.partition).barrier == history.Unset && p.offset != history.Unset && l.held == p.offset &&
			since != history.Never && l.heldAt-since > f.expect.staleWithin() {
			return p
		}
	}
	return nil
}

// holding is the anomaly of a transaction that holds up the last stable offset.
func (f *transactionFate) holding(x *transaction, p *transactionPart) Anomaly {
	a := x.anomaly(HungTransaction, p.stream, p.stretch)
	a.Text = fmt.Sprintf("%s: the last stable offset stands at %d, the first record of transaction %s, %s after %s", p.stream.partition, p.offset, x.name(),
		figure.Span(time.Duration(f.transactions.log(p.stream.partition).heldAt-x.returned)), x.lastHeard())
	return a
}

// lastHeard says how its client left the transaction, for people.
func (x *transaction) lastHeard() string {
	switch x.client {
	case committed:
		return "its commit was acknowledged"
	case aborted:
		if x.ending != history.Never {
			return "its abort was acknowledged"
		}
		return "it was left"
	}
	return "it was given up"
}

// misfated is the anomaly of a transaction whose records have two fates or the wrong one.
func (x *transaction) misfated(class Class) Anomaly {
	p := x.parts[0]
	a := x.anomaly(class, p.stream, p.stretch)
	switch class {
	case TornTransaction:
		a.Text = fmt.Sprintf("transaction %s of %s is torn: the log committed %s of it and aborted %d (%s)", x.name(), x.process,
			plural(x.inLog[committed], "record"), x.inLog[aborted], x.placesOf())
	case LostCommit:
		how := fmt.Sprintf("aborted all %s", plural(x.inLog[aborted], "record"))
		if x.inLog[aborted] == 0 {
			how = "has none of its records"
		}
		a.Text = fmt.Sprintf("the commit of transaction %s was acknowledged to %s, but the log %s (%s)", x.name(), x.process, how, x.placesOf())
	case CommittedAbort:
		told := fmt.Sprintf("which %s never got committed", x.process)
		if x.ending != history.Never && x.decision == history.DecideAbort {
			told = fmt.Sprintf("whose abort was asked for by %s", x.process)
		}
		a.Text = fmt.Sprintf("the log committed %s of transaction %s, %s (%s)", plural(x.inLog[committed], "record"), x.name(), told, x.placesOf())
	default:
		s := x.stray
		a.Partition, a.Offset = s.partition, s.marker
		for _, p := range x.parts {
			if p.stream.partition == s.partition {
				a.Producer, a.FirstSequence, a.Count = int64(p.stream.producer), p.first, p.size()
			}
		}
		a.Text = fmt.Sprintf("%s: records of transaction %s stand under two markers, at offsets %d and %d", s.partition, x.name(), min(s.first, s.marker), max(s.first, s.marker))
		if s.other != nil {
			a.Text = fmt.Sprintf("%s: the marker at offset %d decides transactions %s and %s", s.partition, s.marker, s.other.name(), x.name())
		}
	}
	return a
}

// torn is the anomaly of a transaction of which the log committed some records and does not have others.
func (x *transaction) torn(missing intervals) Anomaly {
	p := x.parts[0]
	for _, q := range x.parts {
		if len(q.left) > 0 {
			p = q
			break
		}
	}
	a := x.anomaly(TornTransaction, p.stream, stretch{p.left[0], history.Unset})
	a.Text = fmt.Sprintf("transaction %s of %s is torn: the log committed %s of it and does not have %d (%s)", x.name(), x.process,
		plural(x.inLog[committed], "record"), missing.size(), x.placesOf())
	return a
}

// placesOf names the partitions of a transaction.
func (x *transaction) placesOf() string {
	var names []string
	for _, p := range x.parts {
		if n := p.stream.partition.String(); len(names) == 0 || names[len(names)-1] != n {
			names = append(names, n)
		}
	}
	if len(names) > 6 {
		names = append(names[:5], fmt.Sprintf("and %d more", len(names)-5))
	}
	return strings.Join(names, ", ")
}
