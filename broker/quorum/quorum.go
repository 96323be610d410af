package quorum

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/log"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Quorum is one voter. Its owner calls its methods one at a time, and performs the effects of each
// before the next.
type Quorum struct {
	cfg   Config
	node  *raft.RawNode
	store *store
	// queue of storage writes that wait for the sync under way.
	queue []write
	// under is that sync; nil if there is none.
	under *underway
	syncs uint64
	// appended is the last entry that raft has handed out to be written.
	appended uint64
	// applied is the last entry that the owner has been given, or its image covers.
	applied point
	leader  Leader
	ticks   uint64
	// snapshots are the ticks at which followers were sent images.
	snapshots map[uint64]uint64
	failed    error
}

// Open recovers a voter from a directory, or begins a new one. Everything that it holds is durable.
// The owner first takes Snapshot, if there is one; the entries after it are given as Committed once
// they are known to be committed, again in each life.
func Open(fs env.FS, dir string, cfg Config) (*Quorum, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s, err := openStore(fs, dir, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the metadata quorum in %s: %w", dir, err)
	}
	node, err := raft.NewRawNode(cfg.raftConfig(s))
	if err != nil {
		return nil, err
	}
	return &Quorum{
		cfg: cfg, node: node, store: s, appended: s.last(),
		applied: point{s.snap.Index, s.snap.Term, s.snap.Offset},
		leader:  Leader{-1, s.hard.term}, snapshots: map[uint64]uint64{},
	}, nil
}

// Tick is to be called at even intervals: elections and heartbeats are counted in ticks.
func (q *Quorum) Tick() Effects {
	return q.guard(func(*Effects) error {
		q.ticks++
		q.node.Tick()
		q.resend()
		return nil
	})
}

// resend gives up on images that should have arrived by now. Raft sends a follower nothing else
// until it is told, and nobody can tell when a message was lost.
func (q *Quorum) resend() {
	for _, voter := range q.cfg.Voters {
		id := raftID(voter)
		if sent, ok := q.snapshots[id]; ok && q.ticks-sent >= 2*uint64(q.cfg.ElectionTicks) {
			delete(q.snapshots, id)
			q.node.ReportSnapshot(id, raft.SnapshotFailure)
		}
	}
}

// Campaign asks for votes now, instead of after a time without a leader.
func (q *Quorum) Campaign() Effects {
	return q.guard(func(*Effects) error { return q.node.Campaign() })
}

// TransferLeader hands leadership to a voter, as soon as that one has every entry; until then, or
// until an election's time has passed, proposals are refused. It is ErrNotLeader elsewhere.
func (q *Quorum) TransferLeader(to int32) (Effects, error) {
	if !q.leads() || !slices.Contains(q.cfg.Voters, to) {
		return Effects{}, ErrNotLeader
	}
	return q.guard(func(*Effects) error {
		q.node.TransferLeader(raftID(to))
		return nil
	}), nil
}

// Unreachable says that messages to a voter were lost, as when its connection has ended.
func (q *Quorum) Unreachable(voter int32) Effects {
	return q.guard(func(*Effects) error {
		q.node.ReportUnreachable(raftID(voter))
		return nil
	})
}

// Propose asks the quorum for one entry with the given records, at least one; the timestamp in
// milliseconds since 1970 is that of all of them. The entry gets the index, if it is committed: then
// it is among Committed with the term of this leader. An entry of another term at the index means
// that this one is lost. Errors are ErrNotLeader, ErrBusy and ErrTooLarge, and nothing has changed.
func (q *Quorum) Propose(timestamp int64, values [][]byte) (index uint64, fx Effects, err error) {
	if len(values) == 0 {
		panic("quorum: a proposal without records")
	}
	if !q.leads() || q.node.BasicStatus().LeadTransferee != 0 {
		return 0, fx, ErrNotLeader
	}
	size := 0
	for _, v := range values {
		size += len(v)
	}
	if size > MaxEntryBytes {
		return 0, fx, fmt.Errorf("%w: %d bytes of records, at most %d", ErrTooLarge, size, MaxEntryBytes)
	}
	data := newBatch(timestamp, values)
	if len(data) > MaxEntryBytes {
		return 0, fx, fmt.Errorf("%w: a batch of %d bytes, at most %d", ErrTooLarge, len(data), MaxEntryBytes)
	}
	fx = q.guard(func(*Effects) error {
		if q.node.Propose(data) != nil {
			err = ErrBusy // the one other reason for which a leader drops a proposal
		}
		return nil
	})
	if err != nil {
		return 0, fx, err
	}
	return q.appended, fx, nil
}

// Receive takes a message that another voter sent with Message.Bytes, which it does not keep. A
// message that makes no sense is ErrMessage, and changes nothing.
func (q *Quorum) Receive(bytes []byte) (Effects, error) {
	m, err := decode(bytes)
	if err == nil {
		err = q.addressed(m)
	}
	if err != nil {
		return Effects{}, err
	}
	if s := m.GetSnapshot(); s != nil {
		s.Metadata.ConfState = q.store.confState()
	}
	return q.guard(func(*Effects) error {
		_ = q.node.Step(m) // raft refuses what is out of date: no error says more than silence
		return nil
	}), nil
}

// addressed checks that a message is from one voter to this one.
func (q *Quorum) addressed(m *pb.Message) error {
	from, to := nodeID(m.GetFrom()), nodeID(m.GetTo())
	if to != q.cfg.ID || from == to || !slices.Contains(q.cfg.Voters, from) {
		return fmt.Errorf("%w: from %d to %d at node %d of the voters %v", ErrMessage, from, to, q.cfg.ID, q.cfg.Voters)
	}
	return nil
}

// Compact gives an image of everything up to an entry that was among Committed; the log before it,
// but for Config.KeepEntries, is not needed any more. It takes the image's memory over. Beginning the
// shorter log costs a few small syncs within a call; the image is part of the sync that follows. It is
// ErrStale for an entry that is not applied or not after the last snapshot.
func (q *Quorum) Compact(index uint64, image []byte) (Effects, error) {
	switch {
	case len(image) > MaxImageBytes:
		return Effects{}, fmt.Errorf("%w: an image of %d bytes, at most %d", ErrTooLarge, len(image), MaxImageBytes)
	case index > q.applied.index || index <= q.pendingSnapshot():
		return Effects{}, fmt.Errorf("%w: entry %d, applied is %d, the last snapshot is at %d", ErrStale, index, q.applied.index, q.pendingSnapshot())
	}
	return q.guard(func(*Effects) error {
		at := q.store.point(index)
		q.queue = append(q.queue, write{compact: &Snapshot{index, at.term, at.offset, image}})
		return nil
	}), nil
}

// pendingSnapshot is the index of the last snapshot, written or waiting.
func (q *Quorum) pendingSnapshot() uint64 {
	last := q.store.snap.Index
	for _, w := range q.queue {
		if w.compact != nil {
			last = max(last, w.compact.Index)
		}
		if w.append != nil {
			last = max(last, w.append.GetSnapshot().GetMetadata().GetIndex())
		}
	}
	return last
}

// SyncDone continues what waited for the sync of an earlier call's effects.
func (q *Quorum) SyncDone(done actor.SyncDone) Effects {
	return q.guard(func(fx *Effects) error {
		u := q.under
		if u == nil || done.Token != u.token {
			panic(fmt.Sprintf("quorum: completion of sync %v, which is not under way", done.Token))
		}
		q.under = nil
		if done.Err != nil {
			return fmt.Errorf("sync the metadata quorum: %w", done.Err)
		}
		return q.finish(u, fx)
	})
}

// Close makes everything durable. No call may follow, and no sync be running: the last one must have
// succeeded, though its completion may have come too late to be delivered. What waited for it was told to
// nobody, and is given up.
func (q *Quorum) Close() error { return q.store.close() }

// Snapshot is the last image, if there is one. The image must not be changed.
func (q *Quorum) Snapshot() (s Snapshot, ok bool) { return q.store.snap, q.store.snap.Index > 0 }

// Read plans a read of committed batches for those who follow the metadata log without a vote, as
// log.Log.Read does. An offset before the log's start is log.ErrOffsetOutOfRange: they need Snapshot.
func (q *Quorum) Read(offset int64, maxBytes int) (log.Slice, error) {
	return q.store.log.Read(offset, q.applied.offset, maxBytes)
}

func (q *Quorum) leads() bool {
	return q.failed == nil && q.node.BasicStatus().RaftState == raft.StateLeader
}
