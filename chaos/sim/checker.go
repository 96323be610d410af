package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
)

// Violation of an invariant, seen from inside.
type Violation struct {
	At        time.Duration
	Invariant string
	Text      string
}

func (v Violation) String() string { return fmt.Sprintf("%v: %s: %s", v.At, v.Invariant, v.Text) }

// violationsMax is how many are kept: the first ones say it all.
const violationsMax = 20

// checker looks at the nodes after every event.
//
//	watermarks   log start <= high watermark <= log end; none goes back in a life of the node, the
//	             log start never; the high watermark moves only to the end of a sync that was run
//	ack          nothing is acknowledged above the high watermark, so above what is synced
//	durability   what was acknowledged is in the log, also after every recovery
//	session-order  answers come in the order of requests (client.answered)
//	start, node  a node starts on what a crash left, and does not stop by itself
type checker struct {
	sim        *simulation
	violations []Violation
	parts      []watched
	// asked holds the batches that shards have not answered.
	asked map[partition.Ticket]asked
	// ends of syncs that were run, by the shard that has not heard of them, in order.
	ends map[*box][]int64
}

// watched is what the checker knows of a partition.
type watched struct {
	life                         uint64 // of the node when it was looked at; 0 for never
	leading                      bool
	logStart, highWatermark, end int64
	// acked is the end of what was acknowledged; recovered is where the last recovery ended.
	acked, recovered int64
}

// asked is one batch given to a shard.
type asked struct {
	partition int32
	count     int64
	// end of the log when the batch came.
	end int64
}

func newChecker(s *simulation) checker {
	return checker{
		sim: s, parts: make([]watched, s.terrain.load.Partitions),
		asked: map[partition.Ticket]asked{}, ends: map[*box][]int64{},
	}
}

func (c *checker) violated(invariant, format string, args ...any) {
	if len(c.violations) < violationsMax {
		c.violations = append(c.violations, Violation{c.sim.now, invariant, fmt.Sprintf(format, args...)})
	}
}

// recovered looks at a log that a node has opened.
func (c *checker) recovered(h *host, found nodeevent.LogRecovered) {
	w := &c.parts[found.Partition]
	c.sim.story.recovered(h, w, found)
	if found.EndOffset < w.acked {
		c.violated("durability", "%s: acknowledged up to offset %d, recovered only up to %d", place(int(found.Partition)), w.acked-1, found.EndOffset-1)
	}
	switch {
	case found.Clean || w.life == 0:
	case found.EndOffset < w.end:
		c.sim.marks[UnsyncedLost]++
	case found.EndOffset > 0:
		c.sim.marks[RecoveredWhole]++
	}
	if found.TruncatedBytes > 0 {
		c.sim.marks[TornTailCut]++
	}
	if found.Segments > 1 {
		c.sim.marks[SegmentRolled]++
	}
	w.recovered = found.EndOffset
}

// before notes which batches a shard is about to look at.
func (c *checker) before(_ *host, b *box, messages []any) {
	if b.address.Role != actor.Shard {
		return
	}
	for _, m := range messages {
		if p, ok := m.(api.ProducePart); ok {
			c.asked[p.Ticket] = asked{p.Replica.Partition, int64(p.Batch.Count()), c.parts[p.Replica.Partition].end}
		}
	}
}

// syncing is told of a sync that begins, ran that it is on disk and the shard will hear of it.
func (c *checker) syncing(b *box, s actor.Sync) { c.sim.story.syncing(b, s) }

func (c *checker) ran(b *box, s actor.Sync) {
	if point, ok := s.Syncer.(log.SyncPoint); ok && b.address.Role == actor.Shard {
		c.ends[b] = append(c.ends[b], point.End)
	}
	c.sim.story.synced(s)
}

// after looks at a shard that has taken its inbox.
func (c *checker) after(h *host, b *box, messages []any, fx *actor.Effects) {
	if b.address.Role != actor.Shard {
		return
	}
	ended := 0
	for _, m := range messages {
		if _, ok := m.(actor.SyncDone); ok {
			ended++
		}
	}
	ends := c.ends[b][:ended]
	c.ends[b] = c.ends[b][ended:]
	c.look(h, b, ends)
	answers := 0
	for _, s := range fx.Sends {
		switch m := s.Message.(type) {
		case api.ProduceDone:
			ticket := partition.Ticket{To: s.To, Call: m.Call, Part: m.Part}
			if m.Error == 0 {
				answers++
				c.acknowledged(h, c.asked[ticket], m)
			} else if m.Error == codeOutOfOrder {
				c.sim.marks[SequenceRefused]++
			}
			delete(c.asked, ticket)
		case api.FetchWake:
			c.sim.marks[FetchWoken]++
		}
	}
	if ended > 0 && answers > 1 {
		c.sim.marks[GroupCommit]++
	}
}

// look compares the watermarks of a shard's partitions with those before.
func (c *checker) look(h *host, b *box, ends []int64) {
	var found []node.Replica
	var none actor.Effects
	b.actor.Step(startTime, node.Report{Done: func(w []node.Replica) { found = w }}, &none)
	slices.SortFunc(found, func(a, b node.Replica) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, now := range found {
		w := &c.parts[now.Partition]
		c.sim.changed(uint64(now.Partition), uint64(now.LogStart), uint64(now.HighWatermark), uint64(now.LogEnd))
		where := place(int(now.Partition))
		if now.LogStart > now.HighWatermark || now.HighWatermark > now.LogEnd {
			c.violated("watermarks", "%s: log start %d, high watermark %d, log end %d are not in order", where, now.LogStart, now.HighWatermark, now.LogEnd)
		}
		if now.LogStart < w.logStart {
			c.violated("watermarks", "%s: the log start went back from %d to %d", where, w.logStart, now.LogStart)
		}
		if w.life == h.life && w.leading {
			c.compare(w, now, ends, h.syncs > 0)
		}
		c.sim.story.looked(h, w, now)
		*w = watched{h.life, now.Role == node.Leading, now.LogStart, now.HighWatermark, now.LogEnd, w.acked, w.recovered}
	}
}

// compare looks at one partition within a life of its node.
func (c *checker) compare(w *watched, now node.Replica, ends []int64, syncing bool) {
	where := place(int(now.Partition))
	switch {
	case now.HighWatermark < w.highWatermark:
		c.violated("watermarks", "%s: the high watermark went back from %d to %d", where, w.highWatermark, now.HighWatermark)
	case now.HighWatermark > w.highWatermark && !slices.Contains(ends, now.HighWatermark):
		c.violated("watermarks", "%s: the high watermark moved to %d, no sync had ended there", where, now.HighWatermark)
	}
	if now.LogEnd < w.end {
		c.violated("watermarks", "%s: the log end went back from %d to %d", where, w.end, now.LogEnd)
	}
	if now.LogEnd > w.end && syncing {
		c.sim.marks[SyncAgainWhileSyncing]++
	}
}

// acknowledged looks at the answer to a batch.
func (c *checker) acknowledged(h *host, a asked, m api.ProduceDone) {
	w := &c.parts[a.partition]
	end := m.BaseOffset + a.count
	if end > w.highWatermark {
		c.violated("ack", "%s: offsets %d to %d are acknowledged, the high watermark is %d: they are not synced", place(int(a.partition)), m.BaseOffset, end-1, w.highWatermark)
	}
	if m.BaseOffset < a.end {
		c.sim.marks[DuplicateAnswered]++
		if h.life > 1 && m.BaseOffset < w.recovered {
			c.sim.marks[DuplicateAfterCrash]++
			c.sim.story.duplicate(h, a.partition, m.BaseOffset)
		}
	}
	w.acked = max(w.acked, end)
}
