package coordinator

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Coordinator is the actor of the groups of one broker.
type Coordinator struct {
	cfg   Config
	image *metadata.Image // nil until the first one has come
	topic metadata.TopicID
	// terms are the partitions led here, by index.
	terms map[int32]*term
	// calls are questions to shards, and batches given to them, that are not answered.
	calls map[uint64]call
	next  uint64
	ids   uint64
	// lease is until when nobody else can coordinate what is led here.
	lease time.Time
	// out is what the present step has to say.
	out []actor.Send
	// armed is when the next tick comes, zero for never; expiring is set while the timer of that runs.
	armed    time.Time
	expiring bool
}

// term is the time in which this broker leads one partition in one epoch.
type term struct {
	replica api.Replica
	epoch   int32
	machine *group.Machine
	// began is when; loaded is set once the groups are served.
	began  time.Time
	loaded bool
	load   load
	over   bool
	// lazy are writes that a planted bug keeps back, lingering is set while the timer for them runs.
	lazy      []group.Write
	lingering bool
}

// call is a question of a term to its shard, or the writes of a batch.
type call struct {
	term   *term
	writes []uint64
}

// tick wakes the machines, expireTick looks through them for what is kept no longer, again asks a shard once
// more, lazyTick is a planted bug's.
type (
	tick       struct{}
	expireTick struct{}
	again      struct{ term *term }
	lazyTick   struct{ term *term }
)

// Report asks how many groups there are in each state; Done is called with the answer, from the actor.
type Report struct{ Done func(map[group.State]int) }

// New makes the coordinator of a broker. It waits for its first image.
func New(cfg Config) *Coordinator {
	if cfg.ExpireEvery == 0 {
		cfg.ExpireEvery = DefaultExpireEvery
	}
	c := &Coordinator{cfg: cfg, terms: map[int32]*term{}, calls: map[uint64]call{}}
	c.cfg.Groups.NewID = c.newID
	c.cfg.Groups.Bugs = group.Bugs{TwoOwners: cfg.Bugs.Has(bug.TwoOwners)}
	return c
}

// Step implements actor.Actor.
func (c *Coordinator) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case api.NewImage:
		c.follow(now, m.Image, fx)
	case api.Lease:
		c.renew(now, m)
	case api.CoordinatorRequest:
		c.request(now, m)
	case api.ProduceDone:
		c.appended(now, m)
	case api.OffsetAnswer:
		c.bounded(now, m, fx)
	case api.FetchData:
		c.found(now, m, fx)
	case actor.Loaded:
		c.read(now, m, fx)
	case again:
		c.ask(now, m.term, fx)
	case tick:
		c.armed = time.Time{}
		if c.lapsed(now) {
			break // who is silent may be heard elsewhere
		}
		for _, t := range c.ordered() {
			t.machine.Tick(now)
		}
	case expireTick:
		c.expire(now, fx)
	case lazyTick:
		c.appendLazy(now, m.term, fx)
	case Report:
		c.report(m)
	case actor.Drained:
		c.drain(now, fx)
	default:
		panic(fmt.Sprintf("coordinator: got %T", message))
	}
	fx.Sends = append(fx.Sends, c.out...)
	clear(c.out)
	c.out = c.out[:0]
}

// ordered gives the terms whose groups are served, by partition.
func (c *Coordinator) ordered() []*term {
	var all []*term
	for _, index := range slices.Sorted(maps.Keys(c.terms)) {
		if t := c.terms[index]; t.loaded {
			all = append(all, t)
		}
	}
	return all
}

// follow begins and ends terms as the image says.
func (c *Coordinator) follow(now time.Time, image *metadata.Image, fx *actor.Effects) {
	before := c.image
	c.image = image
	topic := image.Topic(metadata.ConsumerOffsets)
	if topic != nil {
		c.topic = topic.ID
	}
	for _, index := range slices.Sorted(maps.Keys(c.terms)) {
		t := c.terms[index]
		if p := c.led(topic, index); p == nil || p.LeaderEpoch != t.epoch || topic.ID != t.replica.Topic {
			delete(c.terms, index)
			t.over = true
			t.machine.Resign(kerr.NotCoordinator)
		}
	}
	if topic != nil {
		for i := range topic.Partitions {
			if p := c.led(topic, int32(i)); p != nil && c.terms[p.Index] == nil {
				c.begin(now, topic.ID, p, fx)
			}
		}
	}
	if before != nil && deleted(before, image) {
		for _, t := range c.ordered() {
			t.machine.Forget(now, c.isGone)
		}
	}
}

// led gives a partition if this broker leads it.
func (c *Coordinator) led(topic *metadata.Topic, index int32) *metadata.Partition {
	if topic == nil || int(index) >= len(topic.Partitions) || topic.Partitions[index].Leader != c.cfg.Self {
		return nil
	}
	return &topic.Partitions[index]
}

// deleted reports whether there is a topic less, or another of the same name.
func deleted(before, image *metadata.Image) bool {
	return slices.ContainsFunc(before.Names(), func(name string) bool { return image.TopicByID(before.Topic(name).ID) == nil })
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
	if !c.expiring && len(c.terms) > 0 {
		c.expiring = true
		fx.After(c.cfg.ExpireEvery, expireTick{})
	}
}

// drain appends what the machines want written, tells what happened, and asks to be woken when something is due.
func (c *Coordinator) drain(now time.Time, fx *actor.Effects) {
	var earliest time.Time
	for _, t := range c.ordered() {
		writes, events := t.machine.Take()
		for len(writes) > 0 {
			c.append(now, t, writes, fx)
			more, news := t.machine.Take()
			writes, events = more, append(events, news...)
		}
		for _, e := range events {
			fx.Emit(e)
		}
		if at, ok := t.machine.Next(); ok && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	if !earliest.IsZero() && !c.lapsed(now) && (c.armed.IsZero() || earliest.Before(c.armed)) {
		c.armed = earliest
		fx.After(max(earliest.Sub(now), 0), tick{})
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
