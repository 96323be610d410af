package quorum

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/logproof/logproof/broker/batch"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// The methods of raft.Storage: what raft reads back. They see what was written, synced or not; raft
// itself keeps what was not acknowledged by SyncDone.

var _ raft.Storage = (*store)(nil)

// InitialState gives the voters, and what the voter remembers of terms and votes.
func (s *store) InitialState() (*pb.HardState, *pb.ConfState, error) {
	h := s.hard
	state := &pb.HardState{Term: new(uint64(h.term)), Vote: new(h.vote), Commit: new(h.commit)}
	return state, s.confState(), nil
}

func (s *store) confState() *pb.ConfState {
	voters := make([]uint64, len(s.cfg.Voters))
	for i, v := range s.cfg.Voters {
		voters[i] = raftID(v)
	}
	return &pb.ConfState{Voters: voters, AutoLeave: new(false)}
}

// FirstIndex is the index of the log's first entry, if there is one.
func (s *store) FirstIndex() (uint64, error) { return s.base.index + 1, nil }

// LastIndex is the index of the log's last entry.
func (s *store) LastIndex() (uint64, error) { return s.last(), nil }

// Term of an entry from the one before the log's first to its last.
func (s *store) Term(index uint64) (uint64, error) {
	switch {
	case index < s.base.index:
		return 0, raft.ErrCompacted
	case index > s.last():
		return 0, raft.ErrUnavailable
	}
	return uint64(s.at(index).term), nil
}

// Entries reads entries lo to hi-1, as many as maxSize bytes hold, and at least one.
func (s *store) Entries(lo, hi, maxSize uint64) ([]*pb.Entry, error) {
	switch {
	case lo <= s.base.index:
		return nil, raft.ErrCompacted
	case hi > s.last()+1 || lo >= hi:
		return nil, raft.ErrUnavailable
	}
	var entries []*pb.Entry
	size := uint64(0)
	err := s.walk(lo, hi, int(min(maxSize, math.MaxInt32)), func(index uint64, v batch.View) (bool, error) {
		if size += uint64(len(v)); size > maxSize && len(entries) > 0 {
			return false, nil
		}
		e, err := fromBatch(index, v)
		entries = append(entries, e)
		return true, err
	})
	if err != nil {
		s.failed = fmt.Errorf("read entry %d of the metadata log: %w", lo+uint64(len(entries)), err)
		return nil, s.failed
	}
	return entries, nil
}

// walk gives the batches of entries lo to hi-1, in memory of their own, until visit says false. It
// reads about most bytes at once.
func (s *store) walk(lo, hi uint64, most int, visit func(uint64, batch.View) (bool, error)) error {
	index, bound := lo, s.at(hi-1).offset
	for index < hi {
		slice, err := s.log.Read(s.at(index-1).offset, bound, most)
		if err != nil {
			return err
		}
		bytes, err := slice.AppendTo(nil)
		slice.Release()
		if err != nil {
			return err
		}
		if len(bytes) == 0 {
			return fmt.Errorf("no batch at offset %d", s.at(index-1).offset)
		}
		for len(bytes) > 0 {
			v, rest, err := batch.Next(bytes)
			if err != nil {
				return err
			}
			if v.LastOffset()+1 != s.at(index).offset || v.LeaderEpoch() != s.at(index).term {
				return fmt.Errorf("entry %d ends at offset %d in term %d: want offset %d, term %d",
					index, v.LastOffset()+1, v.LeaderEpoch(), s.at(index).offset, s.at(index).term)
			}
			more, err := visit(index, v)
			if err != nil || !more {
				return err
			}
			bytes, index = rest, index+1
		}
	}
	return nil
}

// Snapshot gives the last image, for a follower that needs entries from before the log. Its data is
// the offset where the image ends, in 8 bytes, and the image.
func (s *store) Snapshot() (*pb.Snapshot, error) {
	data := make([]byte, 0, 8+len(s.snap.Image))
	data = binary.BigEndian.AppendUint64(data, uint64(s.snap.Offset))
	return &pb.Snapshot{
		Data: append(data, s.snap.Image...),
		Metadata: &pb.SnapshotMetadata{
			ConfState: s.confState(), Index: new(s.snap.Index), Term: new(uint64(s.snap.Term)),
		},
	}, nil
}

// fromSnapshot is the inverse.
func fromSnapshot(p *pb.Snapshot) (Snapshot, error) {
	data := p.GetData()
	if len(data) < 8 {
		return Snapshot{}, fmt.Errorf("%w: a snapshot of %d bytes", ErrMessage, len(data))
	}
	s := Snapshot{
		Index: p.GetMetadata().GetIndex(), Term: epoch(p.GetMetadata().GetTerm()),
		Offset: int64(binary.BigEndian.Uint64(data)), Image: data[8:],
	}
	if s.Offset <= 0 || s.Index == 0 {
		return s, fmt.Errorf("%w: a snapshot of entries up to %d ends at offset %d", ErrMessage, s.Index, s.Offset)
	}
	return s, nil
}
