package sim

import (
	"slices"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupChecker is what the checker knows of coordinators and of what groups have committed.
type groupChecker struct {
	// terms are who writes each partition of __consumer_offsets, by its index there; leaders who led it last.
	terms   [][]claim
	leaders []int32
	// asked are the requests that coordinators have not answered, written the batches that they gave to shards.
	asked   map[questionOf]kmsg.Request
	written map[writtenBy][]keptOffset
	// kept is what is known of the offsets of a group in a partition.
	kept map[offsetOf]*ledger
	// assigned is who was told to have a partition in a generation.
	assigned map[assignedIn]string
}

// questionOf names a request, writtenBy a batch of a coordinator.
type questionOf struct {
	host *host
	life uint64
	from actor.Address
	call uint64
}

type writtenBy struct {
	host *host
	life uint64
	call uint64
}

// offsetOf is the place of a committed offset; keptOffset is one that a coordinator wants to keep there. None is -1.
type offsetOf struct {
	group     string
	partition int32
}

type keptOffset struct {
	at     offsetOf
	offset int64
	// term is the leader epoch of the coordinator.
	term int32
}

// ledger of a committed offset: the newest that is acknowledged to be in the log, -1 for none, and those that were given
// to the log after it, in order, of which nobody knows.
type ledger struct {
	acked   int64
	unknown []keptOffset
	// term of the coordinator that loaded it last: an answer that a former one hears of late is no news.
	term int32
	// ever holds every offset that was acknowledged.
	ever map[int64]bool
}

type assignedIn struct {
	group      string
	generation int32
	partition  int
}

func newGroupChecker(s *simulation) groupChecker {
	n := s.terrain.groups.partitions
	g := groupChecker{
		terms: make([][]claim, n), asked: map[questionOf]kmsg.Request{}, written: map[writtenBy][]keptOffset{},
		kept: map[offsetOf]*ledger{}, assigned: map[assignedIn]string{},
	}
	for range n {
		g.leaders = append(g.leaders, nobody)
	}
	return g
}

func (g *groupChecker) ledger(at offsetOf) *ledger {
	if g.kept[at] == nil {
		g.kept[at] = &ledger{acked: -1, ever: map[int64]bool{}}
	}
	return g.kept[at]
}

// heard notes what a coordinator is about to look at.
func (c *checker) heard(h *host, messages []any) {
	g := &c.groups
	for _, m := range messages {
		switch m := m.(type) {
		case api.CoordinatorRequest:
			g.asked[questionOf{h, h.life, m.From, m.Call}] = m.Body
		case api.ProduceDone:
			of := writtenBy{h, h.life, m.Call}
			for _, k := range g.written[of] {
				if m.Error == 0 {
					g.ledger(k.at).confirm(k)
				}
			}
			delete(g.written, of)
		}
	}
}

// confirm takes the news that an offset is in the log as all that is acknowledged.
func (l *ledger) confirm(k keptOffset) {
	l.ever[k.offset] = true
	if i := slices.Index(l.unknown, k); i >= 0 && k.term >= l.term {
		l.acked, l.unknown = k.offset, slices.Clone(l.unknown[i+1:])
	}
}

// said looks at what a coordinator has to say.
func (c *checker) said(h *host, fx *actor.Effects) {
	for _, s := range fx.Sends {
		switch m := s.Message.(type) {
		case api.ProducePart:
			c.writes(h, m)
		case api.CoordinatorReply:
			of := questionOf{h, h.life, s.To, m.Call}
			asked := c.groups.asked[of]
			delete(c.groups.asked, of)
			c.replied(h, asked, m.Body)
		}
	}
}

// writes looks at a batch that a coordinator gives to its log.
func (c *checker) writes(h *host, m api.ProducePart) {
	g := &c.groups
	if p := m.Replica.Partition; int(p) < len(g.terms) {
		claims, other := claimed(g.terms[p], claim{m.Epoch, h, h.life})
		if g.terms[p] = claims; other != nil {
			c.violated("coordinator", "%v writes the groups of %s-%d in epoch %d, and so did %v", h, metadata.ConsumerOffsets, p, m.Epoch, other.host)
		}
	}
	if m.Batch.IsTransactional() || m.Batch.IsControl() {
		return // it counts when its transaction is committed
	}
	records, err := batch.Records(m.Batch)
	if err != nil {
		c.violated("coordinator", "%v writes a batch that cannot be read: %v", h, err)
		return
	}
	of := writtenBy{h, h.life, m.Ticket.Call}
	for i := range records {
		at, offset, ok := offsetRecord(records[i].Key, records[i].Value)
		if !ok {
			continue
		}
		k := keptOffset{at, offset, m.Epoch}
		g.written[of] = append(g.written[of], k)
		l := g.ledger(at)
		l.unknown = append(l.unknown, k)
	}
}

// offsetRecord reads a record of __consumer_offsets that keeps an offset of the topic that is judged, or takes it back.
func offsetRecord(key, value []byte) (at offsetOf, offset int64, ok bool) {
	k := kmsg.NewOffsetCommitKey()
	if len(key) < 2 || key[0] != 0 || key[1] > 1 || k.ReadFrom(key) != nil || k.Topic != Topic {
		return at, 0, false
	}
	v, offset := kmsg.NewOffsetCommitValue(), int64(-1)
	if value != nil && v.ReadFrom(value) == nil {
		offset = v.Offset
	}
	return offsetOf{k.Group, k.Partition}, offset, true
}

// replied looks at the answer to a member.
func (c *checker) replied(h *host, asked kmsg.Request, body kmsg.Response) {
	switch resp := body.(type) {
	case *kmsg.OffsetCommitResponse:
		req := asked.(*kmsg.OffsetCommitRequest)
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				if resp.Topics[i].Partitions[j].ErrorCode != 0 || req.Topics[i].Topic != Topic {
					continue
				}
				if l := c.groups.ledger(offsetOf{req.Group, p.Partition}); !l.ever[p.Offset] {
					c.violated("commit", "%v acknowledges offset %d of group %s in %s, and no log has it", h, p.Offset, req.Group, place(int(p.Partition)))
				}
			}
		}
	case *kmsg.SyncGroupResponse:
		if resp.ErrorCode == 0 {
			c.assigned(h, asked.(*kmsg.SyncGroupRequest), resp)
		}
	case *kmsg.JoinGroupResponse:
		req := asked.(*kmsg.JoinGroupRequest)
		if resp.ErrorCode == 0 && req.InstanceID != nil && req.MemberID == "" && (resp.SkipAssignment || resp.LeaderID != resp.MemberID) && resp.Generation > 1 {
			c.returned(h, req, resp)
		}
	}
}

// returned counts static members that go on in the generation that others have an assignment of.
func (c *checker) returned(_ *host, req *kmsg.JoinGroupRequest, resp *kmsg.JoinGroupResponse) {
	for i := range c.sim.terrain.load.Partitions {
		if c.groups.assigned[assignedIn{req.Group, resp.Generation, i}] != "" {
			c.sim.marks[StaticReturned]++
			return
		}
	}
}

// assigned looks at who is told to have which partitions. A static member is known by its instance: another process of
// it takes its place.
func (c *checker) assigned(h *host, req *kmsg.SyncGroupRequest, resp *kmsg.SyncGroupResponse) {
	who := req.MemberID
	if req.InstanceID != nil {
		who = *req.InstanceID
	}
	for _, p := range decodeAssignment(resp.MemberAssignment) {
		in := assignedIn{req.Group, req.Generation, p}
		if other := c.groups.assigned[in]; other != "" && other != who {
			c.violated("assignment", "%v tells %s that it has %s in generation %d of group %s, and told %s the same", h, who, place(p), in.generation, in.group, other)
		}
		c.groups.assigned[in] = who
	}
}

// replayed looks at what a coordinator knows that has read its partition: the newest acknowledged offset of each group
// in each partition, or one that was written after it.
func (c *checker) replayed(h *host, e nodeevent.CoordinatorLoaded) {
	b := h.boxes[api.Coordinator]
	for _, g := range c.sim.consumers {
		if g.work != nil || api.CoordinatorPartition(g.name, len(c.groups.terms)) != e.Partition {
			continue
		}
		known := offsetsOf(b.actor, g.name)
		for i := range c.sim.terrain.load.Partitions {
			l, now := c.groups.ledger(offsetOf{g.name, int32(i)}), int64(-1)
			if e.LeaderEpoch < l.term {
				continue // it hears late of a term that is over: the coordinator of a later one has acknowledged since
			}
			if offset, ok := known[int32(i)]; ok {
				now = offset
			}
			may := func(k keptOffset) bool { return k.offset == now }
			if now != l.acked && !slices.ContainsFunc(l.unknown, may) {
				c.violated("replay", "%v begins to coordinate group %s in epoch %d with offset %d of %s: acknowledged was %d, and after it came%s",
					h, g.name, e.LeaderEpoch, now, place(i), l.acked, offsetsText(l.unknown))
			}
			// What was written after it and is not seen may come to be seen: in the log of a follower that leads before
			// anything of this term is committed over it.
			if at := slices.IndexFunc(l.unknown, may); at >= 0 && now != l.acked {
				l.unknown = slices.Clone(l.unknown[at+1:])
			}
			l.acked, l.term = now, max(l.term, e.LeaderEpoch)
			if now >= 0 {
				l.ever[now] = true
			}
		}
	}
}
