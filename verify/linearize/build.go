package linearize

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/anishathalye/porcupine"
	"github.com/logproof/logproof/verify/history"
)

// problem is a window as porcupine takes it.
type problem struct {
	table *table
	calls []*call
}

// build settles what is open and numbers the window's offsets. What cannot be explained for reasons that are
// no fault of the log is left out of the window.
func (w *window) build(idempotent bool) *problem {
	resolved := append(slices.Clone(w.ops), w.settle()...)
	ranks := w.ranks(resolved, idempotent && !w.place.forgot)
	t := newTable(ranks, w.scan)
	t.oneLeader = len(w.epochs) <= 1
	p := &problem{table: t}
	for _, o := range resolved {
		p.add(o)
	}
	return p
}

// add takes an operation if anything of it is at the ranks of the problem.
func (p *problem) add(o operation) {
	c := &call{operation: o}
	if o.kind == told {
		c.atHigh, c.atStart = p.table.rank(o.high), p.table.rank(o.low)
	} else {
		c.parts = p.table.parts(o.runs)
	}
	if len(c.parts) > 0 || c.atHigh > 0 || c.atStart > 0 {
		p.calls = append(p.calls, c)
	}
}

// settle finds in the scan the appends whose offset nobody was told, each record once.
func (w *window) settle() (found []operation) {
	told := w.appended()
	lost := slices.Clone(w.place.loose)
	slices.SortStableFunc(lost, func(a, b loose) int {
		return cmp.Or(cmp.Compare(a.producer, b.producer), cmp.Compare(a.sequence, b.sequence))
	})
	used := map[uint32]*offsets{} // sequences, by producer
	for _, s := range w.scan {
		for offset := s.first; offset < s.end; offset++ {
			sequence := s.sequence + offset - s.first
			if told.has(offset) || s.producer == history.BarrierProducer {
				continue
			}
			i := sort.Search(len(lost), func(i int) bool {
				l := &lost[i]
				return l.producer > s.producer || l.producer == s.producer && l.sequence+l.count > sequence
			})
			if i == len(lost) || lost[i].producer != s.producer || lost[i].sequence > sequence {
				continue
			}
			if used[s.producer] == nil {
				used[s.producer] = &offsets{}
			}
			if used[s.producer].has(sequence) {
				continue // a second copy, which nobody can have asked for
			}
			used[s.producer].add(sequence, sequence+1)
			found = lost[i].extend(found, offset, s.producer, sequence)
		}
	}
	return found
}

// extend adds one record to the appends that were found: to the last one if it goes on there.
func (l *loose) extend(found []operation, offset int64, producer uint32, sequence int64) []operation {
	if n := len(found); n > 0 {
		last := &found[n-1].runs[0]
		if found[n-1].invoke == l.invoke && last.producer == producer && last.end == offset && last.sequence+last.end-last.first == sequence && sequence > l.sequence {
			last.end++
			return found
		}
	}
	return append(found, operation{
		kind: appended, process: l.process, invoke: l.invoke, returned: l.returned, unanswered: true,
		runs: []stretch{{offset, offset + 1, producer, sequence}},
	})
}

// appended are the offsets that were told to those who appended there.
func (w *window) appended() (set offsets) {
	for _, o := range w.ops {
		if o.kind == appended {
			set.add(o.runs[0].first, o.runs[0].end)
		}
	}
	return set
}

// ranks lists the window's offsets that take part: where a record was scanned, read or acknowledged. Where
// somebody must have appended what is there (strict), an offset without an append stays, and nothing can get
// past it; elsewhere it is left out.
func (w *window) ranks(ops []operation, strict bool) []int64 {
	var seen, explained offsets
	for _, o := range ops {
		for _, r := range o.runs {
			seen.add(r.first, r.end)
			if o.kind == appended {
				explained.add(r.first, r.end)
			}
		}
	}
	for _, s := range w.scan {
		seen.add(s.first, s.end)
		for offset := s.first; offset < s.end; offset++ {
			// Barriers are told apart by their offset, so one that was not acknowledged could be anybody's.
			if s.producer == history.BarrierProducer && !explained.has(offset) || s.sequence < 0 {
				w.corrupt.add(offset, offset+1)
			}
		}
	}
	var ranks []int64
	for _, i := range seen {
		for offset := i.first; offset < i.end; offset++ {
			if !w.corrupt.has(offset) && (strict || explained.has(offset)) {
				ranks = append(ranks, offset)
			}
		}
	}
	return ranks
}

// newTable hashes what the scan saw at each rank.
func newTable(ranks []int64, scan []stretch) *table {
	t := &table{offsets: ranks}
	there := make([]uint64, len(ranks))
	for i := range there {
		there[i] = hole
	}
	for _, s := range scan {
		for i := t.rank(s.first); int(i) < len(ranks) && ranks[i] < s.end; i++ {
			there[i] = identity(s.producer, s.sequence+ranks[i]-s.first)
		}
	}
	return hashed(ranks, there)
}

// hashed is the table of records of which the hash of each is known.
func hashed(ranks []int64, there []uint64) *table {
	t := &table{offsets: ranks, there: there, prefix: make([]uint64, len(ranks)+1), powers: make([]uint64, len(ranks)+1)}
	t.powers[0] = 1
	for i := range ranks {
		t.powers[i+1] = t.powers[i] * chainFactor
		t.prefix[i+1] = t.link(t.prefix[i], there[i], 1)
	}
	return t
}

// rank is the number of the window's offsets below one.
func (t *table) rank(offset int64) int32 {
	i, _ := slices.BinarySearch(t.offsets, offset)
	return int32(i)
}

// parts turns runs into ranks with hashes.
func (t *table) parts(runs []stretch) (parts []part) {
	for _, r := range runs {
		p := part{first: t.rank(r.first), end: t.rank(r.end)}
		if p.first == p.end {
			continue
		}
		for i := p.first; i < p.end; i++ {
			p.hash = t.link(p.hash, identity(r.producer, r.sequence+t.offsets[i]-r.first), 1)
		}
		parts = append(parts, p)
	}
	return parts
}

// operations are the problem as porcupine takes it. What was never answered returns last.
func (p *problem) operations() []porcupine.Operation {
	var last history.Time
	for _, o := range p.calls {
		last = max(last, o.invoke)
		if o.returned != history.Never {
			last = max(last, o.returned)
		}
	}
	list := make([]porcupine.Operation, len(p.calls))
	for i, o := range p.calls {
		list[i] = porcupine.Operation{Input: o, Call: int64(o.invoke), Return: int64(min(o.returned, last+1))}
	}
	return list
}

// describe is the operation for people.
func (o *operation) describe() string {
	if o.kind == told {
		return fmt.Sprintf("%s was told high watermark %d, log start %d", o.process, o.high, o.low)
	}
	var runs []string
	for _, r := range o.runs {
		runs = append(runs, r.String())
	}
	text := o.process + " read "
	if o.kind == appended {
		text = o.process + " appended "
	}
	text += strings.Join(runs, ", ")
	if o.unanswered {
		text += "; it was not told where, the final scan has it there"
	}
	return text
}

// String is "@12..14 = producer 0: 5..7".
func (s stretch) String() string {
	at := fmt.Sprintf("@%d", s.first)
	if s.end > s.first+1 {
		at += fmt.Sprintf("..%d", s.end-1)
	}
	if s.producer == history.BarrierProducer {
		return at + " = the barrier"
	}
	which := fmt.Sprintf("%d", s.sequence)
	if s.end > s.first+1 {
		which += fmt.Sprintf("..%d", s.sequence+s.end-s.first-1)
	}
	return fmt.Sprintf("%s = producer %d: %s", at, s.producer, which)
}
