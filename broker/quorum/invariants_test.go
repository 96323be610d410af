package quorum

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// take performs the effects of one call of a voter, and checks what they say.
func (c *cluster) take(m *member, fx Effects) error {
	if fx.Fatal != nil {
		if errors.Is(fx.Fatal, errCut) {
			c.marks["crash within a call"]++
			m.crash(c.draw())
			return nil
		}
		return fmt.Errorf("voter %d stopped: %w", m.id, fx.Fatal)
	}
	m.due = fx.SnapshotDue
	if fx.Snapshot != nil {
		if err := c.install(m, fx.Snapshot); err != nil {
			return err
		}
	}
	for _, e := range fx.Committed {
		if err := c.apply(m, e); err != nil {
			return err
		}
	}
	for _, s := range fx.Sends {
		c.wire = append(c.wire, packet{m.id, s.To, s.Bytes})
	}
	if fx.Sync != nil {
		if m.sync != nil {
			return fmt.Errorf("voter %d: a second sync is under way", m.id)
		}
		m.sync, m.ran = fx.Sync, false
	}
	return c.lead(m)
}

// install checks an image that a voter takes over.
func (c *cluster) install(m *member, s *Snapshot) error {
	c.marks["snapshot installed"]++
	if s.Index <= m.applied || s.Index >= uint64(len(c.states)) || binary.BigEndian.Uint64(s.Image) != c.states[s.Index] {
		return fmt.Errorf("voter %d, which has applied %d entries, got a wrong image at %d", m.id, m.applied, s.Index)
	}
	if end := c.committed[s.Index-1].End; end != s.Offset {
		return fmt.Errorf("the image at %d ends at offset %d: want %d", s.Index, s.Offset, end)
	}
	m.applied, m.state = s.Index, c.states[s.Index]
	return nil
}

// apply checks an entry that a voter applies against what others have applied.
func (c *cluster) apply(m *member, e Entry) error {
	if e.Index != m.applied+1 {
		return fmt.Errorf("voter %d applied entry %d after entry %d", m.id, e.Index, m.applied)
	}
	m.applied, m.state = e.Index, chain(m.state, e)
	if e.Index < uint64(len(c.states)) {
		if was := c.committed[e.Index-1]; m.state != c.states[e.Index] {
			return fmt.Errorf("voter %d applied %+v: %+v was committed there", m.id, e, was)
		}
		return nil
	}
	end := int64(0)
	if e.Index > 1 {
		end = c.committed[e.Index-2].End
	}
	if e.Offset != end || e.End != e.Offset+int64(max(1, len(e.Values))) {
		return fmt.Errorf("entry %d takes offsets %d to %d with %d records after offset %d", e.Index, e.Offset, e.End, len(e.Values), end)
	}
	for _, v := range e.Values {
		if pending, known := c.seen[string(v)]; !known || !pending {
			return fmt.Errorf("entry %d has %q, which was committed before or never proposed", e.Index, v)
		}
		c.seen[string(v)] = false
	}
	c.committed, c.states = append(c.committed, e), append(c.states, m.state)
	return nil
}

// lead checks a voter that leads: it is alone in its term, and has everything that was committed.
func (c *cluster) lead(m *member) error {
	s := m.q.Status()
	if s.Role != Leading {
		return nil
	}
	if other, ok := c.leaders[s.Leader.Term]; ok {
		if other != m.id {
			return fmt.Errorf("term %d has two leaders, %d and %d", s.Leader.Term, other, m.id)
		}
		return nil
	}
	c.leaders[s.Leader.Term] = m.id
	if s.Last < uint64(len(c.committed)) {
		return fmt.Errorf("leader %d of term %d has entries up to %d: %d were committed", m.id, s.Leader.Term, s.Last, len(c.committed))
	}
	return c.prefix(m)
}

// prefix checks that what a voter has written of the committed entries is what was committed.
func (c *cluster) prefix(m *member) error {
	st := m.q.store
	end := min(m.applied, st.last())
	if m.q.Status().Role == Leading {
		end = min(uint64(len(c.committed)), st.last())
	}
	for i := max(st.base.index, 1); i <= end; i++ {
		if at, want := st.at(i), c.committed[i-1]; at.term != want.Term || at.offset != want.End {
			return fmt.Errorf("voter %d has entry %d in term %d to offset %d: committed was term %d, offset %d",
				m.id, i, at.term, at.offset, want.Term, want.End)
		}
	}
	return nil
}

// matching checks that logs which agree on one entry agree on everything before it.
func (c *cluster) matching() error {
	for i, a := range c.members {
		for _, b := range c.members[:i] {
			if a.q == nil || b.q == nil {
				continue
			}
			x, y := a.q.store, b.q.store
			same := false
			for at := min(x.last(), y.last()); at >= max(x.base.index, y.base.index); at-- {
				equal := x.at(at) == y.at(at)
				if same && !equal {
					return fmt.Errorf("voters %d and %d agree on entry %d and not on entry %d", a.id, b.id, at+1, at)
				}
				if same = x.at(at).term == y.at(at).term; at == 0 {
					break
				}
			}
		}
	}
	return nil
}
