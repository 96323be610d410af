package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/logproof/logproof/verify/history"
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
//	leader       one broker, in one life, leads a partition in a leader epoch, until it knows of another
//	match        below each replica's high watermark all logs of a partition are the same, batch by batch
//	watermarks   log start <= high watermark <= log end; the first two do not go back in a life of the
//	             node, the log end only by truncation; a leader's high watermark is synced
//	isr          the committed ISR is within the maximal ISR of the leader
//	committed    who is in ISR or ELR has all that is committed
//	election     nobody is elected who may lack what is committed
//	join         a follower joins the ISR of its own term, and is not known to be fenced or to stop
//	ack          nothing is acknowledged above the leader's high watermark
//	durability   what was acknowledged is on the disk of a replica that may lead
//	quorum       one leader for each term; equal offsets of the metadata log are equal images; what is
//	             committed is the same entry everywhere, stays committed, and later leaders have it
//	coordinator  one broker, in one life, writes the groups of a partition of __consumer_offsets in an epoch
//	commit       an offset commit is acknowledged when it is in the log as the others are ("ack", "durability")
//	replay       a coordinator that begins knows the newest acknowledged commits, or later ones
//	assignment   one member is told that it has a partition in a generation
//	owners       a partition is given to a member when no other may still think it has it (consumer.settle)
//	decision     what a coordinator has decided of a transaction stays, in __transaction_state
//	markers      say what is decided, and are in every log of a transaction before it is complete
//	epochs       of a producer do not go back, neither in its coordinator's log nor in a partition
//	late         a batch of a transaction is in no log unless its coordinator has that partition in the transaction
//	stable       the last stable offset is at most the high watermark, does not go back, and is what the markers say
//	aborted      readers are told of the aborted transactions that the markers end, and of no others
//	producers    equal logs know the same of producers
//	divergence   no reader has a record that its leader's log lacks (reader.diverged)
//	session-order  answers come in the order of requests (connection.answered)
//	calls        what nodes send each other can be read, and is sent to who is there
//	rot          what a node finds damaged has rotted
//	start, node  a node starts on what a crash left, and does not stop by itself
type checker struct {
	sim        *simulation
	violations []Violation
	// replicas holds what is known of each, by node and partition; parts by partition.
	replicas [][]watched
	parts    []agreed
	// asked holds the batches that shards have not answered.
	asked map[askedOf]asked
	// image is the newest that any node has published, sums the hashes of all, by their offset.
	image *metadata.Image
	// seen by node is what it has published last, told what its broker goes by in this life.
	seen, told []*metadata.Image
	sums       map[int64]uint64
	// terms of the metadata quorum and who leads in them; active is the node that became the
	// controller last, in activeTerm.
	terms      []claim
	active     *host
	activeTerm int32
	raft       raftChecker
	buffer     []byte
	// unfenced is where the metadata log ended, at least, when a broker was unfenced last.
	unfenced map[int32]int64
	// purged is where each node's replica of the purger's topic starts.
	purged []started
	// table is the compactor's.
	table table
	// adding is what reassignments are bringing, by partition.
	adding map[string][]int32
	groups groupChecker
	// transactions as the committed logs have them.
	transactions transactionChecker
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
	c := checker{sim: s, asked: map[askedOf]asked{}, parts: make([]agreed, s.terrain.load.Partitions+int(s.terrain.groups.partitions+s.terrain.transactions.partitions)), sums: map[int64]uint64{}, adding: map[string][]int32{}, unfenced: map[int32]int64{}}
	c.raft.voters = make([]voter, len(s.hosts))
	c.seen, c.told = make([]*metadata.Image, len(s.hosts)), make([]*metadata.Image, len(s.hosts))
	c.groups, c.purged = newGroupChecker(s), make([]started, len(s.hosts))
	c.transactions = newTransactionChecker(len(c.parts))
	for range s.hosts {
		c.replicas = append(c.replicas, make([]watched, len(c.parts)))
	}
	return c
}

func (c *checker) violated(invariant, format string, args ...any) {
	if c.sim.cfg.Events != nil {
		c.sim.tell("checker", "violation", fmt.Sprintf(format, args...))
	}
	if len(c.violations) < violationsMax {
		c.violations = append(c.violations, Violation{c.sim.now, invariant, fmt.Sprintf(format, args...)})
	}
}

// before notes which batches a shard is about to look at.
func (c *checker) before(h *host, b *box, messages []any) {
	switch b.address.Role {
	case actor.Coordinator:
		c.heard(h, messages)
		return
	case actor.Shard:
	default:
		return
	}
	for _, m := range messages {
		p, ok := m.(api.ProducePart)
		if !ok {
			continue
		}
		if index, ok := c.judges(p.Replica); ok {
			c.asked[askedOf{h, p.Ticket}] = asked{index, int64(p.Batch.Count()), c.replicas[h.slot][index].end}
		}
	}
}

// after looks at an actor that has taken its inbox.
func (c *checker) after(h *host, b *box, messages []any, fx *actor.Effects) {
	for _, e := range fx.Events {
		c.happened(h, e)
		c.sim.story.happened(h, e)
		c.sim.tell(h.String(), e.Name(), e.String())
		if c.sim.cfg.Noted != nil {
			c.sim.cfg.Noted(c.sim.now, h.id, e)
		}
	}
	switch b.address.Role {
	case actor.Controller:
		var none actor.Effects
		b.actor.Step(startTime, node.Committed{Done: func(image *metadata.Image, q *quorum.Quorum) {
			c.published(h, image)
			c.raft.look(h, q, c.violated)
		}}, &none)
		return
	case actor.Coordinator:
		c.said(h, fx)
		return
	case actor.Shard:
	default:
		return
	}
	if fx.Fatal != nil {
		return // nobody hears of this step, and what it left half done is for recovery to find
	}
	c.look(h, b)
	answers := 0
	for _, s := range fx.Sends {
		switch m := s.Message.(type) {
		case api.ProduceDone:
			of := askedOf{h, partition.Ticket{To: s.To, Call: m.Call, Part: m.Part}}
			if batch, known := c.asked[of]; m.Error == 0 {
				answers++
				if known {
					c.acknowledged(h, batch, m)
				}
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

// judges gives the index of a replica's partition, if it is one of the load or of what groups commit, and not one that
// the administrator plays with.
func (c *checker) judges(r api.Replica) (index int32, ok bool) {
	if c.image == nil {
		return 0, false
	}
	topic := c.image.TopicByID(r.Topic)
	if topic == nil {
		return 0, false
	}
	return c.index(topic.Name, r.Partition)
}

// index numbers the partitions that are judged: those of the load from 0 on, after them those of __consumer_offsets,
// and last those of __transaction_state. It is the inverse of place.
func (c *checker) index(topic string, partition int32) (index int32, ok bool) {
	n, groups := int32(c.sim.terrain.load.Partitions), c.sim.terrain.groups.partitions
	switch {
	case topic == Topic && partition < n:
		return partition, true
	case topic == metadata.ConsumerOffsets && partition < groups:
		return n + partition, true
	case topic == metadata.TransactionState && partition < c.sim.terrain.transactions.partitions:
		return n + groups + partition, true
	}
	return 0, false
}

// place is a partition that is judged, by its index.
func (c *checker) place(index int) history.Partition {
	n := c.sim.terrain.load.Partitions
	if all := n + int(c.sim.terrain.groups.partitions); index >= all {
		return history.Partition{Topic: metadata.TransactionState, Index: int32(index - all)}
	}
	if index >= n {
		return history.Partition{Topic: metadata.ConsumerOffsets, Index: int32(index - n)}
	}
	return place(index)
}

// acknowledged looks at the answer to a batch.
func (c *checker) acknowledged(h *host, a asked, m api.ProduceDone) {
	w, p := &c.replicas[h.slot][a.partition], &c.parts[a.partition]
	end := m.BaseOffset + a.count
	if end > w.highWatermark {
		c.violated("ack", "%s: %v acknowledges offsets %d to %d, its high watermark is %d", c.place(int(a.partition)), h, m.BaseOffset, end-1, w.highWatermark)
	}
	if m.BaseOffset < a.end {
		c.sim.marks[DuplicateAnswered]++
		if h.life > 1 && m.BaseOffset < w.recovered {
			c.sim.marks[DuplicateAfterCrash]++
		}
		if m.BaseOffset < w.epochStart {
			c.sim.marks[DuplicateByNewLeader]++
		}
		c.sim.story.duplicate(h, a.partition, m.BaseOffset)
	}
	if end > p.acked {
		p.acked = end
		c.held(int(a.partition), "the acknowledgement")
	}
}
