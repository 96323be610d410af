package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// recordOverhead is the most that a record takes in a batch besides its key and its value.
const recordOverhead = 32

// append gives writes to the shard, as few batches as they fit into: all commits that come while the one before
// is synced share a batch.
func (c *Coordinator) append(now time.Time, t *term, writes []group.Write, fx *actor.Effects) {
	if c.cfg.Bugs.Has(bug.CommitLostOnFailover) {
		writes = c.linger(now, t, writes, fx)
	}
	var builder batch.Builder
	var ids []uint64
	size := batch.HeaderLen
	flush := func() {
		if len(ids) > 0 {
			c.give(t, builder.Build(), ids, fx)
			builder, ids, size = batch.Builder{}, nil, batch.HeaderLen
		}
	}
	for _, w := range writes {
		bytes := 0
		for _, r := range w.Records {
			bytes += len(r.Key) + len(r.Value) + recordOverhead
		}
		if batch.HeaderLen+bytes > c.cfg.MaxBatch {
			t.machine.Written(now, w.ID, kerr.MessageTooLarge)
			continue
		}
		if size+bytes > c.cfg.MaxBatch {
			flush()
		}
		for _, r := range w.Records {
			builder.Add(r.Key, r.Value, r.Timestamp)
		}
		size += bytes
		ids = append(ids, w.ID)
	}
	flush()
}

func (c *Coordinator) give(t *term, v batch.View, ids []uint64, fx *actor.Effects) {
	fx.Send(api.ShardOf(t.replica, c.cfg.Shards), api.ProducePart{
		Ticket:  partition.Ticket{To: api.Coordinator, Call: c.call(call{t, ids})},
		Replica: t.replica, Batch: v, Acks: -1, Epoch: t.epoch,
	})
}

// appended tells the machine what became of the writes of a batch.
func (c *Coordinator) appended(now time.Time, m api.ProduceDone) {
	k, ok := c.answered(m.Call)
	if !ok {
		return
	}
	for _, id := range k.writes {
		k.term.machine.Written(now, id, kerr.TypedErrorForCode(m.Error))
	}
}

// lingerFor is how long the planted bug keeps commits back.
const lingerFor = time.Second

// linger is bug.CommitLostOnFailover: commits are acknowledged at once, and appended a second later. It gives the
// writes that are not commits.
func (c *Coordinator) linger(now time.Time, t *term, writes []group.Write, fx *actor.Effects) (rest []group.Write) {
	for _, w := range writes {
		if !w.Offsets {
			rest = append(rest, w)
			continue
		}
		t.machine.Written(now, w.ID, nil)
		t.lazy = append(t.lazy, w)
	}
	if len(t.lazy) > 0 && !t.lingering {
		t.lingering = true
		fx.After(lingerFor, lazyTick{t})
	}
	return rest
}

// appendLazy appends what was kept back.
func (c *Coordinator) appendLazy(_ time.Time, t *term, fx *actor.Effects) {
	lazy := t.lazy
	t.lazy, t.lingering = nil, false
	if t.over {
		return
	}
	for _, w := range lazy {
		var builder batch.Builder
		for _, r := range w.Records {
			builder.Add(r.Key, r.Value, r.Timestamp)
		}
		c.give(t, builder.Build(), nil, fx)
	}
}
