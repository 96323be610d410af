package log

import (
	"errors"
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
)

// copyBytes are copied at once when a file must be replaced.
const copyBytes = 256 << 10

// TruncateTo removes the batch that holds the offset and everything after it, durably. At or after
// the end it removes nothing; before the start it is ErrOffsetOutOfRange. Leader epochs without a record
// left are forgotten, at the end too, as in Kafka. Slices keep reading what they were made for; no sync
// may be under way, because it could put the recovery point beyond the cut. If it fails half-way the
// log refuses every later call, and must be opened again. What fails is a TruncateError.
//
// It reads the headers of the segment that is cut, and those of the whole log if the cut takes
// batches of idempotent producers: what the log remembers of them is told anew.
func (l *Log) TruncateTo(offset int64) error {
	switch {
	case l.failed != nil:
		return l.failed
	case offset >= l.EndOffset():
		return l.trimEpochs(l.EndOffset())
	case offset < l.StartOffset():
		return fmt.Errorf("%w: truncate to %d, the log starts at %d", ErrOffsetOutOfRange, offset, l.StartOffset())
	}
	i := l.find(offset)
	position, base, err := l.locate(l.segments[i], offset)
	if err == nil {
		if base <= l.start && l.start > 0 { // nothing that can be read is left
			err = l.restart(l.start, l.start)
		} else {
			err = l.truncate(i, position, base)
		}
		l.failed = err
	}
	if err != nil {
		return &TruncateError{Dir: l.dir, Offset: offset, Err: err}
	}
	return nil
}

// locate finds the batch that holds an offset: where it begins, and with which offset.
func (l *Log) locate(s *segment, offset int64) (position, base int64, err error) {
	start, _ := l.position(s, offset)
	position = -1
	torn, err := newWindow(s.file, s.size, false).walk(start, -1, false, func(h batch.View, at int64) bool {
		if h.LastOffset() < offset {
			return true
		}
		position, base = at, h.BaseOffset()
		return false
	})
	switch {
	case err != nil:
		return 0, 0, err
	case torn != nil:
		return 0, 0, &CorruptError{Segment: s.name, Position: torn.position, Offset: torn.offset, Reason: torn.reason}
	case position < 0:
		return 0, 0, &CorruptError{Segment: s.name, Position: start, Offset: offset, Reason: "the batch with this offset is missing"}
	}
	return position, base, nil
}

func (l *Log) truncate(i int, position, end int64) error {
	cut := l.segments[i]
	if err := l.cutCleaned(end); err != nil {
		return err
	}
	if l.sync.point.base > cut.base {
		if err := l.sync.point.write(cut.base); err != nil {
			return err
		}
		l.sync.point.base = cut.base
	}
	later := l.segments[i+1:]
	for _, s := range slices.Backward(later) {
		if err := s.remove(l.fs); err != nil {
			return err
		}
	}
	if len(later) > 0 {
		if err := l.fs.SyncDir(l.dir); err != nil {
			return err
		}
	}
	fresh, err := l.shorten(cut, position)
	if err != nil {
		return err
	}
	for _, s := range later {
		s.release()
	}
	return l.endWith(i, fresh, end)
}

// shorten gives a segment with the first size bytes of another, durable under the same name. The
// other one is released. If somebody reads it, its file stays as it is and a copy takes its name.
func (l *Log) shorten(old *segment, size int64) (*segment, error) {
	if old.shared() {
		if err := l.replace(old, size); err != nil {
			return nil, err
		}
	} else if err := old.file.Truncate(size); err != nil {
		return nil, err
	}
	s, have, err := openSegment(l.fs, l.dir, old.base)
	if err != nil {
		return nil, err
	}
	old.release()
	torn, err := newWindow(s.file, have, false).walk(0, s.base, false, func(h batch.View, _ int64) bool {
		s.note(h, l.cfg.IndexIntervalBytes)
		return true
	})
	if err == nil && (torn != nil || s.size != size) {
		err = &CorruptError{Segment: s.name, Position: s.size, Offset: s.end, Reason: "the batches do not end where the index said"}
	}
	for _, a := range old.aborts.entries {
		if a.Last < s.end {
			s.aborts.add(a)
		}
	}
	if err == nil {
		err = s.settleIndexes(l.fs)
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// replace puts a copy of the first size bytes in the place of a segment's file.
func (l *Log) replace(s *segment, size int64) error {
	name := segmentName(l.dir, s.base, cutSuffix)
	f, err := createEmpty(l.fs, name)
	if err != nil {
		return err
	}
	err = copyFile(f, s.file, size)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := l.fs.Rename(name, s.name); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}

func copyFile(to, from env.File, size int64) error {
	buf := make([]byte, min(copyBytes, max(size, 1)))
	for at := int64(0); at < size; {
		n := min(int64(len(buf)), size-at)
		if err := readFull(from, buf[:n], at); err != nil {
			return err
		}
		if _, err := to.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// retell reads from the batches what there is to remember of idempotent producers.
func (l *Log) retell() error {
	l.producers = newProducers(l.cfg.MaxProducers)
	for _, s := range l.segments {
		torn, err := newWindow(s.file, s.size, false).walk(0, s.base, false, func(h batch.View, _ int64) bool {
			l.producers.note(h)
			return true
		})
		if err != nil {
			return err
		}
		if torn != nil {
			return &CorruptError{Segment: s.name, Position: torn.position, Offset: torn.offset, Reason: torn.reason}
		}
	}
	return nil
}
