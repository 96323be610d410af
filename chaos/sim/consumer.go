package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's error codes that members act on.
const (
	codeLoadInProgress    = 14
	codeNotAvailable      = 15
	codeNotCoordinator    = 16
	codeIllegalGeneration = 22
	codeUnknownMember     = 25
	codeRebalancing       = 27
	codeMemberIDRequired  = 79
	codeFencedInstance    = 82
)

// stage is how far a member is.
type stage uint8

const (
	outside stage = iota // it has not joined, or must again
	joining              // its request is not answered
	syncing
	stable // it has an assignment
)

// consumer is a member of a consumer group, of the classic protocol: one process.
type consumer struct {
	*reader
	group *consumers
	place int // in the group
	life  int
	// instance is that of a static member, nil for a dynamic one.
	instance *string
	// id and generation are what the coordinator gave, "" and -1 before that; leads says that it assigns.
	id         string
	generation int32
	stage      stage
	// coordinator is the broker to ask, nobody if that is not known; finding while it asks who that is.
	coordinator int32
	finding     bool
	// turn numbers its memberships: an answer to a request of an earlier one is nobody's.
	turn uint64
	// owning is set while it has an assignment, made in ownGeneration: since then it holds partitions; resumed says of
	// which it knows where to go on, and done what it knows to be committed, by partition.
	owning        bool
	ownGeneration int32
	since         time.Duration
	resumed       []bool
	done          []int64
	// said is set once the process has had an assignment.
	said bool
	// confirmed is when the last request was written that the coordinator answered well.
	confirmed time.Duration
	// committing is set while a commit is under way; then is done after it.
	committing bool
	then       []func()
	// stalled processes do nothing until they go on with waiting.
	stalled bool
	waiting []func()
	// work is what a member does that transforms what it reads; nil for others.
	work *worker
}

func newConsumer(g *consumers, place, life int) *consumer {
	name := fmt.Sprintf("%s-%d-%d", g.name, place, life)
	m := &consumer{reader: newReader(g.sim, name, history.Fetch), group: g, place: place, life: life, generation: -1, coordinator: nobody}
	if life > 1 {
		m.endpoint = g.members[place].endpoint
	}
	if g.static {
		m.instance = kmsg.StringPtr(fmt.Sprintf("%s-%d", g.name, place))
	}
	for range m.positions {
		m.done, m.resumed, m.held = append(m.done, history.Unset), append(m.resumed, false), append(m.held, false)
	}
	m.member = m
	if g.work != nil {
		m.work, m.committed = newWorker(m, g.work), true
	}
	return m
}

func (m *consumer) start() {
	if !m.dead {
		m.refresh()
		m.join()
		m.beat()
	}
}

// when lets something happen now, or once a process that stands still goes on. What belongs to an earlier membership
// does not happen.
func (m *consumer) when(turn uint64, f func()) {
	switch {
	case m.dead || turn != m.turn:
	case m.stalled:
		m.waiting = append(m.waiting, func() { m.when(turn, f) })
	default:
		f()
	}
}

// soon does something after a back-off, if the membership is still the same.
func (m *consumer) soon(f func()) {
	turn := m.turn
	m.later(func() { m.when(turn, f) })
}

// coordinate asks the coordinator, which is looked for first if it is not known. done is given the answer, or nil if
// there is none.
func (m *consumer) coordinate(timeout time.Duration, body kmsg.Request, done func(*request, kmsg.Response)) {
	turn := m.turn
	if m.coordinator == nobody {
		m.find()
		m.soon(func() { m.coordinate(timeout, body, done) })
		return
	}
	m.askWithin(m.sim.terrain.requestTimeout+timeout, m.coordinator, body, func(r *request, resp kmsg.Response) {
		m.when(turn, func() { done(r, resp) })
	})
}

// find asks any broker who coordinates the group, again and again until it is told.
func (m *consumer) find() {
	if m.finding {
		return
	}
	m.finding = true
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKeys = []string{m.group.name}
	m.ask(m.any(), req, func(_ *request, resp kmsg.Response) {
		if m.finding = false; m.dead {
			return
		}
		if resp != nil {
			if c := &resp.(*kmsg.FindCoordinatorResponse).Coordinators[0]; c.ErrorCode == 0 {
				m.coordinator = c.NodeID
				return
			}
		}
		m.later(m.find)
	})
}

// trouble does what an error of the coordinator asks for; again repeats the request that had it. It is false for no
// error.
func (m *consumer) trouble(code int16, again func()) bool {
	switch code {
	case 0:
		return false
	case codeLoadInProgress:
		m.sim.marks[LoadAnswered]++
		m.soon(again)
	case codeRebalancing:
		m.rebalance()
	case codeIllegalGeneration, codeUnknownMember:
		m.lose()
		if code == codeUnknownMember {
			m.id = ""
		}
		m.soon(m.join)
	case codeFencedInstance: // another process has its instance id
		m.sim.marks[InstanceFenced]++
		m.fenced()
	default: // there is another coordinator, or none yet, or no answer
		m.coordinator = nobody
		m.find()
		m.soon(again)
	}
	return true
}

// join asks to become a member, or takes part in a rebalance.
func (m *consumer) join() {
	m.stage = joining
	m.turn++
	g := m.group
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.InstanceID, req.ProtocolType = g.name, m.id, m.instance, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(g.session.Milliseconds()), int32(g.rebalance.Milliseconds())
	one := kmsg.NewJoinGroupRequestProtocol()
	one.Name, one.Metadata = eagerAssignor, m.subscription()
	if g.cooperative {
		one.Name = cooperativeAssignor
	}
	req.Protocols = append(req.Protocols, one)
	before := m.coordinator
	m.coordinate(g.rebalance+m.sim.terrain.groups.initialDelay, req, func(_ *request, answer kmsg.Response) {
		if answer == nil {
			m.moved(before, JoinMoved)
			m.trouble(codeNoAnswer, m.join)
			return
		}
		resp := answer.(*kmsg.JoinGroupResponse)
		switch {
		case resp.ErrorCode == codeMemberIDRequired:
			m.id = resp.MemberID
			m.join()
		case resp.ErrorCode == codeRebalancing:
			m.soon(m.join)
		case resp.ErrorCode == codeNotCoordinator:
			m.moved(before, JoinMoved)
			m.trouble(resp.ErrorCode, m.join)
		case !m.trouble(resp.ErrorCode, m.join):
			m.joined(resp)
		}
	})
}

// moved counts a request that was under way while its coordinator stopped to be that.
func (m *consumer) moved(before int32, mark Mark) {
	if before != nobody && m.sim.checker.coordinator(m.group.name) != before {
		m.sim.marks[mark]++
	}
}

// joined takes part in a generation, and assigns if it leads it.
func (m *consumer) joined(resp *kmsg.JoinGroupResponse) {
	m.id, m.generation, m.stage = resp.MemberID, resp.Generation, syncing
	if resp.SkipAssignment {
		m.sim.marks[AssignmentSkipped]++
	}
	m.sim.story.joined(m, resp)
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.Generation, req.MemberID, req.InstanceID = m.group.name, m.generation, m.id, m.instance
	req.ProtocolType, req.Protocol = resp.ProtocolType, resp.Protocol
	if resp.LeaderID == m.id && !resp.SkipAssignment {
		assigned := m.group.assign(resp.Members)
		for i := range resp.Members {
			one := kmsg.NewSyncGroupRequestGroupAssignment()
			one.MemberID = resp.Members[i].MemberID
			one.MemberAssignment = encodeAssignment(assigned[one.MemberID])
			req.GroupAssignment = append(req.GroupAssignment, one)
		}
	}
	m.sync(req)
}

// sync asks for the assignment.
func (m *consumer) sync(req *kmsg.SyncGroupRequest) {
	m.coordinate(m.group.rebalance, req, func(r *request, answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = answer.(*kmsg.SyncGroupResponse).ErrorCode
		}
		switch {
		case code == codeRebalancing:
			m.soon(m.join)
		case !m.trouble(code, func() { m.sync(req) }):
			m.settle(decodeAssignment(answer.(*kmsg.SyncGroupResponse).MemberAssignment))
			m.confirmed = r.written // of this generation: it says nothing of what the one before gave
		}
	})
}

// beat is a sign of life, again and again.
func (m *consumer) beat() {
	if m.dead {
		return
	}
	m.sim.after(m.group.heartbeat, kindClient, func() {
		if m.stalled {
			m.waiting = append(m.waiting, m.beat)
			return
		}
		m.beat()
	})
	if m.stage != stable || m.coordinator == nobody {
		if m.stage == stable {
			m.find()
		}
		return
	}
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.Generation, req.MemberID, req.InstanceID = m.group.name, m.generation, m.id, m.instance
	m.coordinate(0, req, func(r *request, answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = answer.(*kmsg.HeartbeatResponse).ErrorCode
		}
		if m.stage != stable || m.trouble(code, func() {}) {
			return
		}
		// While a coordinator loads its groups it takes every heartbeat for good, and that promises nothing.
		if m.sim.checker.knows(m) {
			m.confirmed = max(m.confirmed, r.written)
		}
	})
}

// rebalance gives up what the protocol asks for, after a last commit, and joins again. Members that cooperate go on
// with what they have.
func (m *consumer) rebalance() {
	if m.stage != stable {
		return
	}
	m.sim.story.rebalancing(m)
	m.stage = outside
	turn := m.turn
	m.commit(func() {
		if m.turn != turn {
			return
		}
		if !m.group.cooperative {
			m.release(history.OK)
		}
		m.join()
	})
}

// standing says how a member is, for people.
func (m *consumer) standing() string {
	return fmt.Sprintf("%s is %s in generation %d with %v, coordinator %d", m.name,
		[]string{"outside", "joining", "syncing", "stable"}[m.stage], m.generation, m.owned(), m.coordinator)
}
