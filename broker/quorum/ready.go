package quorum

import (
	"fmt"

	"github.com/logproof/logproof/broker/actor"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// write is one storage write that waits: exactly one field is set.
type write struct {
	append  *pb.Message
	compact *Snapshot
}

// underway is what happens when a sync is done.
type underway struct {
	token Token
	// end is what the log is told; -1 for nothing.
	end int64
	// image of the leader that was installed, for the owner.
	image *Snapshot
	// responses are raft's: what was promised, to other voters and to itself.
	responses []*pb.Message
}

// drain takes everything that raft wants done, and begins a sync if one is needed.
func (q *Quorum) drain(fx *Effects) error {
	for q.node.HasReady() || q.under == nil && len(q.queue) > 0 {
		for q.node.HasReady() {
			if err := q.ready(fx); err != nil {
				return err
			}
		}
		if q.under == nil {
			if err := q.begin(fx); err != nil {
				return err
			}
		}
	}
	q.observe(fx)
	return nil
}

// ready takes what raft has ready now.
func (q *Quorum) ready(fx *Effects) error {
	for _, m := range q.node.Ready().Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			q.enqueue(m, fx)
		case raft.LocalApplyThread:
			if err := q.apply(m, fx); err != nil {
				return err
			}
		default:
			q.send(m, fx)
		}
	}
	return nil
}

// observe tells the owner of another leader, and of a log that has grown long.
func (q *Quorum) observe(fx *Effects) {
	status := q.node.BasicStatus()
	if now := (Leader{nodeID(status.Lead), epoch(status.GetTerm())}); now != q.leader {
		q.leader = now
		fx.Leader = &now
	}
	fx.SnapshotDue = q.applied.offset-q.store.snap.Offset >= q.cfg.SnapshotEvery && q.pendingSnapshot() == q.store.snap.Index
}

// enqueue notes a storage write of raft's.
func (q *Quorum) enqueue(m *pb.Message, fx *Effects) {
	if s := m.GetSnapshot(); s != nil {
		q.appended = s.GetMetadata().GetIndex()
	}
	if n := len(m.GetEntries()); n > 0 {
		q.appended = m.GetEntries()[n-1].GetIndex()
	}
	if q.cfg.UnsafeVoteUnsynced {
		m.Responses = q.promiseEarly(m.GetResponses(), fx)
	}
	q.queue = append(q.queue, write{append: m})
}

// promiseEarly is the planted bug: only what tells raft of its own storage waits for the sync.
func (q *Quorum) promiseEarly(responses []*pb.Message, fx *Effects) (rest []*pb.Message) {
	for _, r := range responses {
		if r.GetType() == pb.MsgStorageAppendResp {
			rest = append(rest, r)
			continue
		}
		q.respond(r, fx)
	}
	return rest
}

// begin performs the writes that wait, and asks for one sync of all of them. What promises nothing
// new, as the answer to a pre-vote, waits for none; nor does a commit index, which is learnt again.
func (q *Quorum) begin(fx *Effects) error {
	u := &underway{}
	for _, w := range q.queue {
		if w.compact != nil {
			if err := q.store.compact(*w.compact); err != nil {
				return fmt.Errorf("make a snapshot of the metadata log: %w", err)
			}
			continue
		}
		if err := q.perform(w.append, u); err != nil {
			return fmt.Errorf("write the metadata log: %w", err)
		}
		u.responses = append(u.responses, w.append.GetResponses()...)
	}
	q.queue = nil
	s, end := q.store.syncer()
	u.end = end
	if s.empty() {
		return q.finish(u, fx)
	}
	q.syncs++
	u.token = Token{q.syncs}
	q.under, fx.Sync = u, &actor.Sync{Syncer: s, Token: u.token}
	return nil
}

// perform does one storage write of raft's.
func (q *Quorum) perform(m *pb.Message, u *underway) error {
	if p := m.GetSnapshot(); p != nil {
		snap, err := fromSnapshot(p)
		if err == nil {
			err = q.store.install(snap)
		}
		if err != nil {
			return err
		}
		u.image = &snap
	}
	if err := q.store.append(m.GetEntries()); err != nil {
		return err
	}
	if m.Term != nil { // the three come together or not at all
		q.store.hard = hardState{epoch(m.GetTerm()), m.GetVote(), m.GetCommit()}
	}
	return nil
}

// finish gives out what a sync has made true.
func (q *Quorum) finish(u *underway, fx *Effects) error {
	if err := q.store.synced(u.end); err != nil {
		return fmt.Errorf("remove a trimmed metadata log: %w", err)
	}
	if u.image != nil {
		fx.Snapshot = u.image
		q.applied = point{u.image.Index, u.image.Term, u.image.Offset}
	}
	for _, r := range u.responses {
		q.respond(r, fx)
	}
	return nil
}

// respond delivers one of raft's responses, to another voter or to itself.
func (q *Quorum) respond(r *pb.Message, fx *Effects) {
	if r.GetTo() == raftID(q.cfg.ID) {
		_ = q.node.Step(r) // what is out of date by now is ignored
		return
	}
	q.send(r, fx)
}

// apply hands committed entries to the owner, which has them when the call returns.
func (q *Quorum) apply(m *pb.Message, fx *Effects) error {
	for _, e := range m.GetEntries() {
		if e.GetIndex() != q.applied.index+1 {
			panic(fmt.Sprintf("quorum: entry %d applied after entry %d", e.GetIndex(), q.applied.index))
		}
		at := q.store.point(e.GetIndex())
		c, err := committed(e, at.offset)
		if err != nil {
			return err
		}
		if c.Offset != q.applied.offset || c.Term != at.term {
			return fmt.Errorf("entry %d of term %d is at offset %d: want term %d, offset %d", c.Index, c.Term, c.Offset, at.term, q.applied.offset)
		}
		fx.Committed = append(fx.Committed, c)
		q.applied = at
	}
	for _, r := range m.GetResponses() {
		q.respond(r, fx)
	}
	return nil
}

func (q *Quorum) send(m *pb.Message, fx *Effects) {
	if m.GetType() == pb.MsgSnap {
		q.snapshots[m.GetTo()] = q.ticks
	}
	fx.Sends = append(fx.Sends, Message{nodeID(m.GetTo()), encode(m)})
}
