package quorum

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/log"
)

// cluster is some voters under one seed, and everything that must hold of them.
type cluster struct {
	rng *rand.Rand
	// violence is how many steps in a thousand are crashes.
	violence int
	cfg      Config
	members  []*member
	wire     []packet
	cut      map[[2]int32]bool
	// committed entries, as the first voter that applied each one told them, and the state after
	// each: states[i] is that after entry i.
	committed []Entry
	states    []uint64
	// leaders of each term that somebody was seen to lead.
	leaders  map[int32]int32
	proposed int
	seen     map[string]bool
	steps    int
	trace    uint64
	marks    map[string]int
}

type packet struct {
	from, to int32
	bytes    []byte
}

// newCluster starts n voters. Raft's election jitter comes from the same seed.
func newCluster(seed uint64, n int, unsafe bool) (*cluster, error) {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	crand.Reader = rand.NewChaCha8(key)
	c := &cluster{
		rng: rand.New(rand.NewPCG(seed, 7)), cut: map[[2]int32]bool{}, leaders: map[int32]int32{},
		states: []uint64{0}, seen: map[string]bool{}, marks: map[string]int{},
		cfg: Config{
			ElectionTicks: 5, HeartbeatTicks: 1, SnapshotEvery: 30, UnsafeVoteUnsynced: unsafe,
			Log: log.Config{SegmentBytes: 600},
		},
	}
	c.violence, c.cfg.KeepEntries = c.rng.IntN(4), c.rng.IntN(8)
	for id := range int32(n) {
		c.cfg.Voters = append(c.cfg.Voters, id)
		c.members = append(c.members, &member{id: id, disk: mem.New()})
	}
	for _, m := range c.members {
		if err := m.open(c.cfg); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// seeded runs a test with raft's randomness in its hands.
func seeded(t *testing.T) {
	before := crand.Reader
	t.Cleanup(func() { crand.Reader = before })
}

// heal ends all trouble: within a bounded number of rounds there must be a leader, a new entry, and
// all voters must have applied the same.
func (c *cluster) heal() error {
	clear(c.cut)
	for _, m := range c.members {
		if m.q != nil && m.fuse.left != 0 {
			m.fuse.left = -1
			continue
		}
		if m.q != nil {
			m.crash(c.draw())
		}
		if err := m.open(c.cfg); err != nil {
			return fmt.Errorf("voter %d does not start again: %w", m.id, err)
		}
	}
	start := len(c.committed)
	for round := range 300 {
		if err := c.round(); err != nil {
			return err
		}
		i := slices.IndexFunc(c.members, func(m *member) bool { return m.q.Status().Active })
		if !slices.ContainsFunc(c.committed[start:], func(e Entry) bool { return e.Values != nil }) {
			// A leader of old days may take a proposal and lose it, or be handing over.
			if i >= 0 && round%20 == 0 {
				if err := c.propose(c.members[i]); err != nil {
					return err
				}
			}
			continue
		}
		if !slices.ContainsFunc(c.members, func(m *member) bool { return m.applied != uint64(len(c.committed)) }) {
			return c.matching()
		}
	}
	waiting := ""
	for _, m := range c.members {
		waiting += fmt.Sprintf("; voter %d %+v", m.id, m.q.Status())
	}
	return fmt.Errorf("no progress after everything was healed: %d entries committed, %d before%s", len(c.committed), start, waiting)
}

// round lets time pass in order: every sync, every message, one tick.
func (c *cluster) round() error {
	for _, m := range c.members {
		if err := c.take(m, m.q.Tick()); err != nil {
			return err
		}
	}
	for range 6 {
		for _, m := range c.members {
			c.run(m)
			if err := c.complete(m); err != nil {
				return err
			}
		}
		wire := c.wire
		c.wire = nil
		for _, p := range wire {
			if err := c.hand(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// trial runs one seed.
func trial(seed uint64, voters, steps int, unsafe bool) (*cluster, error) {
	c, err := newCluster(seed, voters, unsafe)
	for err == nil && c.steps < steps {
		err = c.step()
	}
	if err == nil {
		err = c.heal()
	}
	return c, err
}
