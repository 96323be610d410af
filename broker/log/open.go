package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync/atomic"

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
	l.sync.deleted = new(atomic.Bool)
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
	if err := finishSwaps(l.fs, l.dir); err != nil {
		return r, err
	}
	found, err := take(l.fs, l.dir)
	if err != nil {
		return r, err
	}
	if err := l.sync.point.load(l.fs, l.dir); err != nil {
		return r, err
	}
	if l.start, err = startFrom(l.fs, l.dir); err != nil {
		return r, err
	}
	if found.bases, err = l.withoutDeleted(found.bases); err != nil {
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
	if err := l.active().recall(); err != nil {
		return r, err
	}
	l.start = max(l.start, l.segments[0].base)
	if l.cleaned, err = readOffset(l.fs, l.dir, cleanedFile); err != nil {
		return r, err
	}
	if err := l.cutCleaned(l.EndOffset()); err != nil {
		return r, err
	}
	l.sync.offset = l.EndOffset()
	return r, nil
}

// inventory is what lies in the directory.
type inventory struct {
	// bases of the segments, rising.
	bases []int64
	// swaps are the bases of new segments that are to take the place of old ones.
	swaps []int64
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
		if base, ok := parseSegmentName(name, swapSuffix); ok {
			found.swaps = append(found.swaps, base)
		}
		found.clean = found.clean || name == cleanFile
	}
	slices.Sort(found.bases)
	wanted := found.bases
	if len(wanted) == 0 {
		wanted = []int64{0} // the segment that a new log begins with takes over what has its names
	}
	for _, name := range names {
		if _, ok := parseSegmentName(name, cutSuffix); ok || name == epochsTemp || isCleaned(name) {
			found.leftovers = append(found.leftovers, name)
		}
		if base, ok := parseSegmentName(name, txnSuffix); ok && !slices.Contains(found.bases, base) {
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

// uses reports whether a file is an index of a segment: of one that was begun where an old one had been.
func (l *Log) uses(name string) bool {
	return slices.ContainsFunc(l.segments, func(s *segment) bool {
		return path.Base(s.offsets.name) == name || path.Base(s.times.name) == name || s.aborts.file != nil && path.Base(s.aborts.name) == name
	})
}

// tidy removes what the log does not need, first of all the clean-shutdown file: from here on
// the files change.
func (l *Log) tidy(found inventory) error {
	unwanted := found.leftovers
	if found.clean {
		unwanted = append(unwanted, cleanFile)
	}
	for _, name := range unwanted {
		if l.uses(name) {
			continue
		}
		if err := l.fs.Remove(l.dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(unwanted) == 0 {
		return nil
	}
	return l.fs.SyncDir(l.dir)
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
	return s.aborts.open(files)
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
	if l.sync.epochs != nil {
		l.sync.epochs.release()
	}
}
