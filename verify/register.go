package verify

import (
	"math"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// writesMax bounds the commits that are kept of one group in one partition. Only those that are not
// overwritten matter, and a few that were, for questions that have been under way for long.
const writesMax = 64

// write is one commit of one group in one partition: a write to a register, which a resume reads.
type write struct {
	offset     int64 // Unset of the write that stands for nothing committed yet
	generation int32
	acked      bool
	invoke     history.Time
	// end is when it had taken effect or never will: its acknowledgement, or when its generation was
	// known to be over; Never while neither is known.
	end history.Time
	// overwritten is when a commit that began after end was acknowledged; Never if none was.
	overwritten history.Time
	by          telling
	// in is the transaction that it was sent in, if its client was not told whether that committed; nil else.
	in *transactName
}

// register is what one group committed in one partition. A read is legal if it gives a write that began
// before the read returned, and that was not overwritten before the read began: the definition of a
// regular register (Lamport 1986), to which commits and resumes of one group amount.
type register struct {
	writes []write // in order of return; the first is nothing committed
	// forgotten is the latest time at which a forgotten write was overwritten: of reads that began
	// before it nobody can say what was legal. Never if one was forgotten that was not overwritten.
	forgotten history.Time
}

func newRegister() *register {
	return &register{
		writes:    []write{{offset: history.Unset, generation: -1, acked: true, invoke: math.MinInt64, end: math.MinInt64, overwritten: history.Never}},
		forgotten: math.MinInt64,
	}
}

// commit takes a write in order of return. over is when the group was known to have gone past a
// generation, Never if it has not.
func (r *register) commit(n write, over func(generation int32) history.Time) {
	n.overwritten = history.Never
	if !n.acked {
		n.end = history.Never
	}
	r.writes = append(r.writes, n)
	r.settle(over)
	for i := range r.writes {
		if w := &r.writes[i]; n.acked && n.invoke > w.end {
			w.overwritten = min(w.overwritten, n.by.returned)
		}
	}
	if len(r.writes) > writesMax {
		r.forget()
	}
}

// settle ends the writes of unknown outcome whose generation is over.
func (r *register) settle(over func(generation int32) history.Time) {
	for i := range r.writes {
		w := &r.writes[i]
		if w.acked {
			continue
		}
		end := max(w.invoke, over(w.generation))
		if end >= w.end {
			continue
		}
		w.end = end
		for k := range r.writes {
			if n := &r.writes[k]; n.acked && n.invoke > end {
				w.overwritten = min(w.overwritten, n.by.returned)
			}
		}
	}
}

// over says that a transaction, which its client was told nothing of, had been decided by a time, because its
// successor under the same transactional id was decided too.
func (r *register) over(id string, number int64, process string, by history.Time) {
	for i := range r.writes {
		if w := &r.writes[i]; w.in != nil && w.in.id == id && (w.in.process != process || w.in.number < number) {
			w.end = min(w.end, by)
		}
	}
}

// forget drops the write that was overwritten first.
func (r *register) forget() {
	first := 0
	for i := range r.writes {
		if r.writes[i].overwritten < r.writes[first].overwritten {
			first = i
		}
	}
	r.forgotten = max(r.forgotten, r.writes[first].overwritten)
	r.writes = slices.Delete(r.writes, first, first+1)
}

// legal lists the writes that a read from invoke to return may give. known is false if some of them
// may have been forgotten.
func (r *register) legal(invoke, returned history.Time) (list []write, known bool) {
	for _, w := range r.writes {
		if w.invoke <= returned && w.overwritten >= invoke {
			list = append(list, w)
		}
	}
	return list, r.forgotten < invoke
}

// definite is the acknowledged write that returned last before a time. There is one: the first write,
// if no other.
func (r *register) definite(before history.Time) write {
	last := r.writes[0]
	for _, w := range r.writes {
		if w.acked && w.by.returned < before && w.by.returned >= last.by.returned {
			last = w
		}
	}
	return last
}

// reached is how far the members of a group had come in one partition, over time.
type reached []mark

// mark says that from the time on, all that was processed stands below end.
type mark struct {
	returned history.Time
	end      int64
	process  string
}

// reachedMax bounds the marks of one partition. Thinned ones tell more than was processed at their
// time: that hides a commit that was too early, and accuses nobody.
const reachedMax = 1024

// raise takes what was processed, in order of return.
func (r *reached) raise(m mark) {
	n := len(*r)
	switch {
	case n > 0 && m.end <= (*r)[n-1].end:
		return
	case n > 0 && m.returned <= (*r)[n-1].returned:
		(*r)[n-1].end = m.end
		return
	case n >= reachedMax:
		kept := (*r)[:0]
		for i, old := range *r {
			if i%2 == 1 && i < reachedMax/2 {
				kept[len(kept)-1].end = old.end
				continue
			}
			kept = append(kept, old)
		}
		*r = kept
	}
	*r = append(*r, m)
}

// at is the last mark at a time; its end is 0 if nothing had been processed.
func (r reached) at(t history.Time) mark {
	i, found := slices.BinarySearchFunc(r, t, func(m mark, t history.Time) int {
		switch {
		case m.returned < t:
			return -1
		case m.returned > t:
			return 1
		}
		return 0
	})
	switch {
	case found:
		return r[i]
	case i == 0:
		return mark{}
	}
	return r[i-1]
}
