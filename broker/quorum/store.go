package quorum

import (
	"fmt"
	"path"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/log"
	pb "go.etcd.io/raft/v3/raftpb"
)

// store is everything of a voter that lasts: the log of entries, the last image, and the hard state.
type store struct {
	fs  env.FS
	dir string
	cfg Config
	log *log.Log
	// base is the entry before the log's first. It is not after snap.
	base point
	// places[i] is where entry base.index+1+i ends. Offsets rise, terms do not fall; the last offset
	// is log.EndOffset().
	places []place
	snap   Snapshot
	hard   hardState
	// saved is the hard state in the file.
	saved hardState
	// image is set while snap is not in the file.
	image bool
	// retired logs go when the snapshot file is written that no longer speaks of them.
	retired []*log.Log
	// failed is the first read that failed within raft, which only panics then.
	failed error
}

// place is a point without its index.
type place struct {
	term   int32
	offset int64
}

// openStore recovers what is in the directory, or begins it.
func openStore(files env.FS, dir string, cfg Config) (*store, error) {
	s := &store{fs: files, dir: path.Clean(dir), cfg: cfg}
	if err := files.MkdirAll(s.dir); err != nil {
		return nil, err
	}
	var err error
	if s.hard, err = loadState(files, s.dir); err != nil {
		return nil, err
	}
	s.saved = s.hard
	if s.snap, s.base, err = loadSnapshot(files, s.dir); err != nil {
		return nil, err
	}
	if err := s.tidy(); err != nil {
		return nil, err
	}
	if s.log, _, err = log.Open(files, s.logDir(s.base.offset), cfg.Log); err != nil {
		return nil, err
	}
	if err := s.scan(); err != nil {
		_ = s.log.Close() // the first error says more
		return nil, err
	}
	return s, nil
}

// logDir is the directory of the log that begins at an offset.
func (s *store) logDir(base int64) string { return fmt.Sprintf("%s/%020d", s.dir, base) }

// tidy removes what a crash left half-way: everything but the two files and the log they speak of.
func (s *store) tidy() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == stateFile || name == snapshotFile || name == path.Base(s.logDir(s.base.offset)) {
			continue
		}
		if err := removeTree(s.fs, s.dir+"/"+name); err != nil {
			return err
		}
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	return s.fs.SyncDir(path.Dir(s.dir)) // the log syncs its own directory and this one, no further
}

// scan finds the entries in the log, and checks that it holds what the files speak of.
func (s *store) scan() error {
	if start := s.log.StartOffset(); start != s.base.offset {
		return fmt.Errorf("%s begins at offset %d: want %d", s.logDir(s.base.offset), start, s.base.offset)
	}
	offset, term := s.base.offset, s.base.term
	for offset < s.log.EndOffset() {
		slice, err := s.log.Read(offset, s.log.EndOffset(), appendBytes)
		if err != nil {
			return err
		}
		bytes, err := slice.AppendTo(nil)
		slice.Release()
		if err != nil {
			return err
		}
		for len(bytes) > 0 {
			v, rest, err := batch.Next(bytes)
			if err == nil {
				err = v.Validate()
			}
			if err == nil && (v.BaseOffset() != offset || v.LeaderEpoch() < term) {
				err = fmt.Errorf("a batch of offset %d in term %d is there", v.BaseOffset(), v.LeaderEpoch())
			}
			if err != nil {
				return fmt.Errorf("entry %d, offset %d, term %d or more: %w", s.last()+1, offset, term, err)
			}
			bytes, offset, term = rest, v.LastOffset()+1, v.LeaderEpoch()
			s.places = append(s.places, place{term, offset})
		}
	}
	return s.reconcile()
}

// reconcile compares the hard state with the log. The log is synced first: a term whose entries are
// there and whose hard state is not is one in which this voter has promised nothing.
func (s *store) reconcile() error {
	last := s.last()
	if lost := max(s.hard.commit, s.snap.Index); lost > last || s.snap.Index > 0 && s.snap.Index < s.base.index {
		return fmt.Errorf("%s ends with entry %d, but entry %d was committed: restore the directory from a copy, or give this voter up",
			s.logDir(s.base.offset), last, lost)
	}
	if term := s.at(last).term; term > s.hard.term {
		s.hard.term, s.hard.vote = term, 0
	}
	s.hard.commit = max(s.hard.commit, s.snap.Index)
	return nil
}

// last is the index of the last entry; that of base if the log is empty.
func (s *store) last() uint64 { return s.base.index + uint64(len(s.places)) }

// at gives the term and the end of an entry from base.index to last.
func (s *store) at(index uint64) place {
	if index == s.base.index {
		return place{s.base.term, s.base.offset}
	}
	return s.places[index-s.base.index-1]
}

func (s *store) point(index uint64) point {
	at := s.at(index)
	return point{index, at.term, at.offset}
}

// append writes entries, in place of those that have their indexes. No sync may be under way.
func (s *store) append(entries []*pb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if first := entries[0].GetIndex(); first <= s.last() {
		if err := s.truncate(first); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if e.GetIndex() != s.last()+1 {
			panic(fmt.Sprintf("quorum: entry %d appended after entry %d", e.GetIndex(), s.last()))
		}
		term := epoch(e.GetTerm())
		appended, err := s.log.Append(toBatch(e), term)
		if err != nil {
			return err
		}
		s.places = append(s.places, place{term, appended.LastOffset + 1})
	}
	return nil
}

// truncate removes entries from first on. Raft has found that they can never be committed.
func (s *store) truncate(first uint64) error {
	if first <= max(s.base.index, s.snap.Index) {
		panic(fmt.Sprintf("quorum: entry %d is replaced, which the snapshot at %d covers", first, s.snap.Index))
	}
	if err := s.log.TruncateTo(s.at(first - 1).offset); err != nil {
		return err
	}
	s.places = s.places[:first-s.base.index-1]
	return nil
}

// syncer makes everything written so far durable; end is what the log is told after it.
func (s *store) syncer() (w syncer, end int64) {
	w, end = syncer{fs: s.fs, dir: s.dir}, -1
	if s.log.Dirty() {
		point := s.log.BeginSync()
		w.log, end = &point, point.End
	}
	if s.image {
		w.snapshot, s.image = encodeSnapshot(s.snap, s.base), false
	}
	if s.hard.term != s.saved.term || s.hard.vote != s.saved.vote {
		w.state, s.saved = s.hard.text(), s.hard
	}
	return w, end
}

// synced is told that the last syncer has run.
func (s *store) synced(end int64) error {
	if end >= 0 {
		s.log.Synced(end)
	}
	for _, l := range s.retired {
		if err := l.Delete(); err != nil {
			return err
		}
	}
	s.retired = nil
	return nil
}

// syncer is one sync, to be run anywhere.
type syncer struct {
	fs              env.FS
	dir             string
	log             *log.SyncPoint
	snapshot, state []byte
}

// empty reports whether everything is durable already.
func (w syncer) empty() bool { return w.log == nil && w.snapshot == nil && w.state == nil }

// Run writes in the order in which the parts rely on one another: a snapshot on the log that begins
// beside it, the commit index of the hard state on both.
func (w syncer) Run() error {
	if w.log != nil {
		if err := w.log.Run(); err != nil {
			return err
		}
	}
	if w.snapshot != nil {
		if err := file.Replace(w.fs, w.dir+"/"+snapshotFile, w.snapshot); err != nil {
			return err
		}
	}
	if w.state != nil {
		return file.Replace(w.fs, w.dir+"/"+stateFile, w.state)
	}
	return nil
}

// close makes everything durable, the commit index too.
func (s *store) close() error {
	if err := s.log.Close(); err != nil {
		return err
	}
	w := syncer{fs: s.fs, dir: s.dir}
	if s.image {
		w.snapshot = encodeSnapshot(s.snap, s.base)
	}
	if s.hard != s.saved {
		w.state = s.hard.text()
	}
	return w.Run()
}
