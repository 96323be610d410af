package partition

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// cluster is a partition on a few brokers and a controller, as dumb as can be: logs are slices, and
// nothing happens until a test says so.
type cluster struct {
	cfg   Config
	nodes []*node
	now   time.Time
	// history of what the controller decided; nodes read it in order. The last one holds.
	history []State
	// brokerEpoch is the last one given out, record the last record written, fetches the last fetch.
	brokerEpoch     int64
	record, fetches int
	acks            map[uint64]int
	// say takes what happens, one line each; acked takes records as they are acknowledged.
	say   func(format string, args ...any)
	acked func(n *node, offset int64)
}

// entry is one record: the epoch it was written in, and which record it is.
type entry struct {
	epoch int32
	value string
}

type node struct {
	id          int32
	up          bool
	brokerEpoch int64
	log         entries
	synced      int64
	// known is the high watermark at the last stop.
	known int64
	// view counts the states of the history that this node has read.
	view     int
	leader   *Leader
	follower *Follower
	// told is the leader's high watermark of which the owner knows.
	told int64
	// fetch is the one whose answer is awaited.
	fetch int
}

// entries is a log; it knows its epochs by looking.
type entries []entry

func (e entries) StartOffset() int64 { return 0 }

func (e entries) EpochForOffset(offset int64) int32 {
	if offset < 0 || offset >= int64(len(e)) {
		return -1
	}
	return e[offset].epoch
}

func (e entries) LatestEpoch() int32 {
	if len(e) == 0 {
		return -1
	}
	return e[len(e)-1].epoch
}

func (e entries) EndOffsetForEpoch(epoch int32) (found int32, end int64) {
	for i := len(e); i > 0; i-- {
		if e[i-1].epoch <= epoch {
			return e[i-1].epoch, int64(i)
		}
	}
	return -1, -1
}

func (e entries) String() string {
	if len(e) == 0 {
		return "-"
	}
	var parts []string
	for _, x := range e {
		parts = append(parts, fmt.Sprintf("%s/%d", x.value, x.epoch))
	}
	return strings.Join(parts, " ")
}

// newCluster has all brokers registered and in the ISR; broker 1 leads.
func newCluster(size, minISR int, cfg Config) *cluster {
	c := &cluster{cfg: cfg, now: time.Unix(0, 0), acks: map[uint64]int{}, say: func(string, ...any) {}, acked: func(*node, int64) {}}
	s := State{Leader: 1, LeaderEpoch: 1, PartitionEpoch: 1, MinISR: minISR}
	for id := int32(1); id <= int32(size); id++ {
		c.brokerEpoch++
		s.Replicas, s.ISR = append(s.Replicas, id), append(s.ISR, id)
		s.Brokers = append(s.Brokers, Broker{ID: id, Epoch: c.brokerEpoch})
		c.nodes = append(c.nodes, &node{id: id, up: true, brokerEpoch: c.brokerEpoch})
	}
	c.history = []State{s}
	for _, n := range c.nodes {
		c.readMetadata(n)
	}
	return c
}

func (c *cluster) node(id int32) *node { return c.nodes[id-1] }

// state is what the controller decided last.
func (c *cluster) state() State { return c.history[len(c.history)-1] }

// decide adds a state to the history.
func (c *cluster) decide(change func(*State)) {
	s := c.state()
	s.ISR, s.Brokers = slices.Clone(s.ISR), slices.Clone(s.Brokers)
	before := s
	before.ISR = slices.Clone(s.ISR)
	change(&s)
	if !slices.Equal(s.ISR, before.ISR) || s.Leader != before.Leader || s.LeaderEpoch != before.LeaderEpoch {
		s.PartitionEpoch++
		c.say("controller: leader %d, leader epoch %d, ISR %v, partition epoch %d", s.Leader, s.LeaderEpoch, s.ISR, s.PartitionEpoch)
	}
	c.history = append(c.history, s)
}

// leave takes a broker out of ISR and leadership; the last member of the ISR stays in it.
func (s *State) leave(id int32) {
	if s.in(id) && len(s.ISR) > 1 {
		s.ISR = slices.DeleteFunc(s.ISR, func(m int32) bool { return m == id })
	}
	if s.Leader == id {
		s.Leader = -1
		s.LeaderEpoch++
	}
	s.elect()
}

// elect chooses the first member of the ISR that can lead, if there is no leader.
func (s *State) elect() {
	if s.Leader >= 0 {
		return
	}
	for _, id := range s.Replicas {
		if b := s.broker(id); s.in(id) && !b.Fenced && !b.ShuttingDown {
			s.Leader = id
			s.LeaderEpoch++
			return
		}
	}
}

func (s *State) update(id int32, change func(*Broker)) {
	for i := range s.Brokers {
		if s.Brokers[i].ID == id {
			change(&s.Brokers[i])
		}
	}
}

func (c *cluster) fence(id int32) {
	c.decide(func(s *State) { s.update(id, func(b *Broker) { b.Fenced = true }); s.leave(id) })
}

func (c *cluster) unfence(id int32) {
	c.decide(func(s *State) { s.update(id, func(b *Broker) { b.Fenced = false }); s.elect() })
}

func (c *cluster) shutDown(id int32) {
	c.decide(func(s *State) { s.update(id, func(b *Broker) { b.ShuttingDown = true }); s.leave(id) })
}

// move makes another broker the leader.
func (c *cluster) move(id int32) {
	c.decide(func(s *State) {
		s.Leader, s.LeaderEpoch = id, s.LeaderEpoch+1
		if !s.in(id) {
			s.ISR = []int32{id} // an unclean election
		}
	})
}

// alter is the controller's half of AlterPartition.
func (c *cluster) alter(from *node, p AlterPartition) Answer {
	s := c.state()
	refuse := func(err *kerr.Error) Answer {
		c.say("controller: AlterPartition of %d refused: %s", from.id, err.Message)
		return Answer{ID: p.ID, Error: err}
	}
	switch {
	case p.LeaderEpoch < s.LeaderEpoch:
		return refuse(kerr.FencedLeaderEpoch)
	case p.PartitionEpoch < s.PartitionEpoch:
		return refuse(kerr.InvalidUpdateVersion)
	case p.LeaderBroker != s.broker(from.id).Epoch:
		return refuse(kerr.StaleBrokerEpoch)
	}
	var isr []int32
	for _, m := range p.ISR {
		if b := s.broker(m.ID); b.Fenced || b.ShuttingDown || b.Epoch != m.Epoch {
			return refuse(kerr.IneligibleReplica)
		}
		isr = append(isr, m.ID)
	}
	c.decide(func(s *State) {
		if slices.Equal(s.ISR, isr) {
			s.PartitionEpoch++ // whatever else asks for the old one comes too late
		}
		s.ISR = isr
	})
	return Answer{ID: p.ID, ISR: isr, PartitionEpoch: c.state().PartitionEpoch}
}

// stop ends a broker's process; without its unsynced records if the power failed.
func (c *cluster) stop(n *node, power bool) {
	if l := n.leader; l != nil {
		n.known = l.HighWatermark()
	} else if n.follower != nil {
		n.known = n.follower.HighWatermark()
	}
	n.up, n.leader, n.follower, n.fetch = false, nil, nil, 0
	if power {
		n.log = n.log[:n.synced]
	}
	n.known = min(n.known, int64(len(n.log)))
}

// start begins a new process, which registers; the controller takes its former one out of the ISR.
func (c *cluster) start(n *node) {
	c.brokerEpoch++
	n.up, n.brokerEpoch, n.synced = true, c.brokerEpoch, int64(len(n.log))
	c.decide(func(s *State) {
		s.update(n.id, func(b *Broker) { *b = Broker{ID: n.id, Epoch: n.brokerEpoch} })
		s.leave(n.id)
	})
}

// readMetadata takes the next state of the history. A broker does nothing before it has read of its
// own registration: what stands before that was said of a former process.
func (c *cluster) readMetadata(n *node) bool {
	if n.view == len(c.history) || !n.up {
		return false
	}
	s := c.history[n.view]
	n.view++
	switch {
	case s.broker(n.id).Epoch != n.brokerEpoch:
	case s.Leader == n.id && n.leader != nil && n.leader.Epoch == s.LeaderEpoch:
		c.look(n, n.leader.MetadataChanged(s))
	case s.Leader == n.id:
		log := n.at()
		c.drain(n)
		n.leader, n.follower, n.fetch = NewLeader(c.cfg.as(n.id), s, log, c.now), nil, 0
		n.told = n.leader.HighWatermark()
		c.say("%d: leads epoch %d from offset %d, high watermark %d", n.id, s.LeaderEpoch, n.leader.EpochStart(), n.leader.HighWatermark())
		c.look(n, false)
	case n.follower == nil || n.follower.Epoch != s.LeaderEpoch:
		log := n.at()
		c.drain(n)
		n.leader, n.follower, n.fetch = nil, NewFollower(c.cfg.as(n.id), s, log), 0
		c.say("%d: follows %d in epoch %d", n.id, s.Leader, s.LeaderEpoch)
		if cut, ok := n.follower.Begin(); ok {
			c.cut(n, cut)
		}
	}
	return true
}

func (cfg Config) as(id int32) Config {
	cfg.Self = id
	return cfg
}

func (n *node) at() Log {
	switch {
	case n.leader != nil:
		return n.leader.Log()
	case n.follower != nil:
		return n.follower.Log()
	}
	return Log{End: int64(len(n.log)), Synced: n.synced, HighWatermark: n.known}
}

func (c *cluster) drain(n *node) {
	if n.leader == nil {
		return
	}
	for _, a := range n.leader.Drain() {
		c.say("%d: produce at offset %d refused: %s", n.id, a.BaseOffset, kerr.NotLeaderForPartition.Message)
	}
}

// look does what an owner does after an event.
func (c *cluster) look(n *node, due bool) {
	if !due {
		return
	}
	moved := n.leader.HighWatermark() > n.told
	if moved {
		n.told = n.leader.HighWatermark()
		c.say("%d: high watermark %d", n.id, n.told)
	}
	for _, a := range n.leader.Due() {
		c.say("%d: produce at offset %d acknowledged", n.id, a.BaseOffset)
		c.acked(n, a.BaseOffset)
	}
	for _, a := range n.leader.Refused() {
		c.say("%d: produce at offset %d refused: NOT_ENOUGH_REPLICAS_AFTER_APPEND", n.id, a.BaseOffset)
	}
	for _, p := range c.nodes {
		if moved && n.leader.Behind(p.id) {
			c.say("%d: answers the waiting fetch of %d at once", n.id, p.id)
		}
	}
}

// produce appends one record for acks=all.
func (c *cluster) produce(n *node, value string) {
	if n.leader == nil {
		c.say("%d: produce of %s refused: %s", n.id, value, kerr.NotLeaderForPartition.Message)
		return
	}
	if err := n.leader.Admit(); err != nil {
		c.say("%d: produce of %s refused: %s", n.id, value, err.Message)
		return
	}
	at := int64(len(n.log))
	n.log = append(n.log, entry{n.leader.Epoch, value})
	c.say("%d: %s appended at offset %d", n.id, value, at)
	moved := n.leader.Appended(at + 1)
	if n.leader.Acknowledged(at + 1) {
		c.say("%d: produce at offset %d acknowledged", n.id, at)
		c.acked(n, at)
	} else {
		n.leader.Wait(Ack{BaseOffset: at, End: at + 1})
	}
	c.look(n, moved)
}

func (c *cluster) sync(n *node) {
	n.synced = int64(len(n.log))
	if n.leader != nil {
		c.look(n, n.leader.Synced(n.synced))
	} else if n.follower != nil {
		n.follower.Synced(n.synced)
	}
}

// reply of a leader to a fetch.
type reply struct {
	fetch         int
	err           *kerr.Error
	diverging     *DivergingEpoch
	records       entries
	highWatermark int64
}

// ask makes a follower's next fetch.
func (c *cluster) ask(n *node) (f Fetch, id int, ok bool) {
	if n.follower == nil {
		return f, 0, false
	}
	if f, ok = n.follower.Fetch(n.log); !ok {
		return f, 0, false
	}
	c.fetches++
	n.fetch = c.fetches
	return f, n.fetch, true
}

// serve answers a fetch as the owner of a leader does: logs are compared only within a term.
func (c *cluster) serve(n *node, f Fetch, id int) reply {
	if n.leader == nil {
		c.say("%d: refuses: %s", n.id, kerr.NotLeaderForPartition.Message)
		return reply{fetch: id, err: kerr.NotLeaderForPartition}
	}
	if f.LeaderEpoch == n.leader.Epoch {
		if d, ok := Diverging(n.log, f.LastEpoch, f.Offset); ok {
			return reply{fetch: id, diverging: &d}
		}
	}
	moved, err := n.leader.Fetched(f, c.now)
	c.look(n, moved)
	if err != nil {
		c.say("%d: refuses: %s", n.id, err.Message)
		return reply{fetch: id, err: err}
	}
	return reply{fetch: id, records: slices.Clone(n.log[f.Offset:]), highWatermark: n.leader.HighWatermark()}
}

// take gives an answer to the follower that waits for it.
func (c *cluster) take(n *node, r reply) {
	if !n.up || n.follower == nil || n.fetch != r.fetch {
		return
	}
	n.fetch = 0
	switch {
	case r.err != nil:
	case r.diverging != nil:
		c.say("%d: diverging: epoch %d ends at %d", n.id, r.diverging.Epoch, r.diverging.End)
		c.cut(n, n.follower.Diverged(*r.diverging, n.log))
	default:
		if len(r.records) > 0 {
			c.say("%d: fetched %s", n.id, r.records)
		}
		n.log = append(n.log, r.records...)
		n.follower.Appended(int64(len(n.log)))
		if n.follower.LeaderSaid(r.highWatermark) {
			c.say("%d: knows high watermark %d", n.id, n.follower.HighWatermark())
		}
	}
}

func (c *cluster) cut(n *node, t Truncation) {
	note := ""
	if t.Unclean {
		note = ", below the high watermark: the election was unclean"
	}
	c.say("%d: truncates to %d%s", n.id, t.To, note)
	n.log = n.log[:t.To]
	n.synced = min(n.synced, t.To)
	n.follower.Truncated(t.To)
}
