package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
)

// Endings of a segment's files. A cut file is the new form of a log file that readers still hold.
const (
	logSuffix    = ".log"
	offsetSuffix = ".index"
	timeSuffix   = ".timeindex"
	cutSuffix    = ".log.cut"
)

// segmentName is the path of a segment's file: the base offset in 20 digits, as Kafka names it.
func segmentName(dir string, base int64, suffix string) string {
	return fmt.Sprintf("%s/%020d%s", dir, base, suffix)
}

// parseSegmentName is the inverse for a name without directory.
func parseSegmentName(name, suffix string) (base int64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

// segment is a run of batches in one file, with its indexes.
type segment struct {
	users
	name string
	file env.File

	// What follows is the owner's: slices and syncs do not look at it.
	base, end int64
	size      int64
	// maxTimestamp of all batches, and the last offset of the batch that has it; -1 for none.
	maxTimestamp, maxTimestampOffset int64
	// youngest is the largest timestamp of all batches, with those that compaction has emptied: they cannot be found
	// by time any more, but the segment is not older for that.
	youngest int64
	// firstTimestamp is the largest one of the first batch that has any, -1 for none: it tells when the segment is old
	// enough to be followed by another.
	firstTimestamp int64
	offsets        offsetIndex
	times          timeIndex
	aborts         abortIndex
	// damage is what a reader met; nothing is read any more then.
	damage *CorruptError
}

func newSegment(dir string, base int64) *segment {
	s := &segment{
		name: segmentName(dir, base, logSuffix), base: base, end: base,
		maxTimestamp: -1, maxTimestampOffset: -1, firstTimestamp: -1, youngest: -1,
	}
	s.offsets.name = segmentName(dir, base, offsetSuffix)
	s.times.name = segmentName(dir, base, timeSuffix)
	s.aborts.name = segmentName(dir, base, txnSuffix)
	s.users.init(func() {
		_ = s.file.Close() // a file that is synced or not wanted has nothing to lose
		s.closeIndexes()
	})
	return s
}

// createSegment makes the files of an empty segment, or none of them.
func createSegment(files env.FS, dir string, base int64) (*segment, error) {
	s := newSegment(dir, base)
	var err error
	if s.file, err = createEmpty(files, s.name); err != nil {
		return nil, err
	}
	if err = s.createIndexes(files); err != nil {
		s.release()
		return nil, errors.Join(err, s.remove(files))
	}
	return s, nil
}

func (s *segment) createIndexes(files env.FS) (err error) {
	if s.offsets.file, err = createEmpty(files, s.offsets.name); err != nil {
		return err
	}
	s.times.file, err = createEmpty(files, s.times.name)
	return err
}

// createEmpty makes a file, or empties what a crash or a failed attempt left under its name.
func createEmpty(files env.FS, name string) (env.File, error) {
	f, err := files.Create(name)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if f, err = files.Open(name); err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// remove deletes the segment's files, the log file last: what is left of an interrupted removal
// is then still a segment. Readers that hold it can go on.
func (s *segment) remove(files env.FS) error {
	for _, name := range []string{s.aborts.name, s.times.name, s.offsets.name, s.name} {
		if err := files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// full reports whether a batch belongs into the next segment: by size, by time (the batches' own, as in Kafka), or
// because its offset does not fit into an index.
func (s *segment) full(v batch.View, cfg *Config) bool {
	return s.size > 0 && (s.size+int64(len(v)) > cfg.SegmentBytes || v.LastOffset()-s.base > math.MaxInt32 || s.old(v, cfg))
}

// old reports whether a batch is younger than the segment's first by more than a segment spans.
func (s *segment) old(v batch.View, cfg *Config) bool { return apart(s.firstTimestamp, v, cfg) }

func apart(first int64, v batch.View, cfg *Config) bool {
	return first >= 0 && v.MaxTimestamp()-first > cfg.SegmentMillis
}

// recall reads from the first batch what a clean shutdown does not tell of an active segment.
func (s *segment) recall() error {
	if s.size == 0 || s.firstTimestamp >= 0 {
		return nil
	}
	var header [batch.HeaderLen]byte
	if err := readFull(s.file, header[:], 0); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.firstTimestamp = batch.View(header[:]).MaxTimestamp()
	return nil
}

// note takes a batch that was written, or found, at the segment's end into account. Only the
// header of v is looked at.
func (s *segment) note(v batch.View, interval int) {
	last := v.LastOffset()
	if s.firstTimestamp < 0 {
		s.firstTimestamp = v.MaxTimestamp()
	}
	s.youngest = max(s.youngest, v.MaxTimestamp())
	if timestamp := v.MaxTimestamp(); timestamp > s.maxTimestamp && v.Count() > 0 {
		s.maxTimestamp, s.maxTimestampOffset = timestamp, last
	}
	if s.size-s.offsets.lastPosition() > int64(interval) {
		s.offsets.add(int32(last-s.base), int32(s.size))
		s.noteTime()
	}
	s.size += v.Length()
	s.end = last + 1
}

func (s *segment) noteTime() {
	if s.maxTimestamp >= 0 {
		s.times.add(s.maxTimestamp, int32(s.maxTimestampOffset-s.base))
	}
}

// spill writes index entries to their files when there are enough of them. Errors are not the
// append's: the entries stay in memory, and the next spill or finish tries again.
func (s *segment) spill(files env.FS) {
	if s.offsets.waiting() >= spillBytes || s.times.waiting() >= spillBytes || s.aborts.waiting() >= spillBytes {
		_ = s.offsets.flush()
		_ = s.times.flush()
		_ = s.aborts.write(files)
	}
}

// finish completes the index files, as Kafka does when a segment stops being active: the last
// entry of the time index is the largest timestamp of the segment.
func (s *segment) finish(files env.FS) error {
	s.noteTime()
	if err := s.offsets.flush(); err != nil {
		return err
	}
	if err := s.times.flush(); err != nil {
		return err
	}
	return s.aborts.write(files)
}

// settleIndexes makes the files of the indexes hold what was rebuilt, and nothing else.
func (s *segment) settleIndexes(files env.FS) error {
	for _, e := range []*entryFile{&s.offsets.entryFile, &s.times.entryFile} {
		if err := e.settle(); err != nil {
			return fmt.Errorf("rebuild %s: %w", e.name, err)
		}
	}
	if err := s.aborts.settleFile(files); err != nil {
		return fmt.Errorf("rebuild %s: %w", s.aborts.name, err)
	}
	return nil
}

// syncIndexes makes the files of the indexes durable.
func (s *segment) syncIndexes() error {
	for _, e := range []*entryFile{&s.offsets.entryFile, &s.times.entryFile} {
		if err := e.sync(); err != nil {
			return err
		}
	}
	return s.aborts.syncFile()
}

func (s *segment) closeIndexes() {
	s.offsets.close()
	s.times.close()
	s.aborts.close()
}

// seal gives up what only the active segment needs.
func (s *segment) seal() { s.offsets.thin() }

// users counts who needs some open files: their owner, slices that are read, syncs under way. The
// last one to release closes them.
type users struct {
	count atomic.Int32
	close func()
}

func (u *users) init(close func()) {
	u.close = close
	u.count.Store(1)
}

// retain may only be called by one who holds the files already.
func (u *users) retain() { u.count.Add(1) }

func (u *users) release() {
	if u.count.Add(-1) == 0 {
		u.close()
	}
}

// shared reports whether somebody besides the owner holds the files.
func (u *users) shared() bool { return u.count.Load() > 1 }
