package partition

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// model drives a cluster at random: messages are late, lost and told twice, brokers stop and come back,
// with less than they had. After every step a dumb oracle looks at the logs.
type model struct {
	*cluster
	random *rand.Rand
	// packets are messages on their way.
	packets, late []packet
	// load and trouble are how often something is produced or breaks, in a thousand steps.
	load, trouble int
	// committed are the records that any leader ever called committed, by offset.
	committed entries
	// watermarks are the highest told by each machine.
	watermarks map[any]int64
	// proposals that were looked at, by machine.
	proposals map[*Leader]uint64
	// wrong is what the oracle found first, story the steps until then.
	wrong string
	story []string
	// reached counts rare states: without them the model proves nothing.
	reached map[string]int
}

// packet is a message. What has its losses and delays in itself, as a proposal, is kept as it is.
type packet struct {
	deliver func()
	kept    bool
}

func newModel(seed uint64, bugs Bugs) *model {
	m := &model{
		random: rand.New(rand.NewPCG(seed, 4)), watermarks: map[any]int64{}, proposals: map[*Leader]uint64{},
		reached: map[string]int{},
	}
	m.load, m.trouble = 1+m.random.IntN(100), 1+m.random.IntN(12)
	cfg := Config{Flush: FlushCommit, ReplicaLagMax: 10 * time.Second, Bugs: bugs}
	if seed%4 == 3 {
		cfg.Flush = FlushNone
	}
	size := 3
	if seed%8 >= 6 {
		size = 5
	}
	m.cluster = newCluster(size, 1+int(seed%2), cfg)
	m.say = func(format string, args ...any) { m.story = append(m.story, fmt.Sprintf(format, args...)) }
	m.acked = m.acknowledged
	return m
}

func (m *model) fail(format string, args ...any) {
	if m.wrong == "" {
		m.wrong = fmt.Sprintf(format, args...)
		m.say("WRONG: %s", m.wrong)
	}
}

// run takes steps until something is wrong.
func (m *model) run(steps int) {
	for i := 0; i < steps && m.wrong == ""; i++ {
		m.step()
		m.check()
	}
}

func (m *model) step() {
	n := m.nodes[m.random.IntN(len(m.nodes))]
	switch dice := m.random.IntN(1000); {
	case dice < 330:
		m.deliver()
	case dice < 350:
		m.straggle()
	case dice < 500 || dice >= 920 && dice < 970:
		m.sendFetch(n)
	case dice < 650:
		m.readMetadata(n)
	case dice < 750 && n.up:
		m.sync(n)
	case dice < 750+m.load && n.leader != nil:
		m.record++
		m.produce(n, fmt.Sprint("r", m.record))
	case dice >= 850 && dice < 920 && n.leader != nil:
		m.now = m.now.Add(time.Duration(m.random.IntN(3000)) * time.Millisecond)
		m.look(n, n.leader.Tick(m.now))
	case dice >= 1000-m.trouble:
		m.disturb(n, m.random.IntN(10))
	case dice >= 970:
		m.repair(n)
	}
	for _, n := range m.nodes {
		if n.leader != nil {
			m.sendProposal(n)
		}
	}
}

// disturb does what a controller or a bad day does to a broker.
func (m *model) disturb(n *node, dice int) {
	s := m.state()
	switch {
	case dice < 3 && s.Leader >= 0 && n.up && s.in(n.id) && !s.broker(n.id).Fenced && !s.broker(n.id).ShuttingDown:
		m.move(n.id)
	case dice < 6:
		m.fence(n.id)
	case dice < 7:
		m.shutDown(n.id)
	case n.up:
		m.say("%d: stops", n.id)
		m.stop(n, m.cfg.Flush == FlushCommit && dice < 9)
		if m.random.IntN(3) == 0 {
			m.loseDisk(n)
		}
	}
}

// repair brings a broker back.
func (m *model) repair(n *node) {
	b := m.state().broker(n.id)
	switch {
	case !n.up || b.ShuttingDown:
		m.say("%d: starts", n.id)
		m.stop(n, false)
		m.start(n)
	case b.Fenced && b.Epoch == n.brokerEpoch:
		m.unfence(n.id)
	}
}

// loseDisk leaves a broker with nothing, if another member of the ISR has all that was committed. The
// controller has it out of the ISR before that other one can go too: who is elected when members of a
// small ISR go one after the other is the controller's part (KIP-966), not this package's.
func (m *model) loseDisk(n *node) {
	if s := m.state(); s.in(n.id) && len(s.ISR) == 1 {
		return
	}
	m.say("%d: loses its disk", n.id)
	n.log, n.synced, n.known = nil, 0, 0
	m.fence(n.id)
}

func (m *model) send(deliver func()) { m.packets = append(m.packets, packet{deliver: deliver}) }

func (m *model) sendSurely(deliver func()) {
	m.packets = append(m.packets, packet{deliver: deliver, kept: true})
}

// deliver takes one message, not always the oldest: it may get lost, or be told again much later.
func (m *model) deliver() {
	if len(m.packets) == 0 {
		return
	}
	i := m.random.IntN(min(len(m.packets), 1+m.random.IntN(6)))
	p := m.packets[i]
	m.packets = slices.Delete(m.packets, i, i+1)
	dice := m.random.IntN(20)
	if dice < 2 && !p.kept {
		m.late = append(m.late, p)
	}
	if dice > 0 || p.kept {
		p.deliver()
	}
}

// straggle delivers one message of long ago.
func (m *model) straggle() {
	if len(m.late) == 0 {
		return
	}
	i := max(0, len(m.late)-1-m.random.IntN(10))
	p := m.late[i]
	m.late = slices.Delete(m.late, i, i+1)
	p.deliver()
}

func (m *model) sendFetch(n *node) {
	f, id, ok := m.ask(n)
	if !ok {
		return
	}
	leader := m.node(n.follower.Leader)
	m.send(func() {
		if !leader.up {
			return
		}
		m.say("%d: gets fetch of %d in epoch %d at %d, last epoch %d", leader.id, f.Replica, f.LeaderEpoch, f.Offset, f.LastEpoch)
		r := m.serve(leader, f, id)
		if r.diverging != nil {
			m.reached["diverging"]++
		}
		m.send(func() { m.take(n, r) })
	})
}

// sendProposal carries a proposal to the controller: it may get lost, and so may the answer.
func (m *model) sendProposal(n *node) {
	p, ok := n.leader.Proposal()
	if !ok {
		return
	}
	l := n.leader
	m.say("%d: proposes ISR %v at partition epoch %d", n.id, p.ISR, p.PartitionEpoch)
	m.reached["proposal"]++
	answered := func(a Answer) {
		if a.Error != nil {
			m.reached[a.Error.Message]++
		} else {
			m.reached["accepted"]++
		}
		m.sendSurely(func() {
			if n.leader == l {
				m.look(n, l.Answered(a))
			}
		})
	}
	lost := Answer{ID: p.ID, Error: kerr.RequestTimedOut}
	switch m.random.IntN(6) {
	case 0: // the leader gives up waiting, and the request arrives all the same
		late := packet{deliver: func() { m.alter(n, p) }}
		m.packets, m.late = append(m.packets, late), append(m.late, late)
		answered(lost)
	case 1: // it arrives, and the answer does not
		m.sendSurely(func() { m.alter(n, p); answered(lost) })
	default:
		m.sendSurely(func() { answered(m.alter(n, p)) })
	}
}

// acknowledged: every member of the ISR has it for sure.
func (m *model) acknowledged(n *node, offset int64) {
	m.reached["acknowledged"]++
	m.everywhere(offset, n.log[offset], "acknowledged")
}

// safe is the end of what a broker has for sure.
func (m *model) safe(n *node) int64 {
	if m.cfg.Flush == FlushCommit {
		return n.synced
	}
	return int64(len(n.log))
}

// everywhere looks for a record on every broker that the controller may elect.
func (m *model) everywhere(offset int64, e entry, what string) {
	for _, id := range m.state().ISR {
		n := m.node(id)
		if m.safe(n) <= offset || n.log[offset] != e {
			m.fail("%s record %v at offset %d is not on %d, a member of the ISR: %s, safe to %d", what, e, offset, id, n.log, m.safe(n))
		}
	}
}

// check is the oracle.
func (m *model) check() {
	s := m.state()
	leaders := map[int32]int32{}
	for _, n := range m.nodes {
		if n.leader != nil {
			if other, twice := leaders[n.leader.Epoch]; twice {
				m.fail("%d and %d lead epoch %d", n.id, other, n.leader.Epoch)
			}
			leaders[n.leader.Epoch] = n.id
			m.checkLeader(n, s)
		} else if n.follower != nil {
			m.watermark(n.follower, n, n.follower.HighWatermark())
		}
	}
	for i, e := range m.committed {
		if m.wrong != "" {
			return
		}
		m.everywhere(int64(i), e, "committed")
	}
}

func (m *model) checkLeader(n *node, s State) {
	l := n.leader
	moved := l.HighWatermark() > m.watermarks[l] && m.watermarks[l] > 0
	if moved && len(l.ISR()) < s.minISR() {
		m.fail("%d committed to %d with ISR %v", n.id, l.HighWatermark(), l.ISR())
	}
	m.watermark(l, n, l.HighWatermark())
	m.proposed(n, l)
	for i := int64(len(m.committed)); i < l.HighWatermark(); i++ {
		m.committed = append(m.committed, n.log[i])
	}
	if s.Leader != n.id || s.LeaderEpoch != l.Epoch {
		return
	}
	for _, id := range s.ISR {
		if !slices.Contains(l.MaximalISR(), id) {
			m.fail("%d has maximal ISR %v, the controller %v", n.id, l.MaximalISR(), s.ISR)
		}
	}
}

// proposed: a leader asks for nobody of whom it knows that the controller would not elect it.
func (m *model) proposed(n *node, l *Leader) {
	if l.pending == nil || l.proposals == m.proposals[l] {
		return
	}
	m.proposals[l] = l.proposals
	for _, member := range l.pending.ISR {
		if b := l.state.broker(member.ID); !l.state.in(member.ID) && (b.Fenced || b.ShuttingDown) {
			m.fail("%d proposes %d, fenced %v, shutting down %v", n.id, member.ID, b.Fenced, b.ShuttingDown)
		}
	}
}

// watermark: it never goes back, and below it all logs are the same.
func (m *model) watermark(machine any, n *node, at int64) {
	if at < m.watermarks[machine] {
		m.fail("%d: high watermark went back from %d to %d", n.id, m.watermarks[machine], at)
	}
	m.watermarks[machine] = at
	for i := range min(at, int64(len(m.committed))) {
		if n.log[i] != m.committed[i] {
			m.fail("%d has %v below its high watermark at offset %d, committed is %v", n.id, n.log[i], i, m.committed[i])
		}
	}
}

// heal lets everything work, and says what is still wrong after some rounds.
func (m *model) heal() string {
	for _, n := range m.nodes {
		if s := m.state().broker(n.id); !n.up || s.ShuttingDown {
			m.stop(n, false)
			m.start(n)
		}
		m.unfence(n.id)
	}
	for range 40 {
		for _, n := range m.nodes {
			for m.readMetadata(n) {
				m.check()
			}
			m.sync(n)
			m.sendFetch(n)
			if n.leader != nil {
				m.look(n, n.leader.Tick(m.now))
				m.sendProposal(n)
			}
			m.check()
			for len(m.packets) > 0 {
				p := m.packets[0]
				m.packets = m.packets[1:]
				p.deliver()
				m.check()
			}
		}
	}
	s := m.state()
	if s.Leader < 0 || len(s.ISR) != len(s.Replicas) {
		return fmt.Sprintf("leader %d, ISR %v", s.Leader, s.ISR)
	}
	l := m.node(s.Leader).leader
	if end := int64(len(m.node(s.Leader).log)); l == nil || l.HighWatermark() != end {
		return fmt.Sprintf("log end %d is not committed", end)
	}
	for _, n := range m.nodes {
		if !slices.Equal(n.log, m.node(s.Leader).log) {
			return fmt.Sprintf("%d has %s, its leader %s", n.id, n.log, m.node(s.Leader).log)
		}
	}
	return ""
}

func (m *model) tail() string {
	return strings.Join(m.story[max(0, len(m.story)-60):], "\n")
}

const modelSteps = 3000

// TestModel: whatever happens, what was committed stays, and when all works again all of it is written.
func TestModel(t *testing.T) {
	reached := map[string]int{}
	for seed := range uint64(80) {
		m := newModel(seed, Bugs{})
		m.run(modelSteps)
		if m.wrong == "" {
			if pending := m.heal(); pending != "" {
				m.fail("after everything healed: %s", pending)
			}
		}
		if m.wrong != "" {
			t.Fatalf("seed %d: %s\n%s", seed, m.wrong, m.tail())
		}
		for mark, n := range m.reached {
			reached[mark] += n
		}
	}
	for _, mark := range []string{"diverging", "proposal", "accepted", "acknowledged", "INELIGIBLE_REPLICA", "INVALID_UPDATE_VERSION", "FENCED_LEADER_EPOCH"} {
		if reached[mark] == 0 {
			t.Errorf("no seed ever reached %q: %v", mark, reached)
		}
	}
	t.Logf("reached: %v", reached)
}

// TestModelFindsBugs: the oracle that found nothing finds each planted bug, and without the bug the
// same seed has nothing to find.
func TestModelFindsBugs(t *testing.T) {
	switches := reflect.TypeFor[Bugs]().NumField() - 1 + reflect.TypeFor[IsrExpandEarly]().NumField()
	if len(planted) != switches {
		t.Errorf("%d bugs are planted here, Bugs has %d switches", len(planted), switches)
	}
	for name, plant := range planted {
		t.Run(name, func(t *testing.T) {
			var bugs Bugs
			plant(&bugs)
			for seed := range uint64(400) {
				m := newModel(seed, bugs)
				m.run(modelSteps)
				if m.wrong == "" {
					continue
				}
				t.Logf("seed %d: %s", seed, m.wrong)
				clean := newModel(seed, Bugs{})
				if clean.run(modelSteps); clean.wrong != "" {
					t.Fatalf("seed %d without the bug: %s\n%s", seed, clean.wrong, clean.tail())
				}
				return
			}
			t.Fatal("not found")
		})
	}
}
