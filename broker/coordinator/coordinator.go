package coordinator

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/metadata"
)

// Coordinator is the actor of the groups of one broker.
type Coordinator struct {
	terms[*group.Machine]
	cfg Config
	ids uint64
	// out is what the present step has to say.
	out []actor.Send
	// expiring is set while the timer of that runs.
	expiring bool
	// lazy are writes that a planted bug keeps back.
	lazy map[*term[*group.Machine]][]group.Write
}

// expireTick looks through the groups for what is kept no longer.
type expireTick struct{}

// Report asks how many groups there are in each state; Done is called with the answer, from the actor.
type Report struct{ Done func(map[group.State]int) }

// New makes the coordinator of a broker. It waits for its first image.
func New(cfg Config) *Coordinator {
	if cfg.ExpireEvery == 0 {
		cfg.ExpireEvery = DefaultExpireEvery
	}
	c := &Coordinator{cfg: cfg, lazy: map[*term[*group.Machine]][]group.Write{}}
	c.terms = terms[*group.Machine]{
		office: office{
			self: api.Coordinator, topic: metadata.ConsumerOffsets, broker: cfg.Self, shards: cfg.Shards, maxBatch: cfg.MaxBatch, backOff: cfg.BackOff,
		},
		led: map[int32]*term[*group.Machine]{}, calls: map[uint64]call[*group.Machine]{},
		fresh: func(int32) *group.Machine { return group.New(c.cfg.Groups) }, loaded: c.loaded, taken: c.taken,
	}
	c.cfg.Groups.NewID = c.newID
	c.cfg.Groups.Bugs = group.Bugs{
		TwoOwners: cfg.Bugs.Has(bug.TwoOwners), EOSZombie: cfg.Bugs.Has(bug.EOSZombie), UnstableOffsets: cfg.Bugs.Has(bug.UnstableOffsets),
		OffsetsOutsideTransaction: cfg.Bugs.Has(bug.OffsetsOutsideTransaction),
		ZombieCommit:              cfg.Bugs.Has(bug.ZombieCommit), OffsetsReset: cfg.Bugs.Has(bug.OffsetsReset),
	}
	return c
}

// Step implements actor.Actor.
func (c *Coordinator) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case api.NewImage:
		c.news(now, m.Image, fx)
	case api.Lease:
		if c.renew(now, m) { // after a lapse members have a whole session before them: they could not be heard
			for _, t := range c.ordered() {
				t.machine.Loaded(now)
			}
		}
	case api.CoordinatorRequest:
		c.request(now, m)
	case api.OffsetsMarker:
		c.mark(m, fx)
	case expireTick:
		c.expire(now, fx)
	case lazyTick:
		c.appendLazy(m.term, fx)
	case Report:
		c.report(m)
	case actor.Drained:
		c.drain(now, fx)
	default:
		if !c.step(now, message, fx) {
			panic(fmt.Sprintf("coordinator: got %T", message))
		}
	}
	fx.Sends = append(fx.Sends, c.out...)
	clear(c.out)
	c.out = c.out[:0]
}

// news begins and ends terms, and takes offsets back whose topics are gone.
func (c *Coordinator) news(now time.Time, image *metadata.Image, fx *actor.Effects) {
	before := c.image
	c.follow(now, image, fx)
	c.expireLater(fx)
	if before != nil && deleted(before, image) {
		for _, t := range c.ordered() {
			t.machine.Forget(now, c.isGone)
		}
	}
}

// deleted reports whether there is a topic less, or another of the same name.
func deleted(before, image *metadata.Image) bool {
	return slices.ContainsFunc(before.Names(), func(name string) bool { return image.TopicByID(before.Topic(name).ID) == nil })
}

// loaded begins to serve the groups of a partition.
func (c *Coordinator) loaded(now time.Time, t *term[*group.Machine], fx *actor.Effects) {
	t.machine.Loaded(now)
	t.machine.Forget(now, c.isGone)
	groups, offsets := t.machine.Size()
	fx.Emit(event.CoordinatorLoaded{
		Partition: t.replica.Partition, LeaderEpoch: t.epoch, Groups: groups, Offsets: offsets,
		Records: t.load.records, Unreadable: t.load.unreadable, Milliseconds: now.Sub(t.began).Milliseconds(),
	})
}

// taken gives what a machine wants written, and what happened.
func (c *Coordinator) taken(now time.Time, t *term[*group.Machine], fx *actor.Effects) (writes []write, events []event.Event) {
	for {
		wanted, news := t.machine.Take()
		events = append(events, news...)
		kept := wanted
		if c.cfg.Bugs.Has(bug.CommitLostOnFailover) {
			kept = c.linger(now, t, wanted, fx)
		}
		for _, w := range kept {
			one := write{id: w.ID, records: make([]record, len(w.Records))}
			if p := w.Producer; p != nil {
				one.producer = &producer{p.ID, p.Epoch, p.Guard}
			}
			for i, r := range w.Records {
				one.records[i] = record{r.Key, r.Value, r.Timestamp}
			}
			writes = append(writes, one)
		}
		if len(kept) > 0 || len(wanted) == 0 {
			return writes, events
		}
	}
}

// isGone reports whether a topic with a committed offset is not there any more.
func (c *Coordinator) isGone(name string, id [16]byte) bool {
	topic := c.image.Topic(name)
	return topic == nil || id != [16]byte{} && id != [16]byte(topic.ID)
}

// expire looks through all groups, and again some time later as long as there are any.
func (c *Coordinator) expire(now time.Time, fx *actor.Effects) {
	c.expiring = false
	for _, t := range c.ordered() {
		t.machine.Expire(now)
	}
	c.expireLater(fx)
}

func (c *Coordinator) expireLater(fx *actor.Effects) {
	if !c.expiring && len(c.led) > 0 {
		c.expiring = true
		fx.After(c.cfg.ExpireEvery, expireTick{})
	}
}

func (c *Coordinator) report(m Report) {
	counts := map[group.State]int{}
	for _, t := range c.ordered() {
		for state, n := range t.machine.States() {
			counts[state] += n
		}
	}
	m.Done(counts)
}
