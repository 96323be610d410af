package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// load is how far the reading of a partition has got: up to next, of start to end. Both are -1 until the shard has
// told them.
type load struct {
	start, end, next    int64
	records, unreadable int
}

// loadBytes is how much is read at a time (offsets.load.buffer.size).
const loadBytes = 5 << 20

// begin begins a term.
func (c *Coordinator) begin(now time.Time, id metadata.TopicID, p *metadata.Partition, fx *actor.Effects) {
	t := &term{
		replica: api.Replica{Topic: id, Partition: p.Index}, epoch: p.LeaderEpoch,
		machine: group.New(c.cfg.Groups), began: now, load: load{start: -1, end: -1},
	}
	c.terms[p.Index] = t
	c.ask(now, t, fx)
	c.expireLater(fx)
}

// call notes a question to a shard.
func (c *Coordinator) call(k call) uint64 {
	c.next++
	c.calls[c.next] = k
	return c.next
}

// answered gives the call that an answer belongs to; ok is false if its term is over.
func (c *Coordinator) answered(id uint64) (k call, ok bool) {
	k, ok = c.calls[id]
	delete(c.calls, id)
	return k, ok && !k.term.over
}

// ask asks the shard for what the term needs next: where its log ends, where it begins, what is in it.
func (c *Coordinator) ask(now time.Time, t *term, fx *actor.Effects) {
	if t.over {
		return
	}
	shard := api.ShardOf(t.replica, c.cfg.Shards)
	query := func(timestamp int64) {
		fx.Send(shard, api.OffsetQuery{
			Ticket:  partition.Ticket{To: api.Coordinator, Call: c.call(call{term: t})},
			Replica: t.replica, Timestamp: timestamp, Epoch: t.epoch,
		})
	}
	switch {
	case t.load.end < 0:
		query(api.LatestOffset)
	case t.load.start < 0:
		query(api.EarliestOffset)
	case t.load.next >= t.load.end && c.lapsed(now): // who lets it lead may be old
		c.askAgain(t, fx)
	case t.load.next >= t.load.end:
		c.loaded(now, t, fx)
	default:
		fx.Send(shard, api.FetchRead{
			To: api.Coordinator, Call: c.call(call{term: t}), Round: 1, Replica: -1, BrokerEpoch: -1, MaxBytes: loadBytes,
			Parts: []api.FetchPart{{Replica: t.replica, Offset: t.load.next, Epoch: t.epoch, LastEpoch: -1, MaxBytes: loadBytes}},
		})
	}
}

// askAgain does so after a while: the shard could not answer yet, or an image that ends the term is on its way.
func (c *Coordinator) askAgain(t *term, fx *actor.Effects) { fx.After(c.cfg.BackOff, again{t}) }

// bounded takes where the log ends, or begins. The end is told once the high watermark has reached the start of the
// epoch.
func (c *Coordinator) bounded(now time.Time, m api.OffsetAnswer, fx *actor.Effects) {
	k, ok := c.answered(m.Call)
	switch {
	case !ok:
		return
	case m.Error != 0:
		c.askAgain(k.term, fx)
		return
	case k.term.load.end < 0:
		k.term.load.end = m.Offset
	default:
		k.term.load.start, k.term.load.next = m.Offset, m.Offset
	}
	c.ask(now, k.term, fx)
}

// loading is the token of a range that is read.
type loading struct {
	term  *term
	owner actor.Address
	token any
}

func (c *Coordinator) found(now time.Time, m api.FetchData, fx *actor.Effects) {
	k, ok := c.answered(m.Call)
	r := m.Results[0]
	switch {
	case !ok && r.Source != nil:
		r.Source.Release()
	case !ok:
	case r.Error == kerr.OffsetOutOfRange.Code: // retention or a cleaner has moved the start meanwhile
		k.term.load.start = -1
		c.askAgain(k.term, fx)
	case r.Source != nil:
		fx.Load(r.Source, loading{k.term, r.Owner, r.Token})
	case r.Error != 0:
		c.askAgain(k.term, fx)
	default: // nothing is left below the end
		k.term.load.next = k.term.load.end
		c.ask(now, k.term, fx)
	}
}

// read takes the records of a range.
func (c *Coordinator) read(now time.Time, m actor.Loaded, fx *actor.Effects) {
	l := m.Token.(loading)
	if m.Err != nil {
		fx.Send(l.owner, actor.ReadFailed{Token: l.token, Err: m.Err})
		c.askAgain(l.term, fx)
		return
	}
	if l.term.over {
		return
	}
	before := l.term.load.next
	for data := m.Data; len(data) > 0; {
		v, rest, err := batch.Next(data)
		if err != nil { // the last one is cut
			break
		}
		l.term.take(v)
		data = rest
	}
	if l.term.load.next == before {
		c.askAgain(l.term, fx)
		return
	}
	c.ask(now, l.term, fx)
}

// take replays a batch.
func (t *term) take(v batch.View) {
	from := t.load.next
	t.load.next = max(from, v.LastOffset()+1)
	records, err := batch.Records(v)
	if err != nil {
		t.load.unreadable += int(v.Count())
		t.load.records += int(v.Count())
		return
	}
	for i := range records {
		if records[i].Offset < from || v.IsControl() {
			continue
		}
		t.load.records++
		if err := t.machine.Load(records[i].Key, records[i].Value); err != nil {
			t.load.unreadable++
		}
	}
}

func (c *Coordinator) loaded(now time.Time, t *term, fx *actor.Effects) {
	t.loaded = true
	t.machine.Loaded(now)
	t.machine.Forget(now, c.isGone)
	groups, offsets := t.machine.Size()
	fx.Emit(event.CoordinatorLoaded{
		Partition: t.replica.Partition, LeaderEpoch: t.epoch, Groups: groups, Offsets: offsets,
		Records: t.load.records, Unreadable: t.load.unreadable, Milliseconds: now.Sub(t.began).Milliseconds(),
	})
}
