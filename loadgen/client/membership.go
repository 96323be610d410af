package client

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// API keys of groups that the tap reads of members.
const (
	keyOffsetCommit = 8
	keyOffsetFetch  = 9
	keyHeartbeat    = 12
	keySyncGroup    = 14
)

// membership is what one member of a group asks its coordinator and is told, on the wire: each commit is a
// Commit with the times of its request, each answered question for positions a Resume, and each assignment
// ends as an Own when its partitions are given up or taken away.
type membership struct {
	recorder Recorder
	names    topicNames
	process  string
	group    string
	// confirmed is how long an answered heartbeat binds the coordinator: the shorter of the session and the
	// rebalance timeout.
	confirmed time.Duration

	mu         sync.Mutex
	member     string
	instance   string
	generation int32
	until      history.Time
	held       map[history.Partition]holding
	// known is, by address, the generation of which a broker has answered something else than a heartbeat: a
	// coordinator that is loading its groups answers every heartbeat with no error, whoever asks.
	known map[string]int32
}

// holding is one partition of an assignment.
type holding struct {
	member, instance string
	generation       int32
	since            history.Time
	// bound is when the coordinator was free to take it away, once a later generation has begun for the member; 0
	// before that.
	bound history.Time
}

func newMembership(recorder Recorder, names topicNames, process string, s GroupSpec) *membership {
	return &membership{
		recorder: recorder, names: names, process: process, group: s.Name, confirmed: min(s.SessionTimeout, s.RebalanceTimeout),
		generation: int32(history.Unset), held: map[history.Partition]holding{}, known: map[string]int32{},
	}
}

// reads reports whether requests of the key are of interest.
func (m *membership) reads(key int16) bool {
	return key == keyOffsetCommit || key == keyOffsetFetch || key == keyHeartbeat || key == keySyncGroup
}

// question is a request of a member or of who writes in transactions, when it was handed to the connection, and the
// broker's address.
type question struct {
	request kmsg.Request
	written history.Time
	address string
	by      asker
	try     *endTry // of an EndTxn
}

// asker is who follows the questions of one kind.
type asker interface {
	// answered takes the answer, unanswered a question that nobody will answer.
	answered(q *question, frame []byte, now history.Time) error
	unanswered(q *question)
}

// readQuestion parses a request whose key an asker reads.
func readQuestion(key, version int16, frame []byte, written history.Time) (*question, error) {
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	body, err := requestBody(frame, req.IsFlexible())
	if err == nil {
		err = req.ReadFrom(body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s request v%d: %w", kmsg.NameForKey(key), version, err)
	}
	return &question{request: req, written: written}, nil
}

// answered takes the answer to a question.
func (m *membership) answered(q *question, frame []byte, now history.Time) error {
	resp := q.request.ResponseKind()
	body, err := responseBody(frame, resp.IsFlexible())
	if err == nil {
		err = resp.ReadFrom(body)
	}
	if err != nil {
		return fmt.Errorf("%s response v%d: %w", kmsg.NameForKey(q.request.Key()), q.request.GetVersion(), err)
	}
	switch r := resp.(type) {
	case *kmsg.OffsetCommitResponse:
		m.committed(q, r, now)
	case *kmsg.OffsetFetchResponse:
		m.resumed(q, r, now)
	case *kmsg.HeartbeatResponse:
		m.heard(q, q.request.(*kmsg.HeartbeatRequest).Generation, r.ErrorCode, false)
	case *kmsg.SyncGroupResponse:
		req := q.request.(*kmsg.SyncGroupRequest)
		if r.ErrorCode == 0 {
			err = m.assigned(req, r, now)
		}
		m.heard(q, req.Generation, r.ErrorCode, true)
		return err
	}
	return nil
}

// unanswered takes a question that nobody will answer: a commit may have taken effect.
func (m *membership) unanswered(q *question) {
	if req, ok := q.request.(*kmsg.OffsetCommitRequest); ok {
		op := m.commit(q, req, m.recorder.Now())
		op.Error = "the connection ended before the answer"
		m.recorder.Operation(op)
	}
}

// heard notes that a broker took the member for one of the generation when it had the question, as an answer
// without an error says; of heartbeats only if it has answered something else of the generation before.
func (m *membership) heard(q *question, generation int32, code int16, firm bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.known[q.address]
	switch {
	case code != 0:
		delete(m.known, q.address)
	case firm:
		m.known[q.address] = generation
		m.until = max(m.until, q.written+history.Time(m.confirmed))
	case ok && known == generation:
		m.until = max(m.until, q.written+history.Time(m.confirmed))
	}
}

// parted notes that a connection to a broker has ended: whoever answers there next may be loading.
func (m *membership) parted(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, address)
}

// assigned takes the assignment of a generation. What the member goes on holding is confirmed by it; what is
// no longer its own it holds until it gives it up.
func (m *membership) assigned(req *kmsg.SyncGroupRequest, resp *kmsg.SyncGroupResponse, now history.Time) error {
	var assignment kmsg.ConsumerMemberAssignment
	if len(resp.MemberAssignment) > 0 {
		if err := assignment.ReadFrom(resp.MemberAssignment); err != nil {
			return fmt.Errorf("assignment of generation %d: %w", req.Generation, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.member, m.generation, m.instance = req.MemberID, req.Generation, ""
	if req.InstanceID != nil {
		m.instance = *req.InstanceID
	}
	next := map[history.Partition]bool{}
	for _, t := range assignment.Topics {
		for _, p := range t.Partitions {
			next[history.Partition{Topic: t.Topic, Index: p}] = true
		}
	}
	m.end(now, history.OK, func(p history.Partition) bool { return next[p] })
	for p, h := range m.held {
		if h.bound == 0 {
			h.bound = m.until
			m.held[p] = h
		}
	}
	for p := range next {
		m.held[p] = holding{member: m.member, instance: m.instance, generation: m.generation, since: now}
	}
	if len(next) == 0 {
		m.recorder.Operation(history.Operation{
			Process: m.process, Kind: history.Own, Outcome: history.OK, Invoke: now, Return: now, Group: m.part(),
		})
	}
	return nil
}

// giveUp ends the holding of partitions, nil for all: OK if the member gives them up itself.
func (m *membership) giveUp(partitions map[string][]int32, outcome history.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(m.recorder.Now(), outcome, func(p history.Partition) bool {
		return partitions == nil || slices.Contains(partitions[p.Topic], p.Index)
	})
}

// end records the assignments of some of the partitions, one for each generation that gave them.
func (m *membership) end(now history.Time, outcome history.Outcome, which func(history.Partition) bool) {
	ended := map[holding][]history.Position{}
	for p, h := range m.held {
		if which(p) {
			ended[h] = append(ended[h], history.Position{Partition: p, Offset: history.Unset})
			delete(m.held, p)
		}
	}
	for h, positions := range ended {
		sortPositions(positions)
		until := m.until
		if h.bound > 0 {
			until = h.bound
		}
		m.recorder.Operation(history.Operation{
			Process: m.process, Kind: history.Own, Outcome: outcome, Invoke: h.since, Return: now,
			Group: &history.GroupPart{
				Group: m.group, Member: h.member, Instance: h.instance, Generation: h.generation, Until: until, Positions: positions,
			},
		})
	}
}

// part names the member as it is now.
func (m *membership) part(positions ...history.Position) *history.GroupPart {
	return &history.GroupPart{Group: m.group, Member: m.member, Instance: m.instance, Generation: m.generation, Positions: positions}
}

func sortPositions(list []history.Position) {
	slices.SortFunc(list, func(a, b history.Position) int {
		return cmp.Or(cmp.Compare(a.Partition.Topic, b.Partition.Topic), cmp.Compare(a.Partition.Index, b.Partition.Index))
	})
}

// topic resolves the topic of versions that have ids in place of names (KIP-848).
func (m *membership) topic(name string, id [16]byte) string {
	if name == "" {
		name, _ = m.names.topicName(id)
	}
	return name
}

// endQuestion notes a question, and the time before it is handed on.
func (c *tapConn) endQuestion(frame []byte) error {
	q, err := readQuestion(c.key, c.version, frame, c.process.tap.recorder.Now())
	if err != nil {
		return err
	}
	q.address, q.by = c.address, c.process.membership
	if e := c.process.ends; e != nil && e.reads(c.key) {
		q.by = e
		e.wrote(q)
	}
	if !c.expect(int32(binary.BigEndian.Uint32(frame[4:])), &exchange{key: c.key, version: c.version, question: q}) {
		q.by.unanswered(q)
	}
	return nil
}
