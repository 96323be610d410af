package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
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
//	             log start never
//	ack          nothing is acknowledged above the high watermark
//	durability   what was acknowledged is in the log, also after every recovery
//	session-order  answers come in the order of requests (connection.answered)
//	calls        what nodes send each other can be read, and is sent to who is there
//	start, node  a node starts on what a crash left, and does not stop by itself
type checker struct {
	sim        *simulation
	violations []Violation
	// parts holds what is known of replicas, by node and partition; acked is the end of what was
	// acknowledged, by partition.
	parts [][]watched
	acked []int64
	// asked holds the batches that shards have not answered.
	asked map[askedOf]asked
	// image is the newest that any node has published.
	image *metadata.Image
	// active is the node that has last become the controller, in which term.
	active     *host
	activeTerm int32
}

// watched is what the checker knows of a replica.
type watched struct {
	life                         uint64 // of the node when it was looked at; 0 for never
	logStart, highWatermark, end int64
	// recovered is where the last recovery ended.
	recovered int64
}

// askedOf names a batch that a shard was given.
type askedOf struct {
	host   *host
	ticket partition.Ticket
}

// asked is one batch given to a shard.
type asked struct {
	partition int32
	count     int64
	// end of the log when the batch came.
	end int64
}

func newChecker(s *simulation) checker {
	c := checker{sim: s, asked: map[askedOf]asked{}, acked: make([]int64, s.terrain.load.Partitions)}
	for range s.hosts {
		c.parts = append(c.parts, make([]watched, s.terrain.load.Partitions))
	}
	return c
}

func (c *checker) violated(invariant, format string, args ...any) {
	if len(c.violations) < violationsMax {
		c.violations = append(c.violations, Violation{c.sim.now, invariant, fmt.Sprintf(format, args...)})
	}
}

// partition of the topic as the newest image has it; nil if there is none.
func (c *checker) partition(index int) *metadata.Partition {
	if c.image == nil {
		return nil
	}
	topic := c.image.Topic(Topic)
	if topic == nil || index >= len(topic.Partitions) {
		return nil
	}
	return &topic.Partitions[index]
}

// controller is the node that decides; nil if none is known to.
func (c *checker) controller() *host {
	if c.active == nil || !c.active.up {
		return nil
	}
	return c.active
}

// whole reports whether every replica is in the ISR of its partition.
func (c *checker) whole() bool {
	for i := range c.parts[0] {
		p := c.partition(i)
		if p == nil || len(p.ISR) < len(p.Replicas) {
			return false
		}
	}
	return true
}

// published is told of an image that a node has applied.
func (c *checker) published(_ *host, image *metadata.Image) {
	if c.image == nil || image.Offset > c.image.Offset {
		c.image = image
	}
}

// crashed is told of a node that has ended.
func (c *checker) crashed(*host) {}

// happened is told of every event that a node's actor emits.
func (c *checker) happened(h *host, e nodeevent.Event) {
	switch e := e.(type) {
	case nodeevent.LogRecovered:
		c.recovered(h, e)
	case nodeevent.ControllerActive:
		if e.Term >= c.activeTerm {
			c.active, c.activeTerm = h, e.Term
		}
	}
}

// recovered looks at a log that a node has opened.
func (c *checker) recovered(h *host, found nodeevent.LogRecovered) {
	w := &c.parts[h.slot][found.Partition]
	c.sim.story.recovered(h, w, found)
	if found.EndOffset < c.acked[found.Partition] && c.sim.terrain.cluster.Replication == 1 {
		c.violated("durability", "%s: acknowledged up to offset %d, recovered only up to %d", place(int(found.Partition)), c.acked[found.Partition]-1, found.EndOffset-1)
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
func (c *checker) before(h *host, b *box, messages []any) {
	if b.address.Role != actor.Shard {
		return
	}
	for _, m := range messages {
		if p, ok := m.(api.ProducePart); ok {
			c.asked[askedOf{h, p.Ticket}] = asked{p.Replica.Partition, int64(p.Batch.Count()), c.parts[h.slot][p.Replica.Partition].end}
		}
	}
}

// syncing is told of a sync that begins, ran that it is on disk and the shard will hear of it.
func (c *checker) syncing(h *host, b *box, s actor.Sync) { c.sim.story.syncing(h, b, s) }

func (c *checker) ran(_ *host, _ *box, s actor.Sync) { c.sim.story.synced(s) }

// after looks at an actor that has taken its inbox.
func (c *checker) after(h *host, b *box, messages []any, fx *actor.Effects) {
	for _, e := range fx.Events {
		c.happened(h, e)
	}
	if b.address.Role != actor.Shard {
		return
	}
	c.look(h, b)
	answers := 0
	for _, s := range fx.Sends {
		switch m := s.Message.(type) {
		case api.ProduceDone:
			of := askedOf{h, partition.Ticket{To: s.To, Call: m.Call, Part: m.Part}}
			if m.Error == 0 {
				answers++
				c.acknowledged(h, c.asked[of], m)
			} else if m.Error == codeOutOfOrder {
				c.sim.marks[SequenceRefused]++
			}
			delete(c.asked, of)
		case api.FetchWake:
			c.sim.marks[FetchWoken]++
		}
	}
	synced := slices.ContainsFunc(messages, func(m any) bool { _, ok := m.(actor.SyncDone); return ok })
	if synced && answers > 1 {
		c.sim.marks[GroupCommit]++
	}
}

// look compares the watermarks of a shard's partitions with those before.
func (c *checker) look(h *host, b *box) {
	var found []node.Watermarks
	var none actor.Effects
	b.actor.Step(startTime, node.Report{Done: func(w []node.Watermarks) { found = w }}, &none)
	slices.SortFunc(found, func(a, b node.Watermarks) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, now := range found {
		w := &c.parts[h.slot][now.Partition]
		c.sim.changed(uint64(now.Partition), uint64(now.LogStart), uint64(now.HighWatermark), uint64(now.LogEnd))
		where := place(int(now.Partition))
		if now.LogStart > now.HighWatermark || now.HighWatermark > now.LogEnd {
			c.violated("watermarks", "%s: log start %d, high watermark %d, log end %d are not in order", where, now.LogStart, now.HighWatermark, now.LogEnd)
		}
		if w.life == h.life {
			c.compare(w, now, h.syncs > 0)
		}
		c.sim.story.looked(h, w, now)
		*w = watched{h.life, now.LogStart, now.HighWatermark, now.LogEnd, w.recovered}
	}
}

// compare looks at one partition within a life of its node.
func (c *checker) compare(w *watched, now node.Watermarks, syncing bool) {
	where := place(int(now.Partition))
	if now.HighWatermark < w.highWatermark {
		c.violated("watermarks", "%s: the high watermark went back from %d to %d", where, w.highWatermark, now.HighWatermark)
	}
	if now.LogStart < w.logStart {
		c.violated("watermarks", "%s: the log start went back from %d to %d", where, w.logStart, now.LogStart)
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
	w := &c.parts[h.slot][a.partition]
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
	c.acked[a.partition] = max(c.acked[a.partition], end)
}
