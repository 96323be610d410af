package sim

import (
	"slices"
	"time"

	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// owned lists the partitions that the member holds.
func (m *consumer) owned() (all []int) {
	for i, held := range m.held {
		if held {
			all = append(all, i)
		}
	}
	return all
}

// part is what the member's operations say of its group.
func (m *consumer) part(generation int32) *history.GroupPart {
	p := &history.GroupPart{Group: m.group.name, Member: m.id, Generation: generation}
	if m.instance != nil {
		p.Instance = *m.instance
	}
	return p
}

// settle takes an assignment. What a member that cooperates has and is not given any more it gives up now, and
// joins again so that somebody else gets it.
func (m *consumer) settle(assigned []int) {
	kept := make([]bool, len(m.held))
	for _, p := range assigned {
		kept[p] = m.held[p] && m.resumed[p]
	}
	gaveUp := slices.ContainsFunc(m.owned(), func(p int) bool { return !slices.Contains(assigned, p) })
	before := slices.Clone(m.grants)
	m.release(history.OK)
	m.stage, m.owning, m.since, m.ownGeneration = stable, true, m.sim.now, m.generation
	for _, p := range assigned {
		m.held[p], m.resumed[p] = true, kept[p]
		if kept[p] {
			m.grants[p] = before[p] // what it reads goes on
			m.sim.marks[PartitionKept]++
		}
		m.sim.checker.owners(m, p)
	}
	m.sim.changed(uint64(m.generation), uint64(len(assigned)))
	m.sim.story.settled(m, assigned)
	// The process before, whose place a static member takes, may have died when it had given partitions up and not said
	// so yet. Its new process is given what is left, holds nothing that it could give up, and nobody else would ask for
	// the rest: it says what it has once (KIP-429 and KIP-345 leave that to clients).
	owes := m.group.cooperative && m.instance != nil && m.life > 1 && !m.said
	m.said = true
	if gaveUp || owes {
		m.stage = outside
		m.soon(m.join)
	}
	m.resume()
}

// until is when the coordinator may take the partitions away at the earliest: clocks that a fault sets may let it be
// early by as much as they jump.
func (m *consumer) until() time.Duration {
	return max(m.confirmed+min(m.group.session, m.group.rebalance)-m.sim.nemesis.leap(), 0)
}

// release records that the member holds no longer what it was assigned.
func (m *consumer) release(outcome history.Outcome) {
	if !m.owning {
		return
	}
	m.owning = false
	part := m.part(m.ownGeneration)
	part.Until = history.Time(m.until())
	for _, p := range m.owned() {
		part.Positions = append(part.Positions, history.Position{Partition: place(p), Offset: history.Unset})
		m.held[p], m.resumed[p] = false, false
		m.grants[p]++
	}
	m.sim.operation(history.Operation{Process: m.name, Kind: history.Own, Outcome: outcome, Invoke: history.Time(m.since), Group: part})
}

// lose is a membership that is over without the member's doing.
func (m *consumer) lose() {
	m.release(history.Unknown)
	m.stage, m.generation = outside, -1
	m.turn++
}

// resume asks where the group stands in the partitions of which the member does not know it.
func (m *consumer) resume() {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = m.work != nil
	group, topic := kmsg.NewOffsetFetchRequestGroup(), kmsg.NewOffsetFetchRequestGroupTopic()
	group.Group, topic.Topic, topic.TopicID = m.group.name, Topic, m.topic
	for _, p := range m.owned() {
		if !m.resumed[p] {
			topic.Partitions = append(topic.Partitions, int32(p))
		}
	}
	if len(topic.Partitions) == 0 {
		m.poll()
		return
	}
	if m.topic == (kmsg.OffsetFetchRequestGroupTopic{}).TopicID {
		m.soon(m.resume) // the topic's id is not known yet
		return
	}
	group.Topics = append(group.Topics, topic)
	req.Groups = append(req.Groups, group)
	grants := slices.Clone(m.grants)
	m.coordinate(0, req, func(r *request, answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = fetchedCode(answer.(*kmsg.OffsetFetchResponse))
		}
		if code == codeUnstableOffsets {
			m.sim.marks[OffsetsUnstable]++
			m.soon(m.resume)
			return
		}
		if m.trouble(code, m.resume) {
			return
		}
		part := m.part(m.ownGeneration)
		for _, p := range answer.(*kmsg.OffsetFetchResponse).Groups[0].Topics[0].Partitions {
			if !m.held[p.Partition] || grants[p.Partition] != m.grants[p.Partition] {
				continue
			}
			part.Positions = append(part.Positions, history.Position{Partition: place(int(p.Partition)), Offset: p.Offset})
			m.positions[p.Partition], m.lastEpochs[p.Partition] = max(p.Offset, 0), -1
			m.done[p.Partition], m.resumed[p.Partition] = p.Offset, true
		}
		if len(part.Positions) > 0 {
			m.runs = history.RunBuilder{} // what it reads from here on is no continuation
			m.sim.operation(history.Operation{Process: m.name, Kind: history.Resume, Outcome: history.OK, Invoke: history.Time(r.written), Group: part})
			m.sim.story.resumed(m, part.Positions)
		}
		m.resume()
	})
}

// fetchedCode is the first error in an answer.
func fetchedCode(resp *kmsg.OffsetFetchResponse) int16 {
	g := &resp.Groups[0]
	if g.ErrorCode != 0 {
		return g.ErrorCode
	}
	for _, t := range g.Topics {
		for i := range t.Partitions {
			if t.Partitions[i].ErrorCode != 0 {
				return t.Partitions[i].ErrorCode
			}
		}
	}
	return 0
}

// handed is told that records were handed over: a member that commits before it processes does that now, another
// one every now and then.
func (m *consumer) handed() {
	if m.work != nil {
		m.work.handed()
		return
	}
	on := func() { m.sim.after(between(m.group.draw, time.Millisecond, 150*time.Millisecond), kindClient, m.poll) }
	if m.group.before || m.group.draw.IntN(2) == 0 {
		m.commit(on)
		return
	}
	on()
}

// committing is a commit under way.
type committing struct {
	op   history.Operation
	turn uint64
	req  *kmsg.OffsetCommitRequest
	// doubted is set once a request may have taken effect without the member knowing.
	doubted bool
}

// commit keeps the positions that are not kept yet, and calls then once that has ended, well or not. A member that
// works in transactions keeps them there: it ends the one that is under way.
func (m *consumer) commit(then func()) {
	if m.work != nil {
		m.work.settle(then)
		return
	}
	m.keep(then)
}

// keep commits the positions that are not kept yet.
func (m *consumer) keep(then func()) {
	m.then = append(m.then, then)
	if m.committing {
		return
	}
	c := &committing{turn: m.turn, req: kmsg.NewPtrOffsetCommitRequest()}
	c.op = history.Operation{Process: m.name, Kind: history.Commit, Invoke: history.Time(m.sim.now), Group: m.part(m.ownGeneration)}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = Topic, m.topic
	for _, p := range m.owned() {
		if !m.resumed[p] || m.positions[p] <= max(m.done[p], 0) {
			continue
		}
		one := kmsg.NewOffsetCommitRequestTopicPartition()
		one.Partition, one.Offset, one.LeaderEpoch = int32(p), m.positions[p], m.lastEpochs[p]
		topic.Partitions = append(topic.Partitions, one)
		c.op.Group.Positions = append(c.op.Group.Positions, history.Position{Partition: place(p), Offset: m.positions[p]})
	}
	if len(topic.Partitions) == 0 {
		m.concluded()
		return
	}
	m.committing = true
	c.req.Group, c.req.Generation, c.req.MemberID, c.req.InstanceID = m.group.name, m.ownGeneration, m.id, m.instance
	c.req.Topics = append(c.req.Topics, topic)
	m.try(c)
}

// try sends a commit, again after a failure that may pass, as long as the membership lasts.
func (m *consumer) try(c *committing) {
	switch {
	case m.dead || m.turn != c.turn:
		m.conclude(c, history.Fail, "the membership is over")
		return
	case m.coordinator == nobody:
		m.find()
		m.tryLater(c)
		return
	}
	asked := m.coordinator
	m.ask(asked, c.req, func(_ *request, answer kmsg.Response) {
		m.awake(func() {
			code := codeNoAnswer
			if answer != nil {
				code = committedCode(answer.(*kmsg.OffsetCommitResponse))
			}
			m.tried(c, asked, code)
		})
	})
}

func (m *consumer) tryLater(c *committing) {
	m.sim.after(between(m.group.draw, backOffLow, backOffHigh), kindClient, func() { m.awake(func() { m.try(c) }) })
}

// awake lets something happen now, or once a process that stands still goes on.
func (m *consumer) awake(f func()) {
	if m.stalled {
		m.waiting = append(m.waiting, f)
		return
	}
	f()
}

func committedCode(resp *kmsg.OffsetCommitResponse) int16 {
	for _, t := range resp.Topics {
		for i := range t.Partitions {
			if t.Partitions[i].ErrorCode != 0 {
				return t.Partitions[i].ErrorCode
			}
		}
	}
	return 0
}

// tried takes what became of a request.
func (m *consumer) tried(c *committing, asked int32, code int16) {
	switch code {
	case 0:
		for _, p := range c.op.Group.Positions {
			m.done[p.Partition.Index] = max(m.done[p.Partition.Index], p.Offset)
		}
		m.sim.changed(uint64(c.op.Invoke))
		m.conclude(c, history.OK, "")
	case codeIllegalGeneration, codeUnknownMember, codeFencedInstance, codeRebalancing:
		if code != codeRebalancing {
			m.sim.marks[CommitFenced]++
		}
		m.conclude(c, history.Fail, failure(code))
		if !m.dead && m.turn == c.turn && m.stage == stable {
			m.trouble(code, func() {})
		}
	case codeLoadInProgress:
		m.sim.marks[LoadAnswered]++
		m.tryLater(c)
	default:
		c.doubted = true
		m.moved(asked, CommitMoved)
		if m.coordinator == asked {
			m.coordinator = nobody
		}
		m.tryLater(c)
	}
}

// conclude records a commit. One that failed may have taken effect if one of its requests was in doubt.
func (m *consumer) conclude(c *committing, outcome history.Outcome, why string) {
	if c.op.Outcome, c.op.Error = outcome, why; outcome == history.Fail && c.doubted {
		c.op.Outcome = history.Unknown
	}
	m.sim.operation(c.op)
	m.committing = false
	m.concluded()
}

// concluded lets those go on who waited for a commit.
func (m *consumer) concluded() {
	then := m.then
	m.then = nil
	for _, f := range then {
		if !m.dead {
			f()
		}
	}
}

// leap is how much the clock of a node may be set forward at once.
func (n *nemesis) leap() time.Duration {
	if slices.Contains(n.swarm.kinds, Clock) {
		return 2 * time.Second
	}
	return 0
}
