package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
)

// partition that is judged as the newest image has it; nil if there is none.
func (c *checker) partition(index int) *metadata.Partition {
	if c.image == nil {
		return nil
	}
	return c.within(c.image, index)
}

// within is a partition that is judged as an image has it; nil if there is none.
func (c *checker) within(image *metadata.Image, index int) *metadata.Partition {
	at := c.place(index)
	topic := image.Topic(at.Topic)
	if topic == nil || int(at.Index) >= len(topic.Partitions) {
		return nil
	}
	return &topic.Partitions[at.Index]
}

// whole reports whether every replica is in the ISR of its partition.
func (c *checker) whole() bool { return c.missing() == "" }

// missing names what keeps the cluster from being whole; "" if nothing.
func (c *checker) missing() string {
	all := c.behind()
	for id := range c.sim.terrain.cluster.Brokers {
		if c.image == nil || !c.image.Broker(int32(id)).Active() {
			all = append(all, fmt.Sprintf("broker %d is not in service", id))
		}
	}
	return strings.Join(all, "; ")
}

// behind names the partitions that lack a leader, or replicas in their ISR.
func (c *checker) behind() (all []string) {
	for i := range c.parts {
		switch p := c.partition(i); {
		case p == nil:
			all = append(all, fmt.Sprintf("%s does not exist", c.place(i)))
		case p.Leader < 0:
			all = append(all, fmt.Sprintf("%s has no leader: ISR %v, ELR %v, last known %v", c.place(i), p.ISR, p.ELR, p.LastKnownELR))
		case len(p.ISR) < len(p.Replicas):
			all = append(all, fmt.Sprintf("%s is led by broker %d, ISR %v of %v", c.place(i), p.Leader, p.ISR, p.Replicas))
		}
	}
	return all
}

// published is told of an image that a node has applied.
func (c *checker) published(h *host, image *metadata.Image) {
	if c.seen[h.slot] == image {
		return
	}
	c.seen[h.slot] = image
	sum, known := c.sums[image.Offset]
	if now := sumOfImage(image); !known {
		c.sums[image.Offset] = now
	} else if sum != now {
		c.violated("quorum", "%v has another image at offset %d of the metadata log than a node before", h, image.Offset)
	}
	if c.image != nil && image.Offset <= c.image.Offset {
		return
	}
	c.sim.changed(uint64(image.Offset))
	before := c.image
	c.image = image
	for i := range c.parts {
		c.changed(before, i)
	}
}

// registration is the epoch of a broker, as far as that is committed; -1 for none.
func (c *checker) registration(id int32) int64 {
	if c.image == nil || c.image.Broker(id) == nil {
		return -1
	}
	return c.image.Broker(id).Epoch
}

// changed looks at a partition whose metadata may have changed.
func (c *checker) changed(before *metadata.Image, index int) {
	now := c.partition(index)
	if now == nil {
		return
	}
	was := now
	if before != nil {
		if known := c.within(before, index); known != nil {
			was = known
			if was.PartitionEpoch == now.PartitionEpoch {
				return
			}
			c.reached(was, now)
			c.joined(index, was, now)
		}
	}
	may := func(p *metadata.Partition, id int32) bool {
		return slices.Contains(p.ISR, id) || slices.Contains(p.ELR, id)
	}
	for id := range int32(c.sim.terrain.cluster.Brokers) {
		w := &c.replicas[c.sim.hosts[id].slot][index]
		if !slices.Contains(now.Replicas, id) {
			w.lost, w.rotten, w.refilling, w.away = false, false, false, true // nothing is expected of it
			continue
		}
		in := slices.Contains(now.ISR, id)
		// As long as the controller knows the former process only, a fetch of that one which comes late
		// may bring the replica back into the ISR.
		w.lost = w.lost && (c.registration(id) == w.lostIn || may(was, id) && may(now, id))
		w.refilling = w.refilling && (!in || w.lost || w.rotten)
	}
	c.coordinates(index, now)
	c.complete(index, "the change of ISR and ELR")
	c.held(index, "the change of ISR and ELR")
	if now.Leader < 0 || c.sim.hosts[now.Leader].node == nil {
		return
	}
	h := c.sim.hosts[now.Leader]
	if w := &c.replicas[h.slot][index]; w.life == h.life && w.leads && w.epoch == now.LeaderEpoch {
		c.contained(h, int32(index), w.partitionEpoch, w.maximal)
	}
}

// maximal notes what a leader goes by, and compares it with what is committed.
func (c *checker) maximal(h *host, r *node.Replica) {
	w := &c.replicas[h.slot][r.Partition]
	c.proposed(h, r)
	w.partitionEpoch, w.maximal = r.PartitionEpoch, append(w.maximal[:0], r.MaximalISR...)
	if p := c.partition(int(r.Partition)); p != nil && p.LeaderEpoch == w.epoch {
		c.contained(h, r.Partition, w.partitionEpoch, w.maximal)
	}
}

// contained checks the committed ISR against the maximal one of the leader of the same epoch, unless the
// leader knows of something newer than any image.
func (c *checker) contained(h *host, index, partitionEpoch int32, maximal []int32) {
	p := c.partition(int(index))
	if partitionEpoch > p.PartitionEpoch {
		return
	}
	for _, id := range p.ISR {
		if !slices.Contains(maximal, id) {
			c.violated("isr", "%s: broker %d is in the committed ISR %v, the leader %v waits for %v only", c.place(int(index)), id, p.ISR, h, maximal)
			return
		}
	}
}

// joined checks who has come into the ISR within a term: a follower of that term.
func (c *checker) joined(index int, before, now *metadata.Partition) {
	if now.LeaderEpoch != before.LeaderEpoch {
		return
	}
	for _, id := range now.ISR {
		if w := &c.replicas[c.sim.hosts[id].slot][index]; !slices.Contains(before.ISR, id) && w.epoch < now.LeaderEpoch {
			c.violated("join", "%s: broker %d has joined the ISR in epoch %d, it follows in epoch %d only", c.place(index), id, now.LeaderEpoch, w.epoch)
		}
	}
}

// proposed checks whom a leader wants in its ISR: nobody of whom its own node knows that the controller
// would not elect them. Its shard may know more than the node, so what is committed must say so too, and
// not have said otherwise in between: a node that stood still catches up step by step.
func (c *checker) proposed(h *host, r *node.Replica) {
	w, image := &c.replicas[h.slot][r.Partition], c.told[h.slot]
	for _, id := range r.MaximalISR {
		if slices.Contains(w.maximal, id) || slices.Contains(r.ISR, id) || image == nil {
			continue
		}
		if b := image.Broker(id); b != nil && !b.Active() && !c.image.Broker(id).Active() && c.unfenced[id] < image.Offset {
			c.violated("join", "%s: the leader %v proposes broker %d for the ISR, and knows that it is fenced or about to stop", c.place(int(r.Partition)), h, id)
		}
	}
}

// obeyed is told of an image that a broker goes by: it leads no partition in a term that is over.
func (c *checker) obeyed(h *host, image *metadata.Image) {
	c.told[h.slot] = image
	for i := range c.parts {
		w, p := &c.replicas[h.slot][i], c.within(image, i)
		if p == nil {
			continue
		}
		if !slices.Contains(p.Replicas, h.id) {
			*w = watched{} // its files are gone
			continue
		}
		if w.life == h.life && w.leads && w.epoch < p.LeaderEpoch {
			c.violated("leader", "%s: %v goes on leading in epoch %d, it knows of epoch %d", c.place(i), h, w.epoch, p.LeaderEpoch)
		}
	}
}

// complete checks that everybody in ISR and ELR has all that is committed, but for those whose disk was
// lost: they are in there until the controller hears of it.
func (c *checker) complete(index int, why string) {
	p, part := c.partition(index), &c.parts[index]
	if p == nil || len(part.chain) == 0 {
		return
	}
	end := part.chain[len(part.chain)-1].end
	for k, list := range [][]int32{p.ISR, p.ELR} {
		for _, id := range list {
			h := c.sim.hosts[id]
			if w := &c.replicas[h.slot][index]; w.life != 0 && !w.lost && !w.rotten && !c.has(h, index, end) {
				c.violated("committed", "%s: %v is in the %s and has offsets up to %d, committed is up to %d after %s",
					c.place(index), h, [...]string{"ISR", "ELR"}[k], min(w.end, max(w.matched, 0))-1, end-1, why)
			}
		}
	}
}

// refilling reports whether a replica whose disk was lost is not in its ISR again.
func (c *checker) refilling() bool {
	for _, replicas := range c.replicas {
		for i := range replicas {
			if replicas[i].refilling {
				return true
			}
		}
	}
	return false
}

// held checks that a replica which may lead has all that was acknowledged; why is what has changed.
func (c *checker) held(index int, why string) {
	p, part := c.partition(index), &c.parts[index]
	if p == nil || part.acked == 0 {
		return
	}
	may := slices.Concat(p.ISR, p.ELR)
	if len(may) == 0 {
		may = slices.Concat(p.LastKnownELR, []int32{p.LastLeader})
	}
	for _, id := range may {
		if c.has(c.sim.hosts[id], index, part.acked) {
			return
		}
	}
	c.violated("durability", "%s: acknowledged up to offset %d; after %s no disk of ISR %v, ELR %v has that", c.place(index), part.acked-1, why, p.ISR, p.ELR)
}

// has reports whether the disk of a host has the committed batches below an offset. What a process left
// counts until the next one has opened it.
func (c *checker) has(h *host, index int, end int64) bool {
	w := &c.replicas[h.slot][index]
	if w.log != nil {
		c.follow(w, index, min(end, w.end))
	}
	return w.end >= end && (w.log == nil || w.matched >= end)
}

// follow compares a replica with the chain as far as that goes; it is false if the log cannot be read.
func (c *checker) follow(w *watched, index int, end int64) bool {
	return c.walk(w, end, func(v batch.View) bool { return c.same(index, v) })
}

// ending is told of a process that is about to end: what of its logs is not as the others have it does
// not count as being there. A log that has failed in the process cannot be read there, and is on the disk all the same.
func (c *checker) ending(h *host) {
	for i := range c.parts {
		w, chain := &c.replicas[h.slot][i], c.parts[i].chain
		if w.life != h.life || len(chain) == 0 {
			continue
		}
		known := chain[len(chain)-1].end
		if c.follow(w, i, min(known, w.end)) && w.matched < min(known, w.end) {
			w.end = w.matched
		}
	}
}

// ended is told what a process has left for sure: that is all that counts until its node runs again.
func (c *checker) ended(h *host, leaves func(*watched) int64) {
	c.told[h.slot] = nil
	for i := range c.parts {
		w := &c.replicas[h.slot][i]
		w.log = nil
		left := leaves(w)
		if h.emptied && left == 0 && w.life != 0 {
			w.lost, w.refilling, w.lostIn = true, true, c.registration(h.id)
		}
		if left < w.end {
			c.sim.marks[UnsyncedLost]++
			w.end, w.synced, w.matched = left, min(w.synced, left), min(w.matched, left)
			w.highWatermark = min(w.highWatermark, left)
			c.held(i, "the crash of "+h.String())
		}
	}
}

// sumOfImage is equal for equal images, as far as brokers and partitions go.
func sumOfImage(image *metadata.Image) uint64 {
	h := fnv(fnvOffset, uint64(image.NextProducerID))
	flag := func(b bool) uint64 {
		if b {
			return 1
		}
		return 0
	}
	for _, b := range image.Registered() {
		h = fnv(fnv(h, uint64(uint32(b.ID))<<2|flag(b.Fenced)<<1|flag(b.ShuttingDown)), uint64(b.Epoch))
	}
	for _, name := range image.Names() {
		for _, p := range image.Topic(name).Partitions {
			h = fnv(fnv(h, uint64(uint32(p.Leader))<<32|uint64(uint32(p.LeaderEpoch))), uint64(p.PartitionEpoch))
			for _, list := range [][]int32{p.ISR, p.ELR, p.Replicas, p.Adding, p.Removing} {
				h = fnv(h, uint64(len(list)))
				for _, id := range list {
					h = fnv(h, uint64(id))
				}
			}
		}
	}
	return h
}
