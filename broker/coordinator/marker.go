package coordinator

import (
	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/group"
	"github.com/twmb/franz-go/pkg/kerr"
)

// mark writes the end of a transaction behind the offsets that stand in it, and takes it into account once it is
// committed. Who does not coordinate the partition, or has not loaded it, answers NOT_LEADER_OR_FOLLOWER: the
// transaction's coordinator tries again.
func (c *Coordinator) mark(m api.OffsetsMarker, fx *actor.Effects) {
	refuse := func(code int16) {
		c.out = append(c.out, actor.Send{To: m.Ticket.To, Message: api.ProduceDone{
			Call: m.Ticket.Call, Part: m.Ticket.Part, Error: code, BaseOffset: -1, LogStart: -1,
		}})
	}
	t := c.led[m.Partition]
	if t == nil || !t.served {
		refuse(kerr.NotLeaderForPartition.Code)
		return
	}
	marker, err := batch.ReadMarker(m.Batch)
	if err != nil {
		refuse(kerr.InvalidRecord.Code)
		return
	}
	c.give(t, api.ProducePart{Batch: m.Batch, Bumped: m.Bumped}, call[*group.Machine]{term: t, done: func(done api.ProduceDone) {
		if done.Error == 0 && !t.over {
			t.machine.Decide(m.Batch.ProducerID(), marker.Commit)
		}
		done.Call, done.Part = m.Ticket.Call, m.Ticket.Part
		c.out = append(c.out, actor.Send{To: m.Ticket.To, Message: done})
	}}, fx)
}
