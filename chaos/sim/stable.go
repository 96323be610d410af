package sim

import (
	"slices"

	"github.com/logproof/logproof/broker/node"
)

// stable looks at the last stable offset of a replica: it is not above the high watermark, does not go back in a life
// of the node, and where the replica knows of all that is committed it is where the first transaction begins that has
// no committed marker.
func (c *checker) stable(h *host, r *node.Replica, before *watched) {
	if c.sim.terrain.transactions.partitions == 0 {
		return
	}
	where, index := c.place(int(r.Partition)), int(r.Partition)
	now := r.Log.LastStableOffset(r.HighWatermark)
	if now > r.HighWatermark || now < r.LogStart {
		c.violated("stable", "%s on %v: the last stable offset is %d, the log starts at %d and its high watermark is %d", where, h, now, r.LogStart, r.HighWatermark)
	}
	if before.life == h.life && now < before.stable {
		c.violated("stable", "%s on %v: the last stable offset went back from %d to %d", where, h, before.stable, now)
	}
	c.replicas[h.slot][index].stable = now
	if r.HighWatermark != c.committed(index) {
		return
	}
	want := r.HighWatermark
	for _, first := range c.transactions.parts[index].open {
		want = min(want, first)
	}
	if want = max(want, r.LogStart); now != want {
		c.violated("stable", "%s on %v: the last stable offset is %d at high watermark %d, by the markers it is %d", where, h, now, r.HighWatermark, want)
	}
}

// settled compares what replicas know of transactions, once nothing happens any more: of the aborted ones what the
// markers say, and of the producers the same as each other.
func (c *checker) settled() {
	for i := range c.parts {
		var first *watched
		for _, h := range c.sim.hosts {
			w := &c.replicas[h.slot][i]
			if w.life != h.life || w.log == nil || w.end != c.committed(i) || w.highWatermark != w.end {
				continue
			}
			if i < c.sim.terrain.load.Partitions { // of what is compacted, aborted records go, and with them what is told of them
				c.listed(h, i, w)
			}
			if first == nil {
				first = w
				continue
			}
			if a, b := first.log.Producers(), w.log.Producers(); w.logStart == first.logStart && !slices.Equal(a, b) {
				c.violated("producers", "%s on %v: at offset %d it knows of producers %+v, another replica of %+v", c.place(i), h, w.end, b, a)
			}
		}
	}
}

// listed compares the aborted transactions that a log lists for readers with those that its markers end.
func (c *checker) listed(h *host, index int, w *watched) {
	var have []abortedRange
	for _, at := range c.parts[index].chain {
		if at.base < w.logStart {
			continue
		}
		slice, err := w.log.Read(at.base, w.end, 1)
		if err != nil {
			return
		}
		for _, a := range w.log.Aborted(slice) {
			if one := (abortedRange{a.ProducerID, a.First, a.Last}); !slices.Contains(have, one) {
				have = append(have, one)
			}
		}
		slice.Release()
	}
	for _, want := range c.transactions.parts[index].aborted {
		if want.first >= w.logStart && !slices.Contains(have, want) {
			c.violated("aborted", "%s on %v: the transaction of producer %d from offset %d to %d was aborted, and no reader is told", c.place(index), h, want.pid, want.first, want.marker)
		}
	}
	for _, a := range have {
		if !slices.Contains(c.transactions.parts[index].aborted, a) {
			c.violated("aborted", "%s on %v: readers are told that the transaction of producer %d from offset %d to %d was aborted, and it was not", c.place(index), h, a.pid, a.first, a.marker)
		}
	}
}
