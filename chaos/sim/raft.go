package sim

import "github.com/logproof/logproof/broker/quorum"

// raftChecker holds what raft promises (Ongaro and Ousterhout, "In search of an understandable consensus
// algorithm", figure 3), looked at from outside. That one leads in each term, and that equal offsets are equal
// images, stands with the other checks.
//
//	state machine safety   what one voter knows to be committed no other knows as another entry
//	leader completeness    what was committed in a term before its own is in the log of a leader
//	log matching           with that: below what is committed all logs are the same
type raftChecker struct {
	// entries that are known to be committed, by index.
	entries []entry
	voters  []voter // by the slot of their host
}

// metadataLog of a voter: quorum.Quorum.
type metadataLog interface {
	Position() quorum.Position
	Term(index uint64) (term int32, ok bool)
}

// entry is one that is committed. The term in which it was written names it: a leader writes one entry at each
// index.
type entry struct {
	term int32
	// known is the term in which a voter first knew it: the commit is not younger.
	known int32
}

// voter is what was seen of a voter in its life.
type voter struct {
	life    uint64
	applied uint64
	// led is the last term in which it was seen to lead, with its log as the term found it.
	led int32
}

// look at a voter after a step of its controller.
func (r *raftChecker) look(h *host, q metadataLog, violated func(invariant, format string, args ...any)) {
	now, v := q.Position(), &r.voters[h.slot]
	if v.life != h.life {
		*v = voter{life: h.life}
	}
	if now.Applied < v.applied {
		violated("quorum", "%v had applied entry %d of the metadata log, and now has %d", h, v.applied, now.Applied)
	}
	for i := max(v.applied+1, now.First); i <= now.Applied; i++ {
		r.committed(h, q, i, now.Leader.Term, violated)
	}
	v.applied = now.Applied
	if now.Leads && now.Leader.Term != v.led && !now.Writing {
		v.led = now.Leader.Term
		r.complete(h, q, now, violated)
	}
}

// committed compares an entry that a voter has applied with what others have.
func (r *raftChecker) committed(h *host, q metadataLog, index uint64, known int32, violated func(invariant, format string, args ...any)) {
	term, ok := q.Term(index)
	if !ok {
		violated("quorum", "%v has applied entry %d of the metadata log, and does not have it", h, index)
		return
	}
	for uint64(len(r.entries)) <= index {
		r.entries = append(r.entries, entry{})
	}
	switch e := &r.entries[index]; {
	case e.term == 0:
		*e = entry{term, known}
	case e.term != term:
		violated("quorum", "entry %d of the metadata log is committed on %v as one of term %d, and was one of term %d", index, h, term, e.term)
	}
}

// complete looks for what was committed before in the log of a new leader.
func (r *raftChecker) complete(h *host, q metadataLog, now quorum.Position, violated func(invariant, format string, args ...any)) {
	for i := now.First; i < uint64(len(r.entries)); i++ {
		e := r.entries[i]
		if e.term == 0 || e.known >= now.Leader.Term {
			continue
		}
		term, ok := q.Term(i)
		switch {
		case i > now.Last:
			violated("quorum", "%v leads the metadata quorum in term %d, its log ends with entry %d, and entry %d was committed before", h, now.Leader.Term, now.Last, i)
			return
		case ok && term != e.term:
			violated("quorum", "%v leads the metadata quorum in term %d, its entry %d is of term %d, and one of term %d was committed there", h, now.Leader.Term, i, term, e.term)
			return
		}
	}
}
