package quorum

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/logproof/logproof/broker/actor"
)

// draw decides what a crash keeps: nothing unsynced, or some of it.
func (c *cluster) draw() func() uint64 {
	if c.rng.IntN(2) == 0 {
		return nil
	}
	return c.rng.Uint64
}

// step does one random thing.
func (c *cluster) step() error {
	c.steps++
	m := c.members[c.rng.IntN(len(c.members))]
	if m.q == nil {
		if c.rng.IntN(12) > 0 {
			return nil
		}
		return c.restart(m)
	}
	err := c.act(m, c.rng.IntN(1000))
	if err == nil && c.steps%64 == 0 {
		err = c.matching()
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %d %d %d %d %v", c.trace, m.id, m.applied, len(c.wire), len(c.committed), m.q != nil)
	c.trace = h.Sum64()
	return err
}

func (c *cluster) act(m *member, what int) error {
	switch {
	case what < 120:
		return c.take(m, m.q.Tick())
	case what < 640:
		return c.deliver()
	case what < 740:
		c.run(m)
	case what < 860:
		return c.complete(m)
	case what < 930:
		if i := slices.IndexFunc(c.members, func(m *member) bool { return m.q != nil && m.q.leads() }); i >= 0 {
			return c.propose(c.members[i])
		}
	case what < 960 && m.due:
		index := m.applied
		fx, err := m.q.Compact(index, m.image())
		if err != nil && !errors.Is(err, ErrStale) {
			return err
		}
		return c.take(m, fx)
	case what < 975:
		c.partition()
	case what < 975+c.violence:
		if m.sync != nil && !m.ran && c.rng.IntN(2) == 0 {
			m.fuse.left = c.rng.IntN(6)
			_ = m.sync.Syncer.Run() // torn in the middle; the crash takes the rest
		}
		c.marks["crash"]++
		m.crash(c.draw())
	case what == 979 && c.violence > 0 && m.fuse.left < 0:
		m.fuse.left = c.rng.IntN(20)
	case what < 982:
		if voter := c.rng.Int32N(int32(len(c.members))); m.q.leads() {
			fx, err := m.q.TransferLeader(voter)
			if err != nil {
				return err
			}
			return c.take(m, fx)
		}
	case what < 984:
		return c.take(m, m.q.Unreachable(c.rng.Int32N(int32(len(c.members)))))
	}
	return nil
}

// restart opens a crashed voter: the power may go again while it recovers.
func (c *cluster) restart(m *member) error {
	m.fuse = &fuse{m.disk, -1}
	if c.rng.IntN(4) == 0 {
		m.fuse.left = c.rng.IntN(30)
	}
	if err := m.reopen(c.cfg); err != nil {
		if errors.Is(err, errCut) {
			c.marks["crash within a recovery"]++
			m.crash(c.draw())
			return nil
		}
		return fmt.Errorf("voter %d does not start again: %w", m.id, err)
	}
	m.fuse.left = -1
	if m.applied > 0 {
		c.marks["restart from a snapshot"]++
	}
	if m.applied >= uint64(len(c.states)) || m.state != c.states[m.applied] {
		return fmt.Errorf("voter %d restarted from a wrong image at %d", m.id, m.applied)
	}
	return c.prefix(m)
}

// deliver takes one of the oldest messages; some are lost, some arrive twice.
func (c *cluster) deliver() error {
	if len(c.wire) == 0 {
		return nil
	}
	i := min(c.rng.IntN(len(c.wire)), c.rng.IntN(8))
	p := c.wire[i]
	luck := c.rng.IntN(100)
	if luck >= 4 {
		c.wire = slices.Delete(c.wire, i, i+1)
	}
	to := c.members[p.to]
	if luck >= 96 || to.q == nil || c.cut[[2]int32{p.from, p.to}] {
		return nil
	}
	return c.hand(p)
}

func (c *cluster) hand(p packet) error {
	to := c.members[p.to]
	fx, err := to.q.Receive(p.bytes)
	if err != nil {
		return err
	}
	return c.take(to, fx)
}

func (c *cluster) run(m *member) {
	if m.sync != nil && !m.ran {
		m.ran, m.ranErr = true, m.sync.Syncer.Run()
	}
}

func (c *cluster) complete(m *member) error {
	if m.sync == nil || !m.ran {
		return nil
	}
	done := actor.SyncDone{Token: m.sync.Token, Err: m.ranErr}
	m.sync, m.ran = nil, false
	return c.take(m, m.q.SyncDone(done))
}

func (c *cluster) propose(m *member) error {
	if !m.q.leads() {
		return nil
	}
	var values [][]byte
	for range 1 + c.rng.IntN(3) {
		c.proposed++
		values = append(values, fmt.Appendf(nil, "value %d", c.proposed))
		c.seen[string(values[len(values)-1])] = true
	}
	index, fx, err := m.q.Propose(int64(c.steps), values)
	if errors.Is(err, ErrNotLeader) {
		return nil
	}
	if err != nil {
		return err
	}
	if fx.Fatal == nil && index != m.q.Status().Last {
		return fmt.Errorf("a proposal got index %d, the last entry is %d", index, m.q.Status().Last)
	}
	return c.take(m, fx)
}

// partition cuts one direction, cuts a voter off, or heals.
func (c *cluster) partition() {
	a, b := c.rng.Int32N(int32(len(c.members))), c.rng.Int32N(int32(len(c.members)))
	switch c.rng.IntN(4) {
	case 0:
		c.cut[[2]int32{a, b}] = true
	case 1:
		c.isolate(a)
	default:
		clear(c.cut)
	}
}

func (c *cluster) isolate(a int32) {
	for _, m := range c.members {
		c.cut[[2]int32{a, m.id}], c.cut[[2]int32{m.id, a}] = true, true
	}
}
