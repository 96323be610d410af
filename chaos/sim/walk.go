package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// Victim is who ends in a walk.
type Victim string

// The victims of a walk.
const (
	// TheCoordinator leads the partition of __transaction_state, TheLeader one of those that are written to, TheGroup
	// that of __consumer_offsets.
	TheCoordinator Victim = "coordinator"
	TheLeader      Victim = "leader"
	TheGroup       Victim = "group"
	// Everybody is all brokers and controllers, and TheClient the producer, whose successor has its id.
	Everybody Victim = "everybody"
	TheClient Victim = "client"
)

// Victims lists them.
func Victims() []Victim { return []Victim{TheCoordinator, TheLeader, TheGroup, Everybody, TheClient} }

// Walk is a small story of transactions that is walked step by step: one producer commits, aborts and commits again,
// over three partitions and the positions of a group, and after one step of it somebody ends and comes back. Every
// step of an actor that serves clients or keeps logs, each with what had come to it, and every sync is one.
type Walk struct {
	// Step after which the victim ends, from 1; 0 for none: Result.Steps says then how many there are.
	Step int
	// Victim of it, and whether it loses its power in place of being killed.
	Victim Victim
	Power  bool
	// Version of the protocol, 1 or 2.
	Version int
}

// script says which transactions of the story are committed.
var script = []bool{true, false, true}

// walkAway is how long the victim is away.
const walkAway = 400 * time.Millisecond

// Config of the walk: a cluster of three brokers in which nothing else happens.
func (w Walk) Config() Config {
	return Config{
		Seed: int64(w.Version), Duration: time.Second, Settle: 20 * time.Second, Timeline: timeline.Timeline{}, Walk: &w,
		Cluster:      Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2},
		Load:         Load{Partitions: 3, Producers: 1, Readers: 2, Rate: pace.PerSecond(2), RecordSize: payload.MinSize, Linger: time.Millisecond},
		Timing:       Timing{SessionTimeout: 500 * time.Millisecond, Heartbeat: 100 * time.Millisecond, ReplicaLagMax: time.Second, QuorumTick: 30 * time.Millisecond},
		Transactions: WithTransactions, Groups: WithoutGroups,
	}
}

func (w Walk) validate() error {
	switch {
	case w.Step < 0:
		return fmt.Errorf("walk: step %d must not be negative", w.Step)
	case w.Step > 0 && !slices.Contains(Victims(), w.Victim):
		return fmt.Errorf("walk: unknown victim %q: known are %v", w.Victim, Victims())
	case w.Version != 1 && w.Version != 2:
		return fmt.Errorf("walk: transaction version %d: want 1 or 2", w.Version)
	}
	return nil
}

// walker tells the story of a walk.
type walker struct {
	sim *simulation
	Walk
	// told transactions of the script; steps of the story so far; counting from its begin to its end.
	told, steps   int
	counting, due bool
	// coordinator of the group, nobody while it is not known.
	coordinator int32
	finding     bool
}

// walkGroup is the group whose positions are part of the transactions. It has no members.
const walkGroup = "walkers"

// walkPlan is what a walk has in place of drawn transactions.
func walkPlan(version int, load Load) transactionTerrain {
	return transactionTerrain{
		partitions: 1, inputs: load.Partitions, committed: []bool{true, false},
		producers: []transactorPlan{{id: "ledger-0", version: version, timeout: 2 * time.Second, pause: 10 * time.Millisecond}},
	}
}

// work tells the next transaction of the script.
func (k *walker) work(w *transactor) {
	if k.told == len(script) {
		return
	}
	k.coordinator = nobody
	w.t.group = keeper{ask: func() int32 { return k.find(w) }, gone: func(int32) { k.coordinator = nobody }}
	w.t.named(func() {
		k.counting = true
		commit := script[k.told]
		x := w.t.begin(nil)
		x.then = func(bool) { k.next(w) }
		x.group, x.generation = walkGroup, -1
		for p := range w.leaders {
			x.put(p, make([]payload.Source, 2))
		}
		x.flushed = func() {
			if x.failed != "" {
				x.end(false)
				return
			}
			x.offer([]history.Position{{Partition: place(0), Offset: int64(k.told + 1)}}, func() { x.end(commit && x.failed == "") })
		}
		x.flush()
	})
}

// next goes on after a transaction.
func (k *walker) next(w *transactor) {
	k.told++
	if k.told == len(script) {
		k.counting = false
	}
	k.work(w)
}

// find gives the coordinator of the group, nobody while it is looked for.
func (k *walker) find(w *transactor) int32 {
	if k.coordinator != nobody || k.finding {
		return k.coordinator
	}
	k.finding = true
	w.findGroup(walkGroup, func(id int32) { k.finding, k.coordinator = false, id })
	return nobody
}

// walked counts a step of an actor, or a sync that it asked for, if it is one of the story: what the cluster says to
// itself is not. The victim ends once the present event is over.
func (s *simulation) walked(by actor.Address) {
	k := s.walker
	if k == nil || !k.counting {
		return
	}
	switch by.Role {
	case actor.Session, actor.Shard, actor.Coordinator, actor.Transactions, actor.Participant:
		k.steps++
		k.due = k.due || k.steps == k.Step
	}
}

// strike ends the victim, and starts it again after a while.
func (k *walker) strike() {
	s := k.sim
	k.due = false
	if k.Victim == TheClient {
		w := s.ledgers.present[0]
		if w.t.tx != nil {
			k.told++ // that is over with the process
		}
		w.crashed()
		s.ledgers.replace(0, walkAway, func() {})
		if k.told == len(script) {
			k.counting = false
		}
		return
	}
	for _, h := range k.victims() {
		if !h.up {
			continue
		}
		if k.Power {
			h.cutPower()
		} else {
			h.kill()
		}
		h.boot(walkAway)
	}
}

// victims are the nodes that end.
func (k *walker) victims() []*host {
	s := k.sim
	id := nobody
	switch k.Victim {
	case Everybody:
		return s.hosts
	case TheCoordinator:
		id = s.checker.transactionCoordinator(s.terrain.transactions.producers[0].id)
	case TheGroup:
		id = s.checker.coordinator(walkGroup)
	case TheLeader:
		if p := s.checker.partition(0); p != nil {
			id = p.Leader
		}
	}
	if id < 0 {
		return nil
	}
	return []*host{s.hosts[id]}
}

// walkDone waits for the end of the story; it returns what is pending.
func (s *simulation) walkDone() []string {
	if k := s.walker; k != nil && !s.within(func() bool { return k.told == len(script) }) {
		return []string{fmt.Sprintf("%d of %d transactions of the walk have ended;%s", k.told, len(script), s.ledgers.busy())}
	}
	return nil
}
