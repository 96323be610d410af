package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/batch"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// compactor has __consumer_offsets compacted, if there are groups, and fills a compacted topic beside the one that is
// judged: it writes a few keys again and again, and deletes
// some, while every node compacts its replica by itself. Whatever fails meanwhile, what a reader makes of any replica
// after a pass is what was committed there.
type compactor struct {
	client
	// draw is its own: a run with a compactor draws what it would without.
	draw *rand.Rand
	id   metadata.TopicID
	sent int
	// small is set once the segments of __consumer_offsets are small enough to be compacted.
	small bool
}

const (
	// Compacted is the compactor's topic.
	Compacted = "compacted"
	// compactedKeys are how many keys it writes.
	compactedKeys = 12
	// cleanEvery is how often nodes look for logs to compact in a run with a compactor; else they do not.
	cleanEvery = 200 * time.Millisecond
	// tombstonesStay is the topic's delete.retention.ms. It is longer than a replica is away: one that comes back later
	// would not learn of a tombstone, as in Apache Kafka.
	tombstonesStay = 20 * time.Second
)

// cleaning is how often nodes look for logs to compact.
func (c Config) cleaning() time.Duration {
	if c.Compact {
		return cleanEvery
	}
	return -1
}

func newCompactor(s *simulation) *compactor {
	p := &compactor{client: s.newClient("compactor"), draw: rand.New(rand.NewPCG(uint64(s.cfg.Seed), 17))}
	p.ready = func() {}
	return p
}

// work writes one batch after another as long as the load lasts, and waits for no answer.
func (p *compactor) work() {
	p.sim.after(between(p.draw, 5*time.Millisecond, 100*time.Millisecond), kindClient, func() {
		if !p.sim.loading {
			return
		}
		broker := int32(p.draw.IntN(len(p.conns)))
		if !p.small && len(p.sim.consumers) > 0 && p.draw.IntN(10) == 0 {
			p.ask(broker, shrinking(), p.answered)
		}
		if p.id == (metadata.TopicID{}) {
			p.ask(broker, p.create(), p.answered)
		} else {
			p.ask(broker, produceRequest(p.id, 0, p.batch()), p.answered)
		}
		p.work()
	})
}

func (p *compactor) batch() batch.View {
	var b batch.Builder
	for range 1 + p.draw.IntN(5) {
		p.sent++
		value := fmt.Appendf(nil, "record %d at %v", p.sent, p.sim.now)
		key := fmt.Appendf(nil, "key %d", p.draw.IntN(compactedKeys))
		if p.draw.IntN(8) == 0 { // one that is not written any more after a while
			key = fmt.Appendf(nil, "once %d", p.sent/50)
		}
		if p.draw.IntN(5) == 0 {
			value = nil
		}
		b.Add(key, value, startTime.Add(p.sim.now).UnixMilli())
	}
	return b.Build()
}

func (p *compactor) create() kmsg.Request {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = Compacted, 1, int16(min(3, len(p.conns)))
	for _, c := range [][2]string{
		{"cleanup.policy", "compact"}, {"internal.segment.bytes", "1200"}, {"min.cleanable.dirty.ratio", "0.2"},
		{"delete.retention.ms", fmt.Sprint(tombstonesStay.Milliseconds())},
		{metadata.MinISRConfig, fmt.Sprint(min(2, topic.ReplicationFactor))},
	} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], &c[1]
		topic.Configs = append(topic.Configs, config)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// shrinking makes the segments of __consumer_offsets small, and has it compacted soon.
func shrinking() kmsg.Request {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, metadata.ConsumerOffsets
	for _, c := range [][2]string{{"internal.segment.bytes", "1500"}, {"min.cleanable.dirty.ratio", "0.2"}} {
		one := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		one.Name, one.Value = c[0], &c[1]
		resource.Configs = append(resource.Configs, one)
	}
	req.Resources = append(req.Resources, resource)
	return req
}

func (p *compactor) answered(_ *request, resp kmsg.Response) {
	switch resp := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		if resp.Topics[0].ErrorCode == 0 {
			p.id = resp.Topics[0].TopicID
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		p.small = resp.Resources[0].ErrorCode == 0
	}
}

// row is a committed record of the compactor's topic.
type row struct {
	offset    int64
	key       string
	tombstone bool
	// at is when the checker saw that it was committed.
	at time.Duration
}

// table is what the checker knows of the compactor's topic: all that was committed below end, and the replicas whose
// node has just finished a pass.
type table struct {
	all     []row
	end     int64
	cleaned map[int]nodeevent.LogCleaned
}

// passed takes note of a pass over a replica.
func (c *checker) passed(h *host, e nodeevent.LogCleaned) {
	if e.Topic == metadata.ConsumerOffsets {
		c.sim.marks[OffsetsCompacted]++
	}
	if e.Topic != Compacted {
		return
	}
	if c.table.cleaned == nil {
		c.table.cleaned = map[int]nodeevent.LogCleaned{}
	}
	c.table.cleaned[h.slot] = e
	c.sim.marks[LogCompacted]++
	c.sim.compacted += int(e.Records - e.RecordsLeft)
	if h.syncs > 0 {
		c.sim.marks[CompactedWhileSyncing]++
	}
}

// tabled looks at a replica of the compactor's topic: what is committed there for the first time is noted before
// anybody may take it out, and after a pass the rest is compared with it.
func (c *checker) tabled(h *host, r *node.Replica) {
	t := &c.table
	if r.HighWatermark > t.end && r.LogEnd >= r.HighWatermark {
		news, end := c.recordsOf(r, t.end, r.HighWatermark)
		t.all, t.end = append(t.all, news...), end
	}
	e, ok := t.cleaned[h.slot]
	if !ok {
		return
	}
	delete(t.cleaned, h.slot)
	have, end := c.recordsOf(r, r.LogStart, r.HighWatermark)
	if end < r.HighWatermark || t.end < end {
		return // a segment is known to be damaged
	}
	if text := t.differs(have, r.HighWatermark, c.sim.now, &c.sim.marks); text != "" {
		c.violated("compaction", "%s-%d on %v, compacted up to offset %d with a high watermark of %d: %s", r.Topic, r.Partition, h, e.To, r.HighWatermark, text)
	}
}

// differs says what is wrong with the records that are left of a replica below its high watermark; "" if nothing is.
func (t *table) differs(have []row, highWatermark int64, now time.Duration, marks *Marks) string {
	present := map[int64]row{}
	for _, w := range have {
		present[w.offset] = w
	}
	last := map[string]row{}
	for _, w := range t.all {
		last[w.key] = w
		if found, ok := present[w.offset]; ok && found.key != w.key {
			return fmt.Sprintf("offset %d has %s, it was %s", w.offset, found.key, w.key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(last)) {
		w := last[key]
		_, ok := present[w.offset]
		switch {
		case ok, w.offset >= highWatermark: // a follower that is behind may have copied what is left without the record that came later
		case !w.tombstone:
			return fmt.Sprintf("%s was written last at offset %d, which is gone", key, w.offset)
		case now-w.at < tombstonesStay/2: // faults move the clocks of nodes by seconds
			return fmt.Sprintf("%s was deleted at offset %d, which is gone after %v", key, w.offset, now-w.at)
		default:
			marks[TombstoneGone]++
			if i := slices.IndexFunc(have, func(old row) bool { return old.key == key }); i >= 0 {
				return fmt.Sprintf("%s was deleted at offset %d, which is gone, and offset %d is there again", key, w.offset, have[i].offset)
			}
		}
	}
	return ""
}

// recordsOf reads the records of a replica between two offsets, and says how far that went.
func (c *checker) recordsOf(r *node.Replica, from, to int64) (all []row, end int64) {
	w := watched{log: r.Log, matched: from}
	w.logStart = r.LogStart
	c.walk(&w, to, func(v batch.View) bool {
		records, err := batch.Records(v)
		if err != nil {
			c.violated("compaction", "%s-%d: the batch at offset %d: %v", r.Topic, r.Partition, v.BaseOffset(), err)
			return false
		}
		for _, record := range records {
			if record.Offset >= from && record.Offset < to {
				all = append(all, row{record.Offset, string(record.Key), record.Value == nil, c.sim.now})
			}
		}
		return true
	})
	return all, w.matched
}
