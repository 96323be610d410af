package client

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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

// commit is a request to commit as an operation of unknown outcome.
func (m *membership) commit(q *question, req *kmsg.OffsetCommitRequest, now history.Time) history.Operation {
	g := &history.GroupPart{Group: req.Group, Member: req.MemberID, Generation: req.Generation}
	if req.InstanceID != nil {
		g.Instance = *req.InstanceID
	}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			g.Positions = append(g.Positions, history.Position{
				Partition: history.Partition{Topic: m.topic(t.Topic, t.TopicID), Index: p.Partition}, Offset: p.Offset,
			})
		}
	}
	return history.Operation{Process: m.process, Kind: history.Commit, Invoke: q.written, Return: now, Group: g}
}

// refusals are errors of a commit that come before anything is written. Any other error may hide a record
// that takes effect later: one in a log whose leader changed, for example.
var refusals = []*kerr.Error{
	kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.FencedInstanceID, kerr.OffsetMetadataTooLarge,
	kerr.InvalidGroupID, kerr.GroupAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.CoordinatorLoadInProgress, kerr.StaleMemberEpoch,
}

// committed records an answered commit: one operation for each outcome and error that partitions had.
func (m *membership) committed(q *question, resp *kmsg.OffsetCommitResponse, now history.Time) {
	codes := map[history.Partition]int16{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			codes[history.Partition{Topic: m.topic(t.Topic, t.TopicID), Index: p.Partition}] = p.ErrorCode
		}
	}
	all := m.commit(q, q.request.(*kmsg.OffsetCommitRequest), now)
	firm := int16(-1) // one partition without an error is enough
	for _, code := range codes {
		if code == 0 {
			firm = 0
		}
	}
	m.heard(q, all.Group.Generation, firm, true)
	byCode := map[int16][]history.Position{}
	var order []int16
	for _, at := range all.Group.Positions {
		code, told := codes[at.Partition]
		if !told {
			code = -1 // the answer does not say: unknown
		}
		if byCode[code] == nil {
			order = append(order, code)
		}
		byCode[code] = append(byCode[code], at)
	}
	for _, code := range order {
		op, part := all, *all.Group
		part.Positions = byCode[code]
		op.Group, op.Outcome = &part, history.OK
		if err := kerr.ErrorForCode(code); err != nil {
			op.Outcome, op.Error = history.Unknown, err.Error()
			if slices.ContainsFunc(refusals, func(e *kerr.Error) bool { return e.Code == code }) {
				op.Outcome = history.Fail
			}
		}
		m.recorder.Operation(op)
	}
}

// resumed records the positions that the group gave.
func (m *membership) resumed(q *question, resp *kmsg.OffsetFetchResponse, now history.Time) {
	var positions []history.Position
	take := func(topic string, id [16]byte, partition int32, offset int64, code int16) {
		if code == 0 {
			positions = append(positions, history.Position{
				Partition: history.Partition{Topic: m.topic(topic, id), Index: partition}, Offset: max(offset, history.Unset),
			})
		}
	}
	if resp.ErrorCode == 0 {
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				take(t.Topic, [16]byte{}, p.Partition, p.Offset, p.ErrorCode)
			}
		}
	}
	for _, g := range resp.Groups {
		if g.Group != m.group || g.ErrorCode != 0 {
			continue
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				take(t.Topic, t.TopicID, p.Partition, p.Offset, p.ErrorCode)
			}
		}
	}
	if len(positions) == 0 {
		return
	}
	sortPositions(positions)
	m.mu.Lock()
	part := m.part(positions...)
	m.mu.Unlock()
	m.recorder.Operation(history.Operation{
		Process: m.process, Kind: history.Resume, Outcome: history.OK, Invoke: q.written, Return: now, Group: part,
	})
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
