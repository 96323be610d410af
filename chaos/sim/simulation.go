package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/verify/history"
)

// simulation is one run.
type simulation struct {
	cfg     Config
	terrain terrain
	rng     *rand.Rand
	// groups draws what concerns coordinators of groups: a run that has none draws from rng as if there were none.
	groups *rand.Rand
	// transactions draws what concerns transactions, for the same reason.
	transactions *rand.Rand
	// cleaning draws what concerns compaction, likewise.
	cleaning *rand.Rand
	rec      Recorder
	// retuned counts the changes of a retuner.
	retuned int
	// purged counts the deletions of a purger.
	purged int
	// compacted counts the records that compaction took out.
	compacted int

	now    time.Duration
	queue  queue
	made   uint64 // events made, for their ids
	events uint64 // events that happened
	hash   uint64
	// digest collects what the present event changed.
	digest uint64

	network network
	// hosts are the brokers, each at its id, and after them the other controllers.
	hosts     []*host
	producers []*producer
	readers   []*reader
	consumers []*consumers
	ledgers   ledgers
	walker    *walker
	// unanswered counts requests that nobody was answered: each may arrive late.
	unanswered uint64
	clients    int32
	conns      int64
	nemesis    nemesis
	checker    checker
	story      story
	marks      Marks
	// begun is when the load began; sent and settled count records of producers.
	begun         time.Duration
	sent, settled int64
	// acked counts records that were acknowledged, seen those that the readers were given, successors the
	// clients that took the place of others.
	acked, seen int64
	successors  int
	// loading is set while producers take records from their schedule.
	loading bool
	run     uint64
	// fx is used by one step at a time.
	fx actor.Effects
}

// startTime of every simulated clock: times of records are milliseconds since 1970.
var startTime = time.Unix(1_700_000_000, 0)

func newSimulation(cfg Config, rec Recorder) *simulation {
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(uint64(cfg.Seed), n)) }
	s := &simulation{
		cfg: cfg, rec: rec, rng: stream(1), groups: stream(5), transactions: stream(7), cleaning: stream(13), hash: fnvOffset,
	}
	// What is drawn once has its own generator: the terrain of a seed does not depend on what the
	// run draws.
	draw := terrainOf(cfg.Seed)
	s.terrain = drawTerrain(draw, cfg)
	s.terrain.groups = drawGroups(cfg, s.groups)
	s.drawTransactions()
	if cfg.Walk != nil {
		s.walker = &walker{sim: s, Walk: *cfg.Walk, coordinator: nobody}
	}
	s.run = draw.Uint64() >> 1
	s.network = network{sim: s, byEnd: map[[2]endpoint]*link{}}
	for i, m := range s.terrain.cluster.members() {
		s.hosts = append(s.hosts, newHost(s, i, m))
	}
	s.checker = newChecker(s)
	s.nemesis = newNemesis(s, draw)
	s.story = story{sim: s, tell: cfg.Story}
	return s
}

// hostByID finds a node; nil if there is none.
func (s *simulation) hostByID(id int32) *host {
	for _, h := range s.hosts {
		if h.id == id {
			return h
		}
	}
	return nil
}

// hostAt finds the node whose peer listener has the address; nil if there is none.
func (s *simulation) hostAt(name string, port int32) *host {
	for _, h := range s.hosts {
		if port == peerPort && hostName(h.id) == name {
			return h
		}
	}
	return nil
}

// at makes an event; h may be nil.
func (s *simulation) at(at time.Duration, k kind, h *host, run func()) { s.drawn(at, k, h, s.rng, run) }

// drawn makes an event whose tie comes from a generator.
func (s *simulation) drawn(at time.Duration, k kind, h *host, draw *rand.Rand, run func()) {
	if at < s.now {
		panic(fmt.Sprintf("sim: an event at %v was made at %v", at, s.now))
	}
	s.made++
	e := event{at: at, tie: draw.Uint64(), draw: draw, id: s.made, kind: k, host: h, run: run}
	if h != nil {
		e.life = h.life
	}
	s.queue.push(e)
}

// after makes an event of no node.
func (s *simulation) after(d time.Duration, k kind, run func()) { s.at(s.now+d, k, nil, run) }

// jitter draws a duration around twice the given one: mostly between one and three times, seldom
// much more.
func (s *simulation) jitter(base time.Duration) time.Duration {
	d := base + time.Duration(s.rng.Int64N(int64(2*base)+1))
	if s.rng.IntN(50) == 0 {
		d += time.Duration(s.rng.Int64N(int64(20*base) + 1))
	}
	return d
}

// step lets the next event happen; it is false if there is none.
func (s *simulation) step() bool {
	if len(s.queue) == 0 {
		return false
	}
	e := s.queue.pop()
	s.now = e.at
	node := int32(-1)
	if h := e.host; h != nil {
		switch {
		case e.life != h.life:
			return true
		case h.paused:
			h.stalled = append(h.stalled, e)
			return true
		}
		node = h.id
	}
	s.digest = 0
	e.run()
	if s.walker != nil && s.walker.due {
		s.walker.strike()
	}
	s.events++
	s.hash = fnv(fnv(fnv(fnv(s.hash, e.id), uint64(e.at)), uint64(uint32(node))<<8|uint64(e.kind)), s.digest)
	return true
}

// until runs until done holds; it is false if the limit of time came first.
func (s *simulation) until(limit time.Duration, done func() bool) bool {
	for !done() {
		if len(s.queue) == 0 || s.queue[0].at > limit {
			s.now = max(s.now, limit)
			return false
		}
		s.step()
	}
	return true
}

// changed adds to the digest of the present event.
func (s *simulation) changed(numbers ...uint64) {
	for _, n := range numbers {
		s.digest = fnv(s.digest, n)
	}
}

// tell tells who listens to events.
func (s *simulation) tell(who, name, text string) {
	if s.cfg.Events != nil {
		s.cfg.Events(Line{At: s.now, Who: who, Text: name + ": " + text})
	}
}

// operation records what a client was told.
func (s *simulation) operation(op history.Operation) {
	op.Return = max(history.Time(s.now), 1) // 0 would be stamped by the recorder's own clock
	s.rec.Operation(op)
}

const fnvOffset, fnvPrime = 14695981039346656037, 1099511628211

// fnv adds the eight bytes of a number to an FNV-1a hash.
func fnv(h, number uint64) uint64 {
	for range 8 {
		h = (h ^ number&0xff) * fnvPrime
		number >>= 8
	}
	return h
}
