package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Commit keeps offsets. They count, and it is answered, once they are committed to the log. The topics of the request
// have names; whether they exist the caller knows.
//
// A consumer without a group commits with generation -1, which a group takes while it has no members.
func (m *Machine) Commit(now time.Time, req *kmsg.OffsetCommitRequest, answer Answer) {
	g := m.groups[req.Group]
	if g == nil && req.Generation < 0 {
		g = newGroup(req.Group)
	}
	if err := m.mayCommit(now, g, req); err != nil {
		answer(commitResponse(req, func(int, int) *kerr.Error { return err }))
		return
	}
	kept := map[partition]offset{}
	var records []Record
	each := commitResponse(req, func(i, j int) *kerr.Error {
		p, o, err := m.offset(now, req, &req.Topics[i], &req.Topics[i].Partitions[j])
		if err == nil {
			kept[p] = o
			records = append(records, o.record(g.id, p))
		}
		return err
	})
	if len(records) == 0 {
		answer(each)
		return
	}
	m.groups[g.id] = g
	m.commit(now, g, req, kept, records, each, answer)
}

// mayCommit says why a commit is refused as a whole.
func (m *Machine) mayCommit(now time.Time, g *group, req *kmsg.OffsetCommitRequest) *kerr.Error {
	switch {
	case g == nil:
		return kerr.IllegalGeneration
	case req.Generation < 0 && g.state == Empty:
		return nil
	case req.Generation < 0 && req.MemberID == "" && req.InstanceID == nil:
		return kerr.UnknownMemberID // the group has members, whose offsets these are
	}
	mem, err := g.find(req.MemberID, req.InstanceID)
	switch {
	case m.cfg.Bugs.ZombieCommit:
		return nil
	case err != nil:
		return err
	case req.Generation != g.generation:
		return kerr.IllegalGeneration
	}
	mem.alive(now)
	if g.state == Completing {
		return kerr.RebalanceInProgress
	}
	return nil
}

// offset is what a request commits for one partition.
func (m *Machine) offset(now time.Time, req *kmsg.OffsetCommitRequest, t *kmsg.OffsetCommitRequestTopic, p *kmsg.OffsetCommitRequestTopicPartition) (partition, offset, *kerr.Error) {
	at := partition{t.Topic, p.Partition}
	o := offset{at: p.Offset, leaderEpoch: p.LeaderEpoch, committed: m.cfg.Wall(now).UnixMilli(), expires: -1, topic: t.TopicID}
	if req.Version < 6 {
		o.leaderEpoch = -1
	}
	if p.Metadata != nil {
		o.metadata = *p.Metadata
	}
	if len(o.metadata) > m.cfg.MaxMetadata {
		return at, o, kerr.OffsetMetadataTooLarge
	}
	if req.Version >= 2 && req.Version <= 4 && req.RetentionTimeMillis >= 0 {
		o.expires = o.committed + req.RetentionTimeMillis
	}
	return at, o, nil
}

func (m *Machine) commit(now time.Time, g *group, req *kmsg.OffsetCommitRequest, kept map[partition]offset, records []Record, each *kmsg.OffsetCommitResponse, answer Answer) {
	for p := range kept {
		g.inFlight[p]++
	}
	tell := func(err *kerr.Error) {
		if answer == nil {
			return
		}
		if err != nil {
			each = commitResponse(req, func(i, j int) *kerr.Error {
				if code := each.Topics[i].Partitions[j].ErrorCode; code != 0 {
					return kerr.TypedErrorForCode(code)
				}
				return err
			})
		}
		answer(each)
		answer = nil
	}
	m.write(now, true, records, func(_ time.Time, err *kerr.Error) {
		m.order++
		for p, o := range kept {
			if g.inFlight[p]--; g.inFlight[p] == 0 {
				delete(g.inFlight, p)
			}
			if err == nil {
				o.order = m.order
				g.offsets[p] = o
			}
		}
		if err != nil {
			err = coordinatorError(err)
		}
		tell(err)
		m.forget(g)
	}, func(time.Time) { tell(kerr.CoordinatorNotAvailable) })
}

// commitResponse lays the answer out in the order of the request, with the error of each partition by the indices of
// its topic and itself.
func commitResponse(req *kmsg.OffsetCommitRequest, of func(i, j int) *kerr.Error) *kmsg.OffsetCommitResponse {
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		topic := kmsg.NewOffsetCommitResponseTopic()
		topic.Topic, topic.TopicID = req.Topics[i].Topic, req.Topics[i].TopicID
		topic.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(req.Topics[i].Partitions))
		for j := range topic.Partitions {
			p := kmsg.NewOffsetCommitResponseTopicPartition()
			p.Partition = req.Topics[i].Partitions[j].Partition
			if err := of(i, j); err != nil {
				p.ErrorCode = err.Code
			}
			topic.Partitions[j] = p
		}
		resp.Topics[i] = topic
	}
	return resp
}

// Fetch gives what a group has committed: of the partitions that are asked for, -1 where there is nothing, or of
// all that it has if no topics are given.
//
// Who wants them stable (KIP-447) is told UNSTABLE_OFFSET_COMMIT of a partition while the transaction of somebody may
// still move its offset.
func (m *Machine) Fetch(asked *kmsg.OffsetFetchRequestGroup, stable bool) kmsg.OffsetFetchResponseGroup {
	resp := kmsg.NewOffsetFetchResponseGroup()
	resp.Group = asked.Group
	g := m.groups[asked.Group]
	topics := asked.Topics
	if topics == nil && g != nil {
		topics = g.committed()
	}
	for i := range topics {
		out := kmsg.NewOffsetFetchResponseGroupTopic()
		out.Topic, out.TopicID = topics[i].Topic, topics[i].TopicID
		for _, index := range topics[i].Partitions {
			p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = index, -1, -1, kmsg.StringPtr("")
			if g != nil {
				g.tell(&p, partition{out.Topic, index}, stable, &m.cfg.Bugs)
			}
			out.Partitions = append(out.Partitions, p)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// tell gives the offset of a partition, if it has one.
func (g *group) tell(p *kmsg.OffsetFetchResponseGroupTopicPartition, at partition, stable bool, bugs *Bugs) {
	o, ok := g.offsets[at]
	if pending, is := g.promised(at); is && bugs.UnstableOffsets {
		o, ok, stable = pending, true, false
	}
	switch {
	case stable && g.unstable(at):
		p.ErrorCode = kerr.UnstableOffsetCommit.Code
	case ok:
		p.Offset, p.LeaderEpoch, p.Metadata = o.at, o.leaderEpoch, kmsg.StringPtr(o.metadata)
	}
}

// committed lists the partitions of which the group has offsets, in order.
func (g *group) committed() (topics []kmsg.OffsetFetchRequestGroupTopic) {
	for _, p := range sortedPartitions(g.offsets) {
		if n := len(topics); n == 0 || topics[n-1].Topic != p.topic {
			topic := kmsg.NewOffsetFetchRequestGroupTopic()
			topic.Topic = p.topic
			topics = append(topics, topic)
		}
		last := &topics[len(topics)-1]
		last.Partitions = append(last.Partitions, p.index)
	}
	return topics
}
