package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// TransactionChoice says whether the load has transactions.
type TransactionChoice uint8

const (
	// TransactionsDrawn leaves it to the seed: one swarm in five has them; a plot, a timeline and a load that is given
	// have none.
	TransactionsDrawn TransactionChoice = iota
	// WithTransactions and WithoutTransactions do not.
	WithTransactions
	WithoutTransactions
)

// transacted is the remainder of the seeds that have transactions. None of those has an administrator, nor drawn groups.
const transacted = 2

// hasTransactions says whether a run has transactions.
func (c Config) hasTransactions() bool {
	drawn := c.Seed%grouped == transacted && c.Plot == "" && c.Timeline == nil && c.Load == (Load{}) && c.Groups == GroupsDrawn && !c.Retune && !c.Purge
	return c.Transactions == WithTransactions || c.Transactions == TransactionsDrawn && drawn
}

// transactionTerrain is what a seed draws once of its transactions, from a generator of its own: what else is drawn
// does not depend on it.
type transactionTerrain struct {
	producers []transactorPlan
	// partitions of __transaction_state; 0 where a run has no transactions.
	partitions int32
	// inputs are the first partitions of the topic: what workers read. They write to the others.
	inputs int
	// committed says of each reader whether it reads committed records only.
	committed []bool
}

// transactorPlan is how one transactional producer is set.
type transactorPlan struct {
	id string
	// version of the protocol that it speaks: 1 names its partitions to the coordinator before it sends to them, 2 does
	// not, and has a new epoch after every transaction (KIP-890).
	version int
	// aborts are how many of ten transactions it aborts.
	aborts int
	// timeout after which the coordinator aborts; pause is about how long it does nothing between two transactions.
	timeout, pause time.Duration
}

// drawTransactions draws them, and the partitions of the load; the zero value where a run has none. With workers there
// is a group that reads, transforms and writes.
func drawTransactions(cfg Config, rng *rand.Rand, load *Load) (t transactionTerrain, workers []groupPlan) {
	if !cfg.hasTransactions() {
		return t, nil
	}
	if cfg.Walk != nil {
		return walkPlan(cfg.Walk.Version, *load), nil
	}
	if cfg.Load == (Load{}) {
		load.Partitions = 2 + rng.IntN(3)
		load.Readers = 2
	}
	t.partitions, t.inputs = int32(1+rng.IntN(3)), max(1, load.Partitions/2)
	for i := range 1 + rng.IntN(2) {
		t.producers = append(t.producers, transactorPlan{
			id: fmt.Sprintf("ledger-%d", i), version: 2 - rng.IntN(4)/3, aborts: rng.IntN(5),
			timeout: between(rng, time.Second, 6*time.Second), pause: between(rng, 10*time.Millisecond, 300*time.Millisecond),
		})
	}
	for i := range load.Readers {
		t.committed = append(t.committed, i%2 == 0)
	}
	if load.Partitions < 2 || rng.IntN(4) == 0 {
		return t, nil
	}
	p := groupPlan{
		name: "copiers", members: 1 + rng.IntN(3), cooperative: rng.IntN(2) == 0, inputs: t.inputs,
		session: between(rng, 800*time.Millisecond, 3*time.Second), rebalance: between(rng, 500*time.Millisecond, 3*time.Second),
		work: &workPlan{version: 2 - rng.IntN(4)/3, aborts: rng.IntN(4), timeout: between(rng, time.Second, 6*time.Second)},
	}
	p.heartbeat = p.session / 4
	return t, []groupPlan{p}
}

// drawTransactions draws the transactions of the run, and the group that works in them.
func (s *simulation) drawTransactions() {
	t := &s.terrain
	var workers []groupPlan
	t.transactions, workers = drawTransactions(s.cfg, s.transactions, &t.load)
	if s.cfg.Walk != nil {
		t.groups.partitions = 1
	}
	if len(workers) > 0 && t.groups.partitions == 0 {
		t.groups.partitions, t.groups.initialDelay = int32(1+s.transactions.IntN(3)), between(s.transactions, 0, 600*time.Millisecond)
	}
	t.groups.groups = append(t.groups.groups, workers...)
}

// workPlan is how the members of a group work that consume, transform and produce in transactions.
type workPlan struct {
	version, aborts int
	timeout         time.Duration
}

// ledgers is the transactional producers of the load: the present process of each, and those that run on while another
// one has their transactional id.
type ledgers struct {
	sim     *simulation
	present []*transactor
	doubled []*transactor
	// made numbers the producers of records, over all processes.
	made uint32
	// ending is set once none is to be replaced.
	ending bool
}

// firstTransactional is the number of the first producer of transactional records.
const firstTransactional uint32 = 1000

// producer numbers one more producer of records.
func (l *ledgers) producer() uint32 {
	l.made++
	return firstTransactional + l.made - 1
}

func (s *simulation) addLedgers() {
	s.ledgers.sim = s
	for i := range s.terrain.transactions.producers {
		s.ledgers.present = append(s.ledgers.present, newTransactor(s, i, 1))
	}
}

// beginLedgers lets the transactional producers start, and things happen to them.
func (s *simulation) beginLedgers() {
	for i, t := range s.ledgers.present {
		s.after(between(s.transactions, time.Millisecond, time.Second), kindClient, t.start)
		if s.walker == nil {
			s.ledgers.live(i)
		}
	}
}

// live lets something happen to the producer at a place, again and again while the load lasts: it crashes, stands
// still, or is started a second time with the same transactional id.
func (l *ledgers) live(place int) {
	s := l.sim
	s.after(between(s.transactions, 2*time.Second, 12*time.Second), kindClient, func() {
		if !s.loading {
			return
		}
		t, away := l.present[place], between(s.transactions, 10*time.Millisecond, 3*time.Second)
		again := func() { l.live(place) }
		switch draw := s.transactions.IntN(4); {
		case t.dead || t.stalled:
			again()
		case draw == 0:
			t.stall(between(s.transactions, t.plan.timeout/4, 2*t.plan.timeout))
			again()
		case draw == 1:
			l.doubled = append(l.doubled, t)
			l.replace(place, away, again)
		default:
			t.crashed()
			l.replace(place, away, again)
		}
	})
}

// replace starts another process in the place of a producer after a while, unless there is one by then.
func (l *ledgers) replace(place int, away time.Duration, then func()) {
	before := l.present[place]
	l.sim.after(away, kindClient, func() {
		switch {
		case l.ending:
			return
		case l.present[place] == before:
			l.present[place] = newTransactor(l.sim, place, before.life+1)
			l.present[place].start()
		}
		then()
	})
}

// idle reports whether nobody has a transaction under way any more, nor will begin one.
func (l *ledgers) idle() bool { return l.busy() == "" }

// busy says what transactional producers still do; "" if nothing.
func (l *ledgers) busy() (text string) {
	for _, t := range slices.Concat(l.present, l.doubled) {
		if !t.dead && t.t.tx != nil {
			text += fmt.Sprintf(" %s has transaction %d under way, the last failure was: %s;", t.name, t.t.tx.number, t.t.last)
		}
	}
	return text
}

// decide waits until no transaction is open any more, and workers have processed all that was committed: what comes
// after that is barriers only. It returns what is pending.
func (s *simulation) decide() (pending []string) {
	if s.terrain.transactions.partitions == 0 {
		return nil
	}
	if !s.within(s.ledgers.idle) {
		return []string{"transactions are under way:" + s.ledgers.busy()}
	}
	if !s.within(func() bool { return s.checker.undecided() == "" }) {
		return []string{"transactions are open:" + s.checker.undecided()}
	}
	// Workers may have much to catch up with: they have time as long as they go on.
	for before := int64(-1); !s.within(func() bool { return s.undrained() == "" }); {
		if now := s.processed(); now > before {
			before = now
			continue
		}
		return []string{s.undrained()}
	}
	// What comes late may have begun another transaction meanwhile, which its timeout ends.
	if !s.within(func() bool { return s.checker.undecided() == "" }) {
		return []string{"transactions are open:" + s.checker.undecided()}
	}
	return nil
}

// processed counts what workers have processed.
func (s *simulation) processed() (sum int64) {
	for _, g := range s.consumers {
		for i := range g.count() {
			sum += g.committed(i)
		}
	}
	return sum
}

// Transform is a consumer group that writes to the outputs what it makes of the records of the inputs.
type Transform struct {
	Group           string
	Inputs, Outputs []history.Partition
}

func (s *simulation) transforms() (all []Transform) {
	for _, g := range s.consumers {
		if g.work == nil {
			continue
		}
		t := Transform{Group: g.name}
		for i := range s.terrain.load.Partitions {
			if i < g.inputs {
				t.Inputs = append(t.Inputs, place(i))
			} else {
				t.Outputs = append(t.Outputs, place(i))
			}
		}
		all = append(all, t)
	}
	return all
}

// transactionTimeout is the longest that is asked for.
func (s *simulation) transactionTimeout() (longest time.Duration) {
	for _, p := range s.terrain.transactions.producers {
		longest = max(longest, p.timeout)
	}
	for _, g := range s.terrain.groups.groups {
		if g.work != nil {
			longest = max(longest, g.work.timeout)
		}
	}
	return longest
}
