package quorum

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// Role of a voter.
type Role string

// Roles. A Prospective voter asks whether it could win an election, without beginning a term
// (KIP-996).
const (
	Leading     Role = "leader"
	Following   Role = "follower"
	Candidate   Role = "candidate"
	Prospective Role = "prospective"
)

// Status is what a voter knows of the quorum, as DescribeQuorum tells it (KIP-595).
type Status struct {
	Role   Role
	Leader Leader
	// Active is set on a leader that has applied an entry of its term: what it has applied is all
	// that earlier leaders have decided.
	Active bool
	// Commit, Applied and Last are indexes of entries, First that of the oldest in the log. Last
	// counts entries that are being written.
	Commit, Applied, First, Last uint64
	// HighWatermark is the offset where the applied entries end; the log starts at Start.
	HighWatermark, Start int64
	// Voters are how far each one is, known to a leader only.
	Voters []VoterStatus
}

// VoterStatus is how far a voter is, as the leader knows.
type VoterStatus struct {
	ID int32
	// Match is the last entry that it has on stable storage, and End where that one ends; End is -1
	// if the entry is no longer in the leader's log, or not yet.
	Match uint64
	End   int64
	// Heard is set if it has answered since the leader last checked its quorum.
	Heard bool
}

// Position is where a voter stands, for those who check it from outside after every step.
type Position struct {
	Leader Leader
	// Leads says that this voter is that leader.
	Leads bool
	// Applied is the last entry that it has applied, First the oldest in its log and Last the newest.
	Applied, First, Last uint64
	// Writing says that entries are on their way to the log: it may end otherwise soon.
	Writing bool
}

// Position of this voter.
func (q *Quorum) Position() Position {
	basic := q.node.BasicStatus()
	return Position{
		Leader: q.leader, Leads: basic.RaftState == raft.StateLeader && q.leader.ID == q.cfg.ID,
		Applied: q.applied.index, First: q.store.base.index + 1, Last: q.store.last(), Writing: q.under != nil || len(q.queue) > 0,
	}
}

// Term of an entry in the log, or of the one before its first; ok is false if it is not there.
func (q *Quorum) Term(index uint64) (term int32, ok bool) {
	if index < q.store.base.index || index > q.store.last() {
		return 0, false
	}
	return q.store.at(index).term, true
}

// Status of this voter.
func (q *Quorum) Status() Status {
	basic := q.node.BasicStatus()
	s := Status{
		Role: roleOf(basic.RaftState), Leader: q.leader,
		Commit: basic.GetCommit(), Applied: q.applied.index, First: q.store.base.index + 1, Last: q.appended,
		HighWatermark: q.applied.offset, Start: q.store.base.offset,
	}
	if s.Role != Leading {
		return s
	}
	s.Active = q.applied.term == s.Leader.Term
	q.node.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		v := VoterStatus{ID: nodeID(id), Match: p.Match, End: -1, Heard: p.RecentActive || nodeID(id) == q.cfg.ID}
		if p.Match >= q.store.base.index && p.Match <= q.store.last() {
			v.End = q.store.at(p.Match).offset
		}
		s.Voters = append(s.Voters, v)
	})
	return s
}

func roleOf(s raft.StateType) Role {
	switch s {
	case raft.StateLeader:
		return Leading
	case raft.StateCandidate:
		return Candidate
	case raft.StatePreCandidate:
		return Prospective
	}
	return Following
}
