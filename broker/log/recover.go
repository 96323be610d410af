package log

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
)

// recover checks every batch and cuts what a crash tore.
func (l *Log) recover(bases []int64) (r Recovery, err error) {
	last := int64(0)
	if len(bases) > 0 {
		last = bases[len(bases)-1]
	}
	if last < l.sync.point.base {
		return r, &CorruptError{
			Segment: segmentName(l.dir, l.sync.point.base, logSuffix), Offset: l.sync.point.base,
			Reason: "the file is missing, though it was on stable storage",
		}
	}
	if len(bases) == 0 {
		return r, l.begin()
	}
	lastBatch := int64(-1)
	for i, base := range bases {
		torn, err := l.recoverSegment(base, &r, &lastBatch)
		if err != nil {
			return r, err
		}
		if torn != nil {
			if err := l.cutTail(torn, bases[i:], &r); err != nil {
				return r, err
			}
			break
		}
	}
	if err := l.settleStart(); err != nil {
		return r, err
	}
	if err := l.settle(); err != nil {
		return r, err
	}
	if l.cfg.Bugs.Has(bug.RecoveryDropsTail) && lastBatch >= 0 {
		return r, l.TruncateTo(lastBatch)
	}
	return r, nil
}

// begin makes the first segment of a new log. Its entry is durable before anything is appended: if a
// crash could lose it and keep that of a later segment, the log would seem to start there.
func (l *Log) begin() error {
	// Epochs without a segment are what an interrupted Delete left.
	if err := l.fs.Remove(l.dir + "/" + epochsFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, err := createSegment(l.fs, l.dir, l.start)
	if err != nil {
		return err
	}
	l.segments = []*segment{s}
	return syncEntries(l.fs, l.dir)
}

// recoverSegment checks the next segment and adds it to the log, sealing the one before it. A flaw
// is where the log must be cut; a segment that does not follow the one before it is not added.
func (l *Log) recoverSegment(base int64, r *Recovery, lastBatch *int64) (*flaw, error) {
	if len(l.segments) > 0 {
		before := l.active()
		if base != before.end {
			// The segment before is whole if it is below the recovery point: then it, or one
			// after it, has lost batches that were on stable storage.
			torn := &flaw{before.size, before.end, fmt.Sprintf("the next segment begins at offset %d", base)}
			return torn, l.refuse(before, torn)
		}
		if err := l.sealRecovered(before); err != nil {
			return nil, err
		}
	}
	s, size, err := openSegment(l.fs, l.dir, base)
	if err != nil {
		return nil, err
	}
	l.segments = append(l.segments, s)
	w := newWindow(s.file, size, true)
	var fallen *flaw
	torn, err := w.walk(0, base, true, func(h batch.View, position int64) bool {
		if !l.epochs.note(h) {
			fallen = l.epochs.fallen(h, position)
			return false
		}
		s.note(h, l.cfg.IndexIntervalBytes)
		if aborted, ok := l.producers.note(h); ok {
			s.aborts.add(aborted)
		}
		*lastBatch = h.BaseOffset()
		r.Batches++
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if torn == nil {
		torn = fallen
	}
	if torn == nil {
		return nil, nil
	}
	r.TruncatedBytes = size - s.size
	return torn, l.refuse(s, torn)
}

// refuse is the error for damage where a crash cannot have caused it: below the recovery point.
func (l *Log) refuse(s *segment, f *flaw) error {
	if s.base >= l.sync.point.base {
		return nil
	}
	return &CorruptError{Segment: s.name, Position: f.position, Offset: f.offset, Reason: f.reason}
}

// sealRecovered does for a segment what roll and the sync after it do.
func (l *Log) sealRecovered(s *segment) error {
	s.noteTime()
	if err := s.settleIndexes(l.fs); err != nil {
		return err
	}
	if err := s.syncIndexes(); err != nil {
		return err
	}
	s.closeIndexes()
	s.seal()
	return s.file.Sync()
}

// cutTail removes what follows the flaw: the rest of the last segment that was added, and the
// segments after it. later begins with the segment that has the flaw.
func (l *Log) cutTail(torn *flaw, later []int64, r *Recovery) error {
	s := l.active()
	if s.base == later[0] {
		later = later[1:]
	}
	r.Reason = fmt.Sprintf("%s at byte %d, offset %d: %s", segmentName(l.dir, s.base, logSuffix), s.size, s.end, torn.reason)
	// If this is interrupted, the next recovery finds the flaw or a gap, and cuts there.
	for _, base := range later {
		gone, size, err := openSegment(l.fs, l.dir, base)
		if err != nil {
			return err
		}
		r.TruncatedBytes += size
		err = gone.remove(l.fs)
		gone.release()
		if err != nil {
			return err
		}
	}
	return s.file.Truncate(s.size)
}

// settle makes what recovery kept durable, and moves the recovery point.
func (l *Log) settle() error {
	s := l.active()
	if err := s.settleIndexes(l.fs); err != nil {
		return err
	}
	if !l.cfg.Bugs.Has(bug.RecoveryUnsynced) {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", s.name, err)
		}
	}
	if err := l.settleEpochs(); err != nil {
		return err
	}
	moved := len(l.segments) > 1 && s.base != l.sync.point.base
	if moved {
		if err := l.sync.point.create(l.fs, l.dir); err != nil {
			return err
		}
	}
	if err := syncEntries(l.fs, l.dir); err != nil {
		return err
	}
	if !moved {
		return nil
	}
	l.sync.point.base = s.base
	return l.sync.point.write(s.base)
}
