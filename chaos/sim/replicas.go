package sim

import (
	"cmp"
	"slices"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/node"
)

// watched is what the checker knows of a replica.
type watched struct {
	life uint64 // of the node when it was looked at; 0 for never
	pointers
	// epochStart is where the log ended when the replica began to lead.
	epochStart int64
	// recovered is where the last recovery ended.
	recovered int64
	// matched is the end of what was compared with the chain.
	matched int64
	// partitionEpoch and maximal ISR that it goes by, while it leads.
	partitionEpoch int32
	maximal        []int32
	// lost is set from the loss of the disk until the broker has registered anew, since the epoch lostIn,
	// and the replica is out of ISR and ELR; refilling until it is in the ISR again.
	lost, refilling bool
	lostIn          int64
	// away is set once the node is none of the partition's replicas: it may have deleted the log before the
	// replica comes back.
	away bool
	// rotten is set from the moment a bit of a segment changes until that is set aside, found when the node knows.
	rotten, found bool
	// rottenFrom is the offset with which that segment begins.
	rottenFrom int64
	// truncated is set by an event of the present step.
	truncated bool
	// shard of the node that has the replica in this life.
	shard actor.Address
	// stable is the last stable offset.
	stable int64
	// log of this life; nil while the node is down.
	log *log.Log
}

// pointers of a replica's log. While its node is down, end is what its disk has for sure.
type pointers struct {
	leads                                bool
	epoch                                int32
	logStart, highWatermark, end, synced int64
}

// agreed is what all replicas of a partition share.
type agreed struct {
	// chain is the committed batches in order: where each ends, and its hash.
	chain []stretch
	// acked is the end of what was acknowledged.
	acked int64
	// mine is where the record of the story ends, 0 before it is appended.
	mine int64
	// leaders by leader epoch, ascending.
	leaders []claim
}

// stretch is one batch of a chain.
type stretch struct {
	base, end int64
	sum       uint64
}

// claim is who leads in a term: of a partition, or of the metadata quorum.
type claim struct {
	term int32
	host *host
	life uint64
}

// claimed adds a claim, or gives the one of another process that was there before.
func claimed(claims []claim, now claim) (_ []claim, other *claim) {
	i, found := slices.BinarySearchFunc(claims, now.term, func(c claim, term int32) int { return cmp.Compare(c.term, term) })
	if found {
		if claims[i].host != now.host || claims[i].life != now.life {
			return claims, &claims[i]
		}
		return claims, nil
	}
	return slices.Insert(claims, i, now), nil
}

// readAhead is how many bytes of a log are read at once to compare them.
const readAhead = 64 << 10

// look compares the replicas of a shard with what they were before.
func (c *checker) look(h *host, b *box) {
	var none actor.Effects
	here := make([]bool, len(c.parts))
	b.actor.Step(startTime, node.Report{Done: func(all []node.Replica) {
		for i := range all {
			if index, ok := c.index(all[i].Topic, all[i].Partition); ok {
				all[i].Partition = index
				here[index] = true
				c.replica(h, &all[i])
				c.replicas[h.slot][index].shard = b.address
			} else {
				c.beside(h, &all[i])
			}
		}
	}}, &none)
	for i := range here {
		if w := &c.replicas[h.slot][i]; !here[i] && w.shard == b.address && w.life == h.life {
			*w = watched{} // given up
		}
	}
}

// beside looks at a replica of a topic that is not judged.
func (c *checker) beside(h *host, r *node.Replica) {
	if r.LogStart > r.HighWatermark || r.HighWatermark > r.LogEnd {
		c.violated("watermarks", "%s-%d on %v: log start %d, high watermark %d, log end %d are not in order", r.Topic, r.Partition, h, r.LogStart, r.HighWatermark, r.LogEnd)
	}
	if r.Topic == Compacted {
		c.tabled(h, r)
	}
	if r.Topic != Purged {
		return // it may have been made anew
	}
	if before := c.purged[h.slot]; before.life == h.life && r.LogStart < before.start {
		c.violated("watermarks", "%s on %v: the log start went back from %d to %d", r.Topic, h, before.start, r.LogStart)
	}
	c.purged[h.slot] = started{h.life, r.LogStart}
}

// started is where a log starts in a life of its node.
type started struct {
	life  uint64
	start int64
}

func (c *checker) replica(h *host, r *node.Replica) {
	w, part := &c.replicas[h.slot][r.Partition], &c.parts[r.Partition]
	now := pointers{r.Role == node.Leading, r.LeaderEpoch, r.LogStart, r.HighWatermark, r.LogEnd, r.Synced}
	if w.life == h.life && w.pointers == now && (!now.leads || w.partitionEpoch == r.PartitionEpoch && len(w.maximal) == len(r.MaximalISR)) {
		return
	}
	c.sim.changed(uint64(r.Partition), uint64(now.logStart), uint64(now.highWatermark), uint64(now.end), uint64(now.synced), uint64(uint32(now.epoch)))
	where := c.place(int(r.Partition))
	if now.logStart > now.highWatermark || now.highWatermark > now.end || now.synced > now.end {
		c.violated("watermarks", "%s on %v: log start %d, high watermark %d, synced %d, log end %d are not in order", where, h, now.logStart, now.highWatermark, now.synced, now.end)
	}
	if w.life == h.life {
		c.compare(h, r.Partition, now)
		if now.end > w.end && h.syncs > 0 {
			c.sim.marks[SyncAgainWhileSyncing]++
		}
	} else {
		w.matched = 0
	}
	if now.leads && (!w.leads || w.epoch != now.epoch || w.life != h.life) {
		w.epochStart = r.EpochStart
		claims, other := claimed(part.leaders, claim{now.epoch, h, h.life})
		if part.leaders = claims; other != nil {
			c.violated("leader", "%s: %v leads in epoch %d, and so did %v", where, h, now.epoch, other.host)
		}
	}
	if now.leads && now.highWatermark > now.synced {
		c.violated("watermarks", "%s on %v: the high watermark is %d, its leader has synced up to %d only", where, h, now.highWatermark, now.synced)
	}
	c.sim.story.looked(h, w, r)
	before, last := w.pointers, *w
	w.life, w.pointers, w.log, w.truncated = h.life, now, r.Log, false
	c.match(h, r.Partition)
	c.stable(h, r, &last)
	if now.end < before.end && now.end < part.acked {
		c.held(int(r.Partition), h.String()+" has truncated its log")
	}
	if now.leads {
		c.maximal(h, r)
	}
}

// compare looks at one replica within a life of its node.
func (c *checker) compare(h *host, index int32, now pointers) {
	w, where := &c.replicas[h.slot][index], c.place(int(index))
	if now.highWatermark < w.highWatermark {
		c.violated("watermarks", "%s on %v: the high watermark went back from %d to %d", where, h, w.highWatermark, now.highWatermark)
	}
	if now.logStart < w.logStart {
		c.violated("watermarks", "%s on %v: the log start went back from %d to %d", where, h, w.logStart, now.logStart)
	}
	if now.end < w.end && !w.truncated {
		c.violated("watermarks", "%s on %v: the log end went back from %d to %d", where, h, w.end, now.end)
	}
}

// match compares what a replica knows to be committed with the chain, and makes that longer where this
// replica is the first.
func (c *checker) match(h *host, index int32) {
	w, part := &c.replicas[h.slot][index], &c.parts[index]
	if w.end < w.matched {
		w.matched = w.end
	}
	if w.matched >= w.highWatermark {
		return
	}
	longer := false
	c.walk(w, w.highWatermark, func(v batch.View) bool {
		b := stretch{v.BaseOffset(), v.LastOffset() + 1, sumOf(v)}
		if n := len(part.chain); n == 0 || part.chain[n-1].end <= b.base {
			if n > 0 && part.chain[n-1].end < b.base || n == 0 && b.base > 0 {
				c.violated("match", "%s on %v: nobody had offset %d when offsets from %d on were committed", c.place(int(index)), h, b.base-1, b.base)
			}
			part.chain = append(part.chain, b)
			longer = true
			c.agreedOn(int(index), v)
			return true
		}
		if !c.same(int(index), v) {
			c.violated("match", "%s on %v: the batch at offsets %d to %d is not the one that was committed there before", c.place(int(index)), h, b.base, b.end-1)
			return false
		}
		return true
	})
	if w.matched = max(w.matched, w.highWatermark); longer {
		c.complete(int(index), "moving the high watermark")
	}
}

// at finds the batch of the chain that begins at an offset.
func (p *agreed) at(base int64) (stretch, bool) {
	i, ok := slices.BinarySearchFunc(p.chain, base, func(b stretch, base int64) int { return cmp.Compare(b.base, base) })
	if !ok {
		return stretch{}, false
	}
	return p.chain[i], true
}

// same says whether a batch is the one that was committed at its offsets. Of what groups commit compaction leaves less,
// in a run with a compactor: then it is another batch that covers them.
func (c *checker) same(index int, v batch.View) bool {
	known, ok := c.parts[index].at(v.BaseOffset())
	if c.sim.cfg.Compact && index >= c.sim.terrain.load.Partitions {
		return v.IsFiller() || ok && known.end == v.LastOffset()+1
	}
	return ok && known == stretch{v.BaseOffset(), v.LastOffset() + 1, sumOf(v)}
}

// walk reads the batches of a replica from what was matched up to an offset; each moves matched.
func (c *checker) walk(w *watched, to int64, each func(batch.View) bool) (readable bool) {
	for w.matched < to {
		slice, err := w.log.Read(max(w.matched, w.logStart), to, readAhead)
		if err != nil {
			return false
		}
		data, err := slice.AppendTo(c.buffer[:0])
		slice.Release()
		c.buffer = data
		if err != nil || len(data) == 0 {
			return false
		}
		for len(data) > 0 {
			v, rest, err := batch.Next(data)
			if err != nil || !each(v) {
				return true
			}
			data, w.matched = rest, v.LastOffset()+1
		}
	}
	return true
}

// sumOf a batch as every replica has it: its content, and the epoch of its leader.
func sumOf(v batch.View) uint64 {
	return fnv(fnv(fnvOffset, uint64(v.CRC())<<32|uint64(uint32(v.LeaderEpoch()))), uint64(v.Count()))
}

// recovered looks at a log that a node has opened.
func (c *checker) recovered(h *host, index int32, found nodeevent.LogRecovered) {
	w := &c.replicas[h.slot][index]
	switch {
	case found.Clean || w.life == 0 || w.away:
	case found.EndOffset < w.end:
		c.violated("durability", "%s on %v: offset %d was on its disk, it recovered only up to %d", c.place(int(index)), h, w.end-1, found.EndOffset-1)
	case found.EndOffset > 0:
		c.sim.marks[RecoveredWhole]++
	}
	if found.TruncatedBytes > 0 {
		c.sim.marks[TornTailCut]++
	}
	if found.Segments > 1 {
		c.sim.marks[SegmentRolled]++
	}
	if found.EndOffset <= w.rottenFrom {
		w.rotten = false // the disk failed while the segment was set aside
	}
	w.recovered, w.away = found.EndOffset, false
}
