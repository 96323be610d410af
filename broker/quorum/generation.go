package quorum

import (
	"fmt"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/log"
)

// compact takes an image that covers applied entries, and trims the log before it.
func (s *store) compact(snap Snapshot) error {
	keep := snap.Index - min(uint64(s.cfg.KeepEntries), snap.Index-s.base.index)
	s.snap, s.image = snap, true
	if keep == s.base.index {
		return nil
	}
	base, last, before := s.point(keep), s.last(), s.log
	next, err := s.begin(base)
	if err != nil {
		return err
	}
	if keep < last {
		err = s.walk(keep+1, last+1, appendBytes, func(_ uint64, v batch.View) (bool, error) {
			if err := v.Validate(); err != nil {
				return false, err
			}
			_, err := next.Append(v, v.LeaderEpoch())
			return true, err
		})
		if err != nil {
			return fmt.Errorf("copy the log after entry %d: %w", keep, err)
		}
	}
	s.places = append([]place(nil), s.places[keep-s.base.index:]...)
	s.log, s.base = next, base
	s.retired = append(s.retired, before)
	return nil
}

// install takes an image of the leader in place of the log, which has nothing that goes with it.
func (s *store) install(snap Snapshot) error {
	base := point{snap.Index, snap.Term, snap.Offset}
	if snap.Index <= s.snap.Index || base.offset <= s.base.offset {
		return fmt.Errorf("the leader sent a snapshot at entry %d, offset %d, to follow one at entry %d, offset %d",
			snap.Index, snap.Offset, s.snap.Index, s.base.offset)
	}
	next, err := s.begin(base)
	if err != nil {
		return err
	}
	s.retired = append(s.retired, s.log)
	s.log, s.base, s.places = next, base, nil
	s.snap, s.image = snap, true
	return nil
}

// begin makes an empty log that begins after an entry. It is durable, and does not count before the
// snapshot file speaks of it.
func (s *store) begin(base point) (*log.Log, error) {
	dir := s.logDir(base.offset)
	if err := removeTree(s.fs, dir); err != nil {
		return nil, err
	}
	if err := s.fs.MkdirAll(dir); err != nil {
		return nil, err
	}
	// A log begins where its first segment does, and that one is empty.
	f, err := s.fs.Create(fmt.Sprintf("%s/%020d.log", dir, base.offset))
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = s.fs.SyncDir(dir)
	}
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	if err != nil {
		return nil, err
	}
	l, _, err := log.Open(s.fs, dir, s.cfg.Log)
	return l, err
}
