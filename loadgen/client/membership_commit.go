package client

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

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
