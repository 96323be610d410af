package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env"
)

// Recovery says what Open found.
type Recovery struct {
	// Clean is set when the log was closed in order, so that nothing had to be checked.
	Clean bool
	// Segments of the log; Batches that were checked.
	Segments, Batches int
	// TruncatedBytes were cut from the end, and Reason says why; 0 and "" when nothing was.
	TruncatedBytes int64
	Reason         string
	EndOffset      int64
	// Producers are the idempotent producers that are remembered.
	Producers int
}

// Open opens the log in a directory, or begins one at offset 0 in a new directory. After a clean
// Close it trusts the files, else it recovers, as the package comment says. Everything that the log
// holds, and its directory, is on stable storage when it returns. Damage below the recovery point is
// a *CorruptError. Files in the directory that are not the log's are left alone.
func Open(files env.FS, dir string, cfg Config) (*Log, Recovery, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, Recovery{}, err
	}
	dir = path.Clean(dir)
	l := &Log{fs: files, dir: dir, cfg: cfg, producers: newProducers(cfg.MaxProducers)}
	recovery, err := l.open()
	if err != nil {
		l.releaseAll()
		return nil, Recovery{}, fmt.Errorf("open log %s: %w", dir, err)
	}
	l.measure()
	recovery.Segments, recovery.Producers = len(l.segments), len(l.producers.byID)
	recovery.EndOffset = l.EndOffset()
	return l, recovery, nil
}

// open is Open without what only counts.
func (l *Log) open() (r Recovery, err error) {
	if err := l.fs.MkdirAll(l.dir); err != nil {
		return r, err
	}
	found, err := take(l.fs, l.dir)
	if err != nil {
		return r, err
	}
	if err := l.sync.point.load(l.fs, l.dir); err != nil {
		return r, err
	}
	if found.clean {
		if r.Clean, err = l.trust(found); err != nil {
			return r, err
		}
	}
	if !r.Clean {
		if r, err = l.recover(found.bases); err != nil {
			return r, err
		}
	}
	if err := l.tidy(found); err != nil {
		return r, err
	}
	l.sync.offset = l.EndOffset()
	return r, nil
}

// inventory is what lies in the directory.
type inventory struct {
	// bases of the segments, rising.
	bases []int64
	// clean is set if there is a clean-shutdown file.
	clean bool
	// leftovers are files of this package that belong to no segment.
	leftovers []string
}

func take(files env.FS, dir string) (found inventory, err error) {
	names, err := files.List(dir)
	if err != nil {
		return found, err
	}
	for _, name := range names {
		if base, ok := parseSegmentName(name, logSuffix); ok {
			found.bases = append(found.bases, base)
		}
		found.clean = found.clean || name == cleanFile
	}
	slices.Sort(found.bases)
	wanted := found.bases
	if len(wanted) == 0 {
		wanted = []int64{0} // the segment that a new log begins with takes over what has its names
	}
	for _, name := range names {
		if _, ok := parseSegmentName(name, cutSuffix); ok {
			found.leftovers = append(found.leftovers, name)
		}
		for _, suffix := range []string{offsetSuffix, timeSuffix} {
			if base, ok := parseSegmentName(name, suffix); ok && !slices.Contains(wanted, base) {
				found.leftovers = append(found.leftovers, name)
			}
		}
	}
	return found, nil
}

// tidy removes what the log does not need, first of all the clean-shutdown file: from here on
// the files change.
func (l *Log) tidy(found inventory) error {
	unwanted := found.leftovers
	if found.clean {
		unwanted = append(unwanted, cleanFile)
	}
	for _, name := range unwanted {
		if err := l.fs.Remove(l.dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(unwanted) == 0 {
		return nil
	}
	return l.fs.SyncDir(l.dir)
}

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
	s, err := createSegment(l.fs, l.dir, 0)
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
	torn, err := w.walk(0, base, true, func(h batch.View, _ int64) bool {
		s.note(h, l.cfg.IndexIntervalBytes)
		l.producers.note(h)
		*lastBatch = h.BaseOffset()
		r.Batches++
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
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
	for _, e := range []*entryFile{&s.offsets.entryFile, &s.times.entryFile} {
		if err := e.settle(); err != nil {
			return fmt.Errorf("rebuild %s: %w", e.name, err)
		}
		if err := e.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", e.name, err)
		}
		e.close()
	}
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
	// From the last to the first, so that an interruption leaves no gap.
	for _, base := range slices.Backward(later) {
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
	if len(later) > 0 {
		if err := l.fs.SyncDir(l.dir); err != nil {
			return err
		}
	}
	return s.file.Truncate(s.size)
}

// settle makes what recovery kept durable, and moves the recovery point.
func (l *Log) settle() error {
	s := l.active()
	for _, e := range []*entryFile{&s.offsets.entryFile, &s.times.entryFile} {
		if err := e.settle(); err != nil {
			return fmt.Errorf("rebuild %s: %w", e.name, err)
		}
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
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

// openSegment opens the files of a segment, and makes indexes that are missing.
func openSegment(files env.FS, dir string, base int64) (s *segment, size int64, err error) {
	s = newSegment(dir, base)
	if s.file, err = files.Open(s.name); err != nil {
		return nil, 0, err
	}
	size, err = s.file.Size()
	if err == nil {
		err = s.openIndexes(files)
	}
	if err != nil {
		s.release()
		return nil, 0, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, size, nil
}

func (s *segment) openIndexes(files env.FS) (err error) {
	for _, e := range []*entryFile{&s.offsets.entryFile, &s.times.entryFile} {
		e.file, err = files.Open(e.name)
		if errors.Is(err, fs.ErrNotExist) {
			e.file, err = files.Create(e.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// measure adds the sizes of the segments up.
func (l *Log) measure() {
	l.size = 0
	for _, s := range l.segments {
		l.size += s.size
	}
}

// releaseAll gives up the owner's hold of every file.
func (l *Log) releaseAll() {
	for _, s := range l.segments {
		s.release()
	}
	if l.sync.point.file != nil {
		l.sync.point.release()
	}
}
