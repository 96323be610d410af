package controller

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// model is a cluster around the controller, as far as it is needed to know what is lost: logs are
// lists of record numbers, leaders commit by the rules of KIP-966, followers copy. Brokers crash,
// lose the ends of their logs, fall silent and return; proposals to the controller are late and come
// twice.
type model struct {
	*world
	rand  *rand.Rand
	nodes map[int32]*node
	parts []*part
	// mail are proposals on their way. One that was delivered may come again.
	mail []*kmsg.AlterPartitionRequest
	// records counts appends: a record is its number.
	records int
	marks   map[string]int
	// wrong is the first violation; with lossOnly, of those that lose committed records.
	wrong    string
	lossOnly bool
}

type node struct {
	up, stopping bool
	// cut is set when the crash took the end of its logs with it.
	cut bool
}

// part is a partition as its brokers have it, and what the checks remember of it.
type part struct {
	topic     string
	logs      map[int32][]int
	committed []int
	// term is the leader epoch for which known holds; start is where the leader's log ended then.
	term, start int
	// known is what the leader knows of followers from their fetches in this term.
	known map[int32]fetched
	// leaders of each leader epoch, and the state before the last step.
	leaders map[int32]int32
	before  metadata.Partition
}

type fetched struct {
	end   int
	epoch int64
}

func newModel(t *testing.T, seed uint64, cfg Config) *model {
	m := &model{world: newWorld(t, cfg), rand: rand.New(rand.NewPCG(seed, 0)), nodes: map[int32]*node{}, marks: map[string]int{}}
	m.cfg.LastKnownLeader = cfg.LastKnownLeader
	m.takeover()
	m.elected = m.survived
	for id := int32(1); id <= 5; id++ {
		m.nodes[id] = &node{up: true}
		m.register(id, "", "", false)
		m.beat(id, m.m.Image().Offset, false, false)
	}
	for i, minISR := range []string{"1", "2", "2", "3"} {
		name := fmt.Sprint("t", i)
		options := map[string]string{"min": minISR}
		if cfg.LastKnownLeader && i%2 == 0 {
			options["unclean"] = ""
		}
		m.topic(name, "1x3", options)
		m.parts = append(m.parts, &part{topic: name, logs: map[int32][]int{}, leaders: map[int32]int32{}, term: -1})
	}
	return m
}

func (m *model) state(p *part) (*metadata.Topic, *metadata.Partition) {
	return m.partition(p.topic + "-0")
}

func (m *model) fault(format string, args ...any) {
	if m.wrong == "" && (!m.lossOnly || strings.HasPrefix(format, "committed: ")) {
		m.wrong = fmt.Sprintf(format, args...)
	}
}

// survived notes what an unclean election leaves of the committed records, where it may happen: what
// the new leader has.
func (m *model) survived(topic *metadata.Topic, was, is *metadata.Partition) {
	if !m.cfg.LastKnownLeader || is.Leader == was.Leader || is.Leader == metadata.NoLeader || slices.Contains(union(was.ISR, was.ELR), is.Leader) {
		return
	}
	if was.Leader != metadata.NoLeader && !slices.Contains(is.Replicas, was.Leader) && !is.Reassigned() && !is.Recovering {
		m.marks["a leader that joined and led in one change"]++ // the one before was sent away
		return
	}
	for _, p := range m.parts {
		if p.topic == topic.Name {
			m.marks["an unclean election"]++
			p.committed = p.committed[:shared(p.committed, p.logs[is.Leader])]
			p.before.Replicas = nil // the ISR begins anew
			if !is.Recovering || len(is.ISR) != 1 {
				m.fault("shape: unclean: %s", describe(topic, is))
			}
		}
	}
}

// shared is how long the common beginning of two logs is.
func shared(a, b []int) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// leading gives the partition if its leader's process runs, and begins a term if there is a new one.
func (m *model) leading(p *part) (*metadata.Topic, *metadata.Partition, bool) {
	topic, s := m.state(p)
	if s.Leader == metadata.NoLeader || !m.serves(s.Leader) {
		return nil, nil, false
	}
	if p.term != int(s.LeaderEpoch) {
		p.term, p.start, p.known = int(s.LeaderEpoch), len(p.logs[s.Leader]), map[int32]fetched{}
	}
	return topic, s, true
}

func (m *model) serves(id int32) bool { return m.nodes[id].up && !m.brokers[id].silent }

func (m *model) step() {
	p := m.parts[m.rand.IntN(len(m.parts))]
	id := int32(1 + m.rand.IntN(len(m.nodes)))
	switch n := m.rand.IntN(100); {
	case n < 20:
		if _, s, ok := m.leading(p); ok {
			m.records++
			p.logs[s.Leader] = append(slices.Clone(p.logs[s.Leader]), m.records)
		}
	case n < 50:
		m.fetch(p)
	case n < 63:
		m.propose(p)
	case n < 76:
		m.deliver()
	case n < 78:
		m.crash(id)
	case n < 80:
		m.rebirth()
	case n < 86:
		m.restart(id)
	case n < 87:
		m.brokers[id].silent = true
	case n < 90:
		m.brokers[id].silent = false
	case n < 91:
		m.nodes[id].stopping = m.nodes[id].stopping || m.serves(id)
	case n < 92:
		m.takeover()
	case n < 93:
		m.elect(false, nil)
	case n < 95:
		m.move(p)
	default:
		m.pass(time.Duration(m.rand.IntN(5000)) * time.Millisecond)
	}
	m.commitRecords()
	m.check()
	m.out.Reset()
}

// fetch lets one follower cut its log to what it shares with the leader's, and copy a little. What the
// leader learns of it by that is where it fetched from.
func (m *model) fetch(p *part) {
	_, s, ok := m.leading(p)
	follower := int32(1 + m.rand.IntN(len(m.nodes)))
	if !ok || follower == s.Leader || !slices.Contains(s.Replicas, follower) || !m.serves(follower) {
		return
	}
	from := p.logs[s.Leader]
	offset := shared(from, p.logs[follower])
	p.known[follower] = fetched{offset, m.brokers[follower].epoch}
	p.logs[follower] = slices.Clone(from[:min(len(from), offset+1+m.rand.IntN(4))])
}

// move asks for other replicas of a partition, or takes that back. A broker that runs deletes the log of
// a replica that it is told to give up; one that is down has it still when it returns.
func (m *model) move(p *part) {
	_, before := m.state(p)
	was := slices.Clone(before.Replicas)
	asked := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	if m.rand.IntN(3) > 0 {
		for _, i := range m.rand.Perm(len(m.nodes))[:1+m.rand.IntN(3)] {
			asked.Replicas = append(asked.Replicas, int32(1+i))
		}
	}
	code := m.reassign(p.topic, true, asked)
	m.marks[fmt.Sprintf("reassignment, cancelled %v: %v", asked.Replicas == nil, kerr.ErrorForCode(code))]++
	m.delete(p, was)
}

// delete is what the brokers do that are sent away.
func (m *model) delete(p *part, was []int32) {
	_, now := m.state(p)
	for _, id := range was {
		if !slices.Contains(now.Replicas, id) && m.nodes[id].up {
			m.marks["a replica that was deleted"]++
			delete(p.logs, id)
		}
	}
}

// propose sends an ISR with one follower more, if it may join, or one less.
func (m *model) propose(p *part) {
	topic, s, ok := m.leading(p)
	if !ok {
		return
	}
	isr, grow := slices.Clone(s.ISR), m.rand.IntN(3) > 0
	for _, id := range s.Replicas {
		f, fetched := p.known[id]
		b := m.m.Image().Broker(id)
		may := grow && fetched && f.end >= len(p.committed) && f.end >= p.start && b.Active() && b.Epoch == f.epoch
		if may && !slices.Contains(isr, id) {
			isr = append(isr, id)
			break
		}
	}
	if !grow {
		drop := isr[m.rand.IntN(len(isr))]
		isr = only(isr, func(id int32) bool { return id == s.Leader || id != drop })
	}
	m.mail = append(m.mail, m.proposal(topic, s, s.Leader, isr))
}

func (m *model) deliver() {
	if len(m.mail) == 0 {
		return
	}
	i := m.rand.IntN(len(m.mail))
	req := m.mail[i]
	if m.rand.IntN(2) == 0 || len(m.mail) > 10 {
		m.mail = slices.Delete(m.mail, i, i+1)
	}
	var was [][]int32
	for _, p := range m.parts {
		_, s := m.state(p)
		was = append(was, s.Replicas)
	}
	code := m.alter(req)
	for i, p := range m.parts {
		m.delete(p, was[i])
	}
	m.marks[fmt.Sprint("proposal: ", kerr.ErrorForCode(code))]++
}

func (m *model) crash(id int32) {
	m.nodes[id] = &node{cut: m.rand.IntN(4) == 0}
	m.brokers[id].silent = true
}

// rebirth is a crash with loss that is over before much else happens, of a broker that its leader just
// now wants in the ISR.
func (m *model) rebirth() {
	for _, req := range m.mail {
		one := &req.Topics[0].Partitions[0]
		_, s := m.m.Image().Partition(req.Topics[0].TopicID, 0)
		isr := proposed(one)
		id := isr[len(isr)-1]
		if one.PartitionEpoch != s.PartitionEpoch || slices.Contains(s.ISR, id) || !m.nodes[id].up {
			continue
		}
		m.crash(id)
		m.nodes[id].cut = true
		m.pass(m.cfg.SessionTimeout)
		m.restart(id)
		m.pass(time.Second)
		return
	}
}

// restart begins a new process, if the controller takes it already. Only then is it known whether
// the old one left its logs whole.
func (m *model) restart(id int32) {
	n := m.nodes[id]
	if n.up || !m.register(id, "", "", n.cut) {
		return
	}
	if n.cut {
		m.marks["a restart without the ends of logs"]++
		for _, p := range m.parts {
			p.logs[id] = p.logs[id][:m.rand.IntN(len(p.logs[id])+1)]
		}
	}
	m.nodes[id] = &node{up: true}
}

// pass moves the clock; every process that is not silent is heard of.
func (m *model) pass(d time.Duration) {
	m.now = m.now.Add(d)
	for _, b := range slices.Clone(m.m.Image().Registered()) {
		n := m.nodes[b.ID]
		if !m.serves(b.ID) {
			continue
		}
		if m.beat(b.ID, m.m.Image().Offset, false, n.stopping).ShouldShutdown {
			m.marks["a broker that may stop"]++
			m.nodes[b.ID] = &node{}
			m.brokers[b.ID].silent = true
		}
	}
	m.commit(m.m.Tick(m.now))
}

// commitRecords moves the high watermark of every leader: to the end that every member of the maximal
// ISR is known to have, if the ISR is large enough.
func (m *model) commitRecords() {
	for _, p := range m.parts {
		topic, s, ok := m.leading(p)
		if !ok || len(s.ISR) < topic.MinISR(s, 1) {
			continue
		}
		log := p.logs[s.Leader]
		end := len(log)
		for _, id := range m.maximalISR(topic, s) {
			if id != s.Leader {
				end = min(end, p.known[id].end)
			}
		}
		if end > len(p.committed) {
			if !slices.Equal(log[:len(p.committed)], p.committed) {
				m.fault("committed: %s replaces committed records", describe(topic, s))
			}
			p.committed = log[:end]
		}
	}
}

// maximalISR is the ISR and every one that could still replace it.
func (m *model) maximalISR(topic *metadata.Topic, s *metadata.Partition) []int32 {
	members := s.ISR
	for _, req := range m.mail {
		one := &req.Topics[0].Partitions[0]
		if req.Topics[0].TopicID == topic.ID && one.LeaderEpoch == s.LeaderEpoch && one.PartitionEpoch == s.PartitionEpoch {
			members = union(members, proposed(one))
		}
	}
	return members
}
