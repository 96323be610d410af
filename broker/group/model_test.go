package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// modelPartitions of the one topic that the clients of the model share.
const modelPartitions = 6

// model is clients that behave, a coordinator that dies now and then, and a log that fails now and then.
type model struct {
	*desk
	rng     *rand.Rand
	clients []*modelClient
	// highest generation that anybody was told an assignment of.
	highest int32
	// acked is the last acknowledged offset of each partition, maybe what was committed after that with an unknown end.
	acked map[int32]int64
	maybe map[int32][]int64
	next  int64
	wrong []string
}

// modelClient reads what it was assigned until it hears that it must not, or has heard nothing for a session.
type modelClient struct {
	id, instance string
	generation   int32
	owns         []int32
	heard        time.Time
	waiting      bool
	// process is raised with each process of the client: answers to the one before do not concern it.
	process int
}

const modelSession = 10 * time.Second

func newModel(t *testing.T, seed uint64, bugs Bugs) *model {
	m := &model{
		desk: newDesk(t, func(c *Config) { c.Bugs = bugs }), rng: rand.New(rand.NewPCG(seed, 1)),
		acked: map[int32]int64{}, maybe: map[int32][]int64{},
	}
	for i := range 4 {
		c := &modelClient{}
		if i == 3 {
			c.instance = "fixed"
		}
		m.clients = append(m.clients, c)
	}
	return m
}

func (m *model) bad(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// lost makes a client begin anew.
func (c *modelClient) lost(id string) { c.id, c.generation, c.owns = id, -1, nil }

func (m *model) joins(c *modelClient) {
	if c.waiting {
		return
	}
	c.owns, c.waiting = nil, true // eager: what it has it gives up first
	process := c.process
	req := joining(func(r *kmsg.JoinGroupRequest) {
		r.MemberID = c.id
		if c.instance != "" {
			r.InstanceID = &c.instance
		}
	})
	m.m.Join(m.now, req, Client{ID: "c"}, func(r kmsg.Response) {
		resp := r.(*kmsg.JoinGroupResponse)
		if c.process != process {
			return
		}
		c.waiting, c.heard = false, m.now
		switch resp.ErrorCode {
		case 0:
			c.id, c.generation = resp.MemberID, resp.Generation
			m.syncsWith(c, resp)
		case kerr.MemberIDRequired.Code:
			c.id = resp.MemberID
		case kerr.UnknownMemberID.Code, kerr.FencedInstanceID.Code:
			c.lost("")
		}
	})
}

// syncsWith asks for the assignment; a leader deals the partitions out.
func (m *model) syncsWith(c *modelClient, joined *kmsg.JoinGroupResponse) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = "g", c.id, c.generation
	if n := len(joined.Members); n > 0 && !joined.SkipAssignment {
		dealt := make([][]byte, n)
		for p := range modelPartitions {
			dealt[p%n] = append(dealt[p%n], byte(p))
		}
		for i := range joined.Members {
			req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: joined.Members[i].MemberID, MemberAssignment: dealt[i]})
		}
	}
	process, generation := c.process, c.generation
	c.waiting = true
	m.m.Sync(m.now, req, func(r kmsg.Response) {
		resp := r.(*kmsg.SyncGroupResponse)
		if c.process != process {
			return
		}
		c.waiting, c.heard = false, m.now
		if resp.ErrorCode != 0 {
			m.hears(c, resp.ErrorCode)
			return
		}
		if generation < m.highest {
			m.bad("an assignment of generation %d after one of %d", generation, m.highest)
		}
		m.highest = generation
		c.owns = nil
		for _, p := range resp.MemberAssignment {
			c.owns = append(c.owns, int32(p))
		}
	})
}

// hears is what a client does about an error.
func (m *model) hears(c *modelClient, code int16) {
	switch code {
	case kerr.UnknownMemberID.Code, kerr.FencedInstanceID.Code:
		c.lost("")
	case kerr.IllegalGeneration.Code, kerr.RebalanceInProgress.Code:
		c.owns, c.generation = nil, -1
	}
}

func (m *model) beats(c *modelClient) {
	if c.waiting || c.generation < 0 {
		return
	}
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = "g", c.id, c.generation
	m.m.Heartbeat(m.now, req, func(r kmsg.Response) {
		c.heard = m.now
		m.hears(c, r.(*kmsg.HeartbeatResponse).ErrorCode)
	})
}

func (m *model) commits(c *modelClient) {
	if c.waiting || len(c.owns) == 0 {
		return
	}
	m.next++
	p, at := c.owns[m.rng.IntN(len(c.owns))], m.next
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = "g", c.id, c.generation
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: p, Offset: at}}}}
	m.m.Commit(m.now, req, func(r kmsg.Response) {
		switch code := r.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode; code {
		case 0:
			m.acked[p], m.maybe[p] = at, nil
		case kerr.CoordinatorNotAvailable.Code, kerr.NotCoordinator.Code:
			m.maybe[p] = append(m.maybe[p], at)
		default:
			m.hears(c, code)
		}
	})
}

// written lets what is to be written be committed, or fail with the records in the log or not.
func (m *model) written() {
	for {
		writes, _ := m.m.Take()
		if len(writes) == 0 {
			return
		}
		for _, w := range writes {
			switch m.rng.IntN(20) {
			case 0:
				m.m.Written(m.now, w.ID, kerr.NotEnoughReplicas)
			case 1:
				m.keep(w)
				m.m.Written(m.now, w.ID, kerr.NotEnoughReplicasAfterAppend)
			default:
				m.keep(w)
				m.m.Written(m.now, w.ID, nil)
			}
		}
	}
}

// fresh clients have heard of their coordinator within their session: what they own is theirs.
func (m *model) check() {
	owner := map[int32]int{}
	for i, c := range m.clients {
		if m.now.Sub(c.heard) >= modelSession {
			continue
		}
		for _, p := range c.owns {
			if other, taken := owner[p]; taken {
				m.bad("partition %d is owned by client %d in generation %d and by client %d in generation %d", p, other, m.clients[other].generation, i, c.generation)
			}
			owner[p] = i
		}
	}
	if g := m.m.groups["g"]; g != nil && g.state == Stable {
		dealt := 0
		for _, mem := range g.members {
			dealt += len(mem.assignment)
		}
		if dealt != modelPartitions {
			m.bad("the group is stable, and %d of %d partitions are assigned", dealt, modelPartitions)
		}
	}
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = "g"
	asked.Topics = nil
	got := map[int32]int64{}
	for _, t := range m.m.Fetch(&asked, true).Topics {
		for _, p := range t.Partitions {
			got[p.Partition] = p.Offset
		}
	}
	for p, at := range m.acked {
		if got[p] != at && !slices.Contains(m.maybe[p], got[p]) {
			m.bad("partition %d: %d was acknowledged, and maybe %v after it; the group has %d", p, at, m.maybe[p], got[p])
		}
	}
}

func (m *model) step() {
	c := m.clients[m.rng.IntN(len(m.clients))]
	switch m.rng.IntN(40) {
	case 0: // another process in place of the client's
		c.process++
		c.lost("")
		c.waiting, c.heard = false, time.Time{}
	case 1:
		before := m.m
		m.m = New(m.cfg)
		for _, r := range m.log {
			if err := m.m.Load(r.Key, r.Value); err != nil {
				m.bad("%v", err)
			}
		}
		m.m.Loaded(m.now)
		before.Resign(kerr.NotCoordinator)
	case 2:
		m.pause(time.Duration(m.rng.IntN(12)) * time.Second)
	case 3, 4, 5, 6, 7, 8, 9, 10, 11, 12:
		if c.generation < 0 {
			m.joins(c)
		}
	case 13, 14, 15, 16, 17, 18, 19, 20:
		m.commits(c)
	case 21:
		if !c.waiting && c.id != "" && c.instance == "" {
			req := kmsg.NewPtrLeaveGroupRequest()
			req.SetVersion(3)
			req.Group = "g"
			req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: c.id}}
			c.lost("")
			m.m.Leave(m.now, req, func(kmsg.Response) {})
		}
	default:
		m.beats(c)
		m.pause(time.Duration(m.rng.IntN(400)) * time.Millisecond)
	}
	m.written()
	m.check()
}

// pause lets time go by, with all that is due.
func (m *model) pause(span time.Duration) {
	end := m.now.Add(span)
	for at, ok := m.m.Next(); ok && !at.After(end); at, ok = m.m.Next() {
		m.now = at
		m.m.Tick(at)
		m.written()
		m.check()
	}
	m.now = end
}

func (m *model) run(steps int) {
	for _, c := range m.clients {
		c.lost("")
	}
	for range steps {
		if m.step(); len(m.wrong) > 0 {
			return
		}
	}
}

// Whatever happens: nobody owns what another owns, generations rise, what is committed is what was acknowledged last.
func TestModel(t *testing.T) {
	var generations int32
	var commits int
	for seed := range uint64(300) {
		m := newModel(t, seed, Bugs{})
		if m.run(400); len(m.wrong) > 0 {
			t.Fatalf("seed %d: %s", seed, strings.Join(m.wrong, "\n"))
		}
		generations += m.highest
		commits += len(m.acked)
	}
	if generations < 300 || commits < 300 {
		t.Errorf("the model does not do much: %d generations, %d partitions with commits", generations, commits)
	}
}

// The model finds the planted bug.
func TestModelFindsTwoOwners(t *testing.T) {
	for seed := range uint64(20) {
		m := newModel(t, seed, Bugs{TwoOwners: true})
		if m.run(400); len(m.wrong) > 0 {
			if !strings.Contains(m.wrong[0], "is owned by client") {
				t.Error(m.wrong[0])
			}
			return
		}
	}
	t.Error("20 seeds did not find it")
}
