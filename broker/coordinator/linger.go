package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/group"
)

// lingerFor is how long the planted bug keeps commits back.
const lingerFor = time.Second

// lazyTick appends what the planted bug has kept back.
type lazyTick struct{ term *term[*group.Machine] }

// linger is bug.CommitLostOnFailover: commits are acknowledged at once, and appended a second later. It gives the
// writes that are not commits.
func (c *Coordinator) linger(now time.Time, t *term[*group.Machine], writes []group.Write, fx *actor.Effects) (rest []group.Write) {
	lazy, lingering := c.lazy[t]
	for _, w := range writes {
		if !w.Offsets {
			rest = append(rest, w)
			continue
		}
		t.machine.Written(now, w.ID, nil)
		lazy = append(lazy, w)
	}
	if len(lazy) > 0 {
		c.lazy[t] = lazy
		if !lingering {
			fx.After(lingerFor, lazyTick{t})
		}
	}
	return rest
}

// appendLazy appends what was kept back.
func (c *Coordinator) appendLazy(t *term[*group.Machine], fx *actor.Effects) {
	lazy := c.lazy[t]
	delete(c.lazy, t)
	if t.over {
		return
	}
	for _, w := range lazy {
		var builder batch.Builder
		for _, r := range w.Records {
			builder.Add(r.Key, r.Value, r.Timestamp)
		}
		c.give(t, api.ProducePart{Batch: builder.Build()}, call[*group.Machine]{term: t}, fx)
	}
}
