package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// Result is what one run did.
type Result struct {
	Seed int64
	// Hash of the whole trace: equal for equal configurations.
	Hash uint64
	// Events that happened in Virtual time.
	Events  uint64
	Virtual time.Duration
	Load    Load
	Cluster Cluster
	// Groups are the consumer groups of the load.
	Groups []string
	// Sent and Settled are records of producers; Faults were injected, of the Kinds of the swarm.
	Sent, Settled int64
	Faults        int
	// Retuned is how often min.insync.replicas was changed, see Config.Retune.
	Retuned int
	// Purged is how often records were deleted, see Config.Purge.
	Purged int
	// Compacted is how many records went from all replicas together, see Config.Compact.
	Compacted int
	Kinds     []timeline.Kind
	Marks     Marks
	// TransactionTimeout is the longest that a transactional producer asked for; 0 where there is none.
	TransactionTimeout time.Duration
	// Transforms are the groups that read some partitions and write to others in transactions.
	Transforms []Transform
	// Steps of a walk.
	Steps int
	// Violations of invariants, the first ones.
	Violations []Violation
	// Pending says what did not come to its end after everything was healed; nil if all did.
	Pending []string
}

// Partitions of the load, as the history names them.
func (r *Result) Partitions() (all []history.Partition) {
	for i := range r.Load.Partitions {
		all = append(all, place(i))
	}
	return all
}

// Run simulates one run and records what its clients were told. The error is for a configuration that
// does not validate; what the run found is in the result and in the history.
//
// One simulation runs at a time in a process, a second call waits: etcd raft draws its election jitter
// from crypto/rand.Reader, which points at the seed meanwhile. Campaigns use a process for each core.
func Run(cfg Config, rec Recorder) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, fmt.Errorf("simulate: %w", err)
	}
	defer seedRaft(cfg.Seed)()
	s := newSimulation(cfg.withDefaults(), rec)
	pending := s.play()
	steps := 0
	if s.walker != nil {
		steps = s.walker.steps
	}
	var groups []string
	for _, g := range s.consumers {
		groups = append(groups, g.name)
	}
	return Result{
		Groups: groups, Steps: steps, TransactionTimeout: s.transactionTimeout(), Transforms: s.transforms(),
		Seed: cfg.Seed, Hash: s.hash, Events: s.events, Virtual: s.now, Load: s.terrain.load, Cluster: s.terrain.cluster,
		Sent: s.sent, Settled: s.settled, Faults: int(s.nemesis.fired), Kinds: s.nemesis.swarm.kinds,
		Retuned: s.retuned, Purged: s.purged, Compacted: s.compacted, Marks: s.marks, Violations: s.checker.violations, Pending: pending,
	}, nil
}

// play runs the phases: start, load under faults, heal, converge, barriers, scan. It returns what is pending in
// the first phase that does not come to its end.
func (s *simulation) play() []string {
	for _, h := range s.hosts {
		h.boot(time.Millisecond)
	}
	s.addClients()
	admin, created := s.newClient("admin"), false
	admin.createTopic(func() { created = true })
	if !s.within(func() bool { return created }) {
		return []string{"the topic was not created"}
	}
	s.addGroups()
	s.addLedgers()
	s.beginLoad()
	s.until(s.begun+s.cfg.Duration, func() bool { return false })
	// A timeline may take longer than its parts, and the load goes on as long.
	healed := s.within(s.nemesis.quiet)
	for line := &s.nemesis.timeline; !healed && !line.done; {
		stages := line.stages
		if healed = s.within(s.nemesis.quiet); stages == line.stages {
			break
		}
	}
	s.loading = false
	if !healed {
		line := s.nemesis.timeline
		return []string{fmt.Sprintf("%d faults are in force and %d have not begun", s.nemesis.active+len(line.inForce), len(line.line)-line.next)}
	}
	if pending := s.walkDone(); pending != nil {
		return pending
	}
	if !s.within(func() bool { return s.settled == s.sent }) {
		return s.unsettled()
	}
	if !s.within(s.checker.whole) {
		return []string{s.checker.missing()}
	}
	if pending := s.decide(); pending != nil {
		return pending
	}
	return s.finish()
}

// within runs until done holds, for the time that everything may take to settle.
func (s *simulation) within(done func() bool) bool { return s.until(s.now+s.cfg.Settle, done) }

func (s *simulation) addClients() {
	for i := range s.terrain.load.Producers {
		s.producers = append(s.producers, newProducer(s, uint32(i)))
	}
	for i := range s.terrain.load.Readers {
		r := newReader(s, fmt.Sprintf("reader-%d", i), history.Fetch)
		r.committed = i < len(s.terrain.transactions.committed) && s.terrain.transactions.committed[i]
		s.readers = append(s.readers, r)
	}
}

func (s *simulation) beginLoad() {
	s.begun, s.loading = s.now, true
	for _, p := range s.producers {
		p.refresh()
		p.tick()
	}
	for _, r := range s.readers {
		r.refresh()
	}
	s.beginGroups()
	s.beginLedgers()
	if s.cfg.Seed%administered == administered-1 {
		newAdministrator(s).work()
	}
	if s.cfg.Retune {
		newRetuner(s).work()
	}
	if s.cfg.Purge {
		newPurger(s).work()
	}
	if s.cfg.Compact {
		newCompactor(s).work()
	}
	s.nemesis.begin()
}

func (s *simulation) unsettled() (pending []string) {
	for _, p := range s.producers {
		for _, l := range p.lanes {
			if text := l.unsettled(); text != "" {
				pending = append(pending, text)
			}
		}
	}
	return pending
}

// finish writes the barriers, and reads every partition to its barrier: the live readers, and a scan
// from the start.
func (s *simulation) finish() (pending []string) {
	b := newBarrier(s)
	b.refresh()
	if !s.within(func() bool { return b.missing() == "" }) {
		return []string{b.missing()}
	}
	scan := newReader(s, "scan", history.Scan)
	all := append(s.readers[:len(s.readers):len(s.readers)], scan)
	if scan.raw = s.terrain.transactions.partitions > 0; scan.raw {
		committed := newReader(s, "scan-committed", history.Fetch)
		committed.committed = true
		all = append(all, committed)
	}
	for _, r := range all {
		r.until = b.offsets
	}
	for _, r := range all[len(s.readers):] {
		r.refresh()
	}
	s.within(func() bool {
		for _, r := range all {
			if !r.done() {
				return false
			}
		}
		return true
	})
	for _, r := range all {
		if text := r.unread(); text != "" {
			pending = append(pending, text)
		}
	}
	if s.within(func() bool { return s.behindBarrier(b.offsets) == "" }); s.behindBarrier(b.offsets) != "" {
		return append(pending, s.behindBarrier(b.offsets))
	}
	s.checker.settled()
	if s.endGroups(); !s.within(s.dismissed) {
		pending = append(pending, "members of groups cannot leave")
	}
	return pending
}
