package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
)

// machine decides about the keys of one partition of an internal topic, for one term.
type machine interface {
	// Load takes a record of the log, in its order.
	Load(key, value []byte) error
	// Written tells what became of a write, Resign that the term is over.
	Written(now time.Time, id uint64, err *kerr.Error)
	Resign(err *kerr.Error)
	// Next is when Tick must be called; ok is false if nothing is due.
	Next() (at time.Time, ok bool)
	Tick(now time.Time)
}

// office is what the coordinators of a broker have in common, whatever they coordinate.
type office struct {
	// self is the actor's address, topic the name of the internal topic.
	self  actor.Address
	topic string
	// broker is this broker's id, shards how many shards it has, maxBatch the largest batch that one takes, in bytes.
	broker   int32
	shards   int
	maxBatch int
	// backOff comes before a question to a shard is asked again.
	backOff time.Duration
}

// terms are those of one coordinator: the partitions of its topic that the broker leads now.
type terms[M machine] struct {
	office
	image *metadata.Image // nil until the first one has come
	// led are the partitions led here, by index.
	led map[int32]*term[M]
	// calls are questions to shards, and batches given to them, that are not answered.
	calls map[uint64]call[M]
	next  uint64
	// lease is until when nobody else can coordinate what is led here.
	lease time.Time
	// armed is when the next tick comes, zero for never.
	armed time.Time
	// fresh makes the machine of a term that begins, in its epoch. The coordinator has begun to serve a term when loaded is called;
	// taken gives what a machine wants written, and what happened.
	fresh  func(epoch int32) M
	loaded func(now time.Time, t *term[M], fx *actor.Effects)
	taken  func(now time.Time, t *term[M], fx *actor.Effects) ([]write, []event.Event)
}

// term is the time in which this broker leads one partition in one epoch.
type term[M machine] struct {
	replica api.Replica
	epoch   int32
	machine M
	// began is when; served is set once the keys of the partition are served.
	began  time.Time
	served bool
	load   load
	over   bool
}

// call is a question of a term to its shard, or the writes of a batch. done, if not nil, takes what became of a batch
// that is none of the machine's, also when the term is over.
type call[M machine] struct {
	term   *term[M]
	writes []uint64
	done   func(api.ProduceDone)
}

// witness is a machine that has part in transactions: what stands in one is told as such, and so are markers, in the
// order of the log.
type witness interface {
	LoadPending(producer int64, key, value []byte) error
	Decide(producer int64, commit bool)
}

// tick wakes the machines; again asks the shard of a term once more.
type (
	tick               struct{}
	again[M machine]   struct{ term *term[M] }
	loading[M machine] struct {
		term  *term[M]
		owner actor.Address
		token any
	}
)

// step takes the messages that every coordinator gets; ok is false for any other.
func (ts *terms[M]) step(now time.Time, message any, fx *actor.Effects) (ok bool) {
	switch m := message.(type) {
	case api.ProduceDone:
		ts.appended(now, m)
	case api.OffsetAnswer:
		ts.bounded(now, m, fx)
	case api.FetchData:
		ts.found(now, m, fx)
	case actor.Loaded:
		ts.read(now, m, fx)
	case again[M]:
		ts.ask(now, m.term, fx)
	case tick:
		ts.armed = time.Time{}
		if ts.lapsed(now) {
			break // who is silent may be heard elsewhere
		}
		for _, t := range ts.ordered() {
			t.machine.Tick(now)
		}
	default:
		return false
	}
	return true
}

// ordered gives the terms whose keys are served, by partition.
func (ts *terms[M]) ordered() []*term[M] {
	var all []*term[M]
	for _, index := range slices.Sorted(maps.Keys(ts.led)) {
		if t := ts.led[index]; t.served {
			all = append(all, t)
		}
	}
	return all
}

// follow begins and ends terms as the image says.
func (ts *terms[M]) follow(now time.Time, image *metadata.Image, fx *actor.Effects) {
	ts.image = image
	topic := image.Topic(ts.topic)
	for _, index := range slices.Sorted(maps.Keys(ts.led)) {
		t := ts.led[index]
		if p := ts.leads(topic, index); p == nil || p.LeaderEpoch != t.epoch || topic.ID != t.replica.Topic {
			delete(ts.led, index)
			t.over = true
			t.machine.Resign(kerr.NotCoordinator)
		}
	}
	if topic == nil {
		return
	}
	for i := range topic.Partitions {
		if p := ts.leads(topic, int32(i)); p != nil && ts.led[p.Index] == nil {
			ts.begin(now, topic.ID, p, fx)
		}
	}
}

// leads gives a partition if this broker leads it.
func (ts *terms[M]) leads(topic *metadata.Topic, index int32) *metadata.Partition {
	if topic == nil || int(index) >= len(topic.Partitions) || topic.Partitions[index].Leader != ts.broker {
		return nil
	}
	return &topic.Partitions[index]
}

// of gives the term that serves a key, or Kafka's error of who cannot.
func (ts *terms[M]) of(now time.Time, key string) (*term[M], *kerr.Error) {
	if ts.image == nil || ts.lapsed(now) {
		return nil, kerr.CoordinatorNotAvailable
	}
	topic := ts.image.Topic(ts.topic)
	if topic == nil || len(topic.Partitions) == 0 {
		return nil, kerr.CoordinatorNotAvailable
	}
	index := api.CoordinatorPartition(key, len(topic.Partitions))
	t := ts.led[index]
	switch {
	case topic.Partitions[index].Leader == metadata.NoLeader:
		return nil, kerr.CoordinatorNotAvailable
	case t == nil:
		return nil, kerr.NotCoordinator
	case !t.served:
		return nil, kerr.CoordinatorLoadInProgress
	}
	return t, nil
}

// drain appends what the machines want written, tells what happened, and asks to be woken when something is due.
func (ts *terms[M]) drain(now time.Time, fx *actor.Effects) {
	var earliest time.Time
	for _, t := range ts.ordered() {
		writes, events := ts.taken(now, t, fx)
		for len(writes) > 0 {
			ts.append(now, t, writes, fx)
			more, news := ts.taken(now, t, fx)
			writes, events = more, append(events, news...)
		}
		for _, e := range events {
			fx.Emit(e)
		}
		if at, ok := t.machine.Next(); ok && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	if !earliest.IsZero() && !ts.lapsed(now) && (ts.armed.IsZero() || earliest.Before(ts.armed)) {
		ts.armed = earliest
		fx.After(max(earliest.Sub(now), 0), tick{})
	}
}
