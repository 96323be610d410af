package sim

import (
	"fmt"
	"slices"

	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// controller is the node that decides; nil if none is known to.
func (c *checker) controller() *host {
	if c.active == nil || !c.active.up {
		return nil
	}
	return c.active
}

// happened is told of every event that a node's actor emits.
func (c *checker) happened(h *host, e nodeevent.Event) {
	switch e := e.(type) {
	case nodeevent.LogCleaned:
		c.passed(h, e)
	case nodeevent.LogRecovered:
		if index, ok := c.index(e.Topic, e.Partition); ok {
			c.recovered(h, index, e)
		}
	case nodeevent.SegmentDamaged:
		c.damaged(h, e)
	case nodeevent.SegmentQuarantined:
		c.quarantined(h, e)
	case nodeevent.SegmentRefilled:
		c.sim.marks[RotRefilled]++
	case nodeevent.LogTruncated:
		if index, ok := c.index(e.Topic, e.Partition); ok {
			c.replicas[h.slot][index].truncated = true
		}
		c.sim.marks[Truncated]++
	case nodeevent.LeaderElected:
		if _, judged := c.index(e.Topic, e.Partition); judged && e.Unclean {
			c.violated("election", "%v elects uncleanly, and no more has failed than may: %v", h, e)
		}
	case nodeevent.CoordinatorLoaded:
		c.replayed(h, e)
	case nodeevent.GroupMemberExpired:
		c.expired(e)
	case nodeevent.Reassigned:
		c.reassigned(e)
	case nodeevent.BrokerUnfenced:
		if c.image != nil {
			c.unfenced[e.Broker] = c.image.Offset
		}
	case nodeevent.BrokerRegistered:
		if c.sim.nemesis.newborn == e.Broker {
			c.sim.nemesis.strangle()
		}
	case nodeevent.QuorumLeader:
		if e.Leader >= 0 {
			c.term(c.sim.hostByID(e.Leader), e.Term)
		}
	case nodeevent.ControllerActive:
		c.term(h, e.Term)
		if e.Term > c.activeTerm {
			if c.active != nil && c.active != h && c.proposing(c.active) {
				c.sim.marks[ControllerFailover]++
			}
			c.active, c.activeTerm = h, e.Term
		}
	}
}

// reassigned counts the partitions, of any topic, that have come to a broker that they were not on.
func (c *checker) reassigned(e nodeevent.Reassigned) {
	at := fmt.Sprintf("%s-%d", e.Topic, e.Partition)
	came := func(id int32) bool { return slices.Contains(e.Replicas, id) }
	if len(e.Adding)+len(e.Removing) == 0 && slices.ContainsFunc(c.adding[at], came) {
		c.sim.marks[Reassigned]++
	}
	c.adding[at] = e.Adding
}

// term checks that nobody else leads the quorum in a term. Lives do not matter: a voter may lead its
// term again only by winning another.
func (c *checker) term(h *host, term int32) {
	claims, other := claimed(c.terms, claim{term: term, host: h})
	if c.terms = claims; other != nil {
		c.violated("quorum", "%v leads the metadata quorum in term %d, and so does %v", h, term, other.host)
	}
}

// proposing reports whether a node waits for an answer of that controller to something that it decides.
func (c *checker) proposing(controller *host) bool {
	for _, h := range c.sim.hosts {
		for _, l := range h.lines {
			if l.to == controller && l.conn != nil && slices.ContainsFunc(l.conn.waiting, func(r *request) bool { return r.body.Key() == keyAlterPartition }) {
				return true
			}
		}
	}
	return false
}

// keyAlterPartition is the key of a leader's proposal.
const keyAlterPartition = 56

// reached counts rare changes of a partition's metadata.
func (c *checker) reached(before, now *metadata.Partition) {
	if now.Leader >= 0 && now.LeaderEpoch > before.LeaderEpoch && slices.Contains(before.ELR, now.Leader) {
		c.sim.marks[ElectedFromELR]++
	}
	if now.LeaderEpoch > before.LeaderEpoch && now.Leader < 0 {
		c.sim.marks[Leaderless]++
	}
	if len(now.ISR) < len(before.ISR) && now.LeaderEpoch == before.LeaderEpoch && now.Leader >= 0 {
		c.sim.marks[ISRShrunk]++
		if h := c.sim.hosts[now.Leader]; h.altering() {
			c.sim.marks[ShrinkInFlight]++
		}
	}
	if len(now.ISR) == len(now.Replicas) && len(before.ISR) < len(now.ISR) {
		for _, id := range now.Replicas {
			if h := c.sim.hosts[id]; h.emptied && !slices.Contains(before.ISR, id) {
				c.sim.marks[Refilled]++
			}
		}
	}
}

// answered is told of every answer to a node's request; nil if there is none.
func (c *checker) answered(h *host, r *request, resp kmsg.Response) {
	switch resp := resp.(type) {
	case *wire.MetadataTailResponse:
		if len(resp.Image) > 0 {
			c.sim.marks[ImageInstalled]++
		}
	case *kmsg.FetchResponse:
		empty, early := true, c.sim.now-r.written < c.sim.terrain.replicaWait/2
		for _, t := range resp.Topics {
			for i := range t.Partitions {
				switch p := &t.Partitions[i]; {
				case p.ErrorCode == codeFencedEpoch, p.ErrorCode == codeUnknownEpoch, p.ErrorCode == codeNotLeader:
					c.sim.marks[FollowerFenced]++
					empty = false
				case p.ErrorCode != 0 || len(p.RecordBatches) > 0 || p.DivergingEpoch.EndOffset >= 0:
					empty = false
				}
			}
		}
		if empty && early {
			c.sim.marks[WatermarkByBehind]++
		}
	}
}

// altering reports whether a proposal of this node has no answer yet.
func (h *host) altering() bool {
	for _, l := range h.lines {
		if l.conn != nil && slices.ContainsFunc(l.conn.waiting, func(r *request) bool { return r.body.Key() == keyAlterPartition }) {
			return true
		}
	}
	return false
}
