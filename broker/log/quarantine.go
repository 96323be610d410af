package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/logproof/logproof/broker/env"
)

// quarantineSuffix is added to the name of a damaged segment's file that was set aside. Nobody reads it any
// more: it is kept for people.
const quarantineSuffix = ".quarantined"

// Damage is a segment that is not as it was written.
type Damage struct {
	// Base is the offset of its first record, End the one after its last.
	Base, End int64
	CorruptError
}

// Damaged takes note of a CorruptError that a reader of this log met: from now on nothing is read from the
// segment, so that nobody gets bytes that are not the ones that were written, and it can be set aside with
// Quarantine. It reports false if that is known already, or the segment has gone since.
func (l *Log) Damaged(found *CorruptError) (Damage, bool) {
	i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.name == found.Segment })
	if l.failed != nil || i < 0 || l.segments[i].damage != nil {
		return Damage{}, false
	}
	s := l.segments[i]
	s.damage = found
	return Damage{s.base, s.end, *found}, true
}

// Whole reports whether no damage is known.
func (l *Log) Whole() bool { return l.damaged() < 0 }

func (l *Log) damaged() int {
	return slices.IndexFunc(l.segments, func(s *segment) bool { return s.damage != nil })
}

// Quarantine cuts the log, durably, where its first damaged segment begins, and sets that segment's file aside
// under another name, which it gives: what follows is to be fetched again from a replica that is whole.
// What holds for TruncateTo holds here, also that what fails is a TruncateError.
func (l *Log) Quarantine() (file string, err error) {
	i := l.damaged()
	switch {
	case l.failed != nil:
		return "", l.failed
	case i < 0:
		return "", errors.New("quarantine: no segment of the log is known to be damaged")
	}
	damaged := l.segments[i]
	file = damaged.name + quarantineSuffix
	if err := l.setAside(i, file); err != nil {
		l.failed = fmt.Errorf("quarantine %s: %w", damaged.name, &TruncateError{Dir: l.dir, Offset: damaged.base, Err: err})
		return "", l.failed
	}
	return file, nil
}

// setAside renames a segment's file and removes what follows. An interruption leaves segments from the front,
// and possibly the damaged one, which recovery cuts as a torn one: it is the last, and not below the recovery
// point.
func (l *Log) setAside(i int, file string) error {
	s, later := l.segments[i], l.segments[i+1:]
	if err := l.cutCleaned(s.base); err != nil {
		return err
	}
	if l.sync.point.base > s.base {
		if err := l.sync.point.write(s.base); err != nil {
			return err
		}
		l.sync.point.base = s.base
	}
	for _, gone := range slices.Backward(later) {
		if err := gone.remove(l.fs); err != nil {
			return err
		}
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	if err := l.fs.Rename(s.name, file); err != nil {
		return err
	}
	for _, name := range []string{s.offsets.name, s.times.name, s.aborts.name} {
		if err := l.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fresh, err := createSegment(l.fs, l.dir, max(s.base, l.start))
	if err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		fresh.release()
		return err
	}
	for _, gone := range l.segments[i:] {
		gone.release()
	}
	return l.endWith(i, fresh, fresh.base)
}

// endWith makes a segment the i-th and last, and forgets what lay beyond end.
func (l *Log) endWith(i int, last *segment, end int64) error {
	l.segments = append(l.segments[:i:i], last)
	l.recent.clear()
	l.measure()
	l.sync.sealed = slices.DeleteFunc(l.sync.sealed, func(s *segment) bool { return s.base >= last.base })
	l.sync.begun.valid = false
	l.sync.offset = min(l.sync.offset, end)
	if err := l.trimEpochs(end); err != nil {
		return err
	}
	if l.producers.reach(end) {
		return l.retell()
	}
	return nil
}

// verified says why the whole batches of a read of a sealed segment are not those that were written: their
// checksums, and the leader epochs, which no checksum covers.
func (s Slice) verified(batches []byte) error {
	for position := s.position; len(batches) > 0; {
		v := firstOf(batches)
		if sum := v.Checksum(); sum != v.CRC() {
			return s.corrupt(position, v.BaseOffset(), fmt.Sprintf("the checksum is %08x, the bytes give %08x", v.CRC(), sum))
		}
		if epoch := epochOf(s.epochs, v.LastOffset()); v.LeaderEpoch() != epoch && v.LastOffset() >= s.start {
			return s.corrupt(position, v.BaseOffset(), fmt.Sprintf("the leader epoch is %d, it was %d", v.LeaderEpoch(), epoch))
		}
		position += int64(len(v))
		batches = batches[len(v):]
	}
	return nil
}

// epochOf gives the leader epoch of a record.
func epochOf(starts []epochStart, offset int64) int32 {
	known := (&epochs{starts}).below(offset + 1)
	if len(known) == 0 {
		return UndefinedEpoch
	}
	return known[len(known)-1].epoch
}

// ScrubBytes are read at once by a Scrub, at most.
const ScrubBytes = 256 << 10

// Scrub is a look at a part of a sealed segment, whether it is still as it was written.
type Scrub struct {
	slice Slice
	// next is where the next look goes on, if this one finds nothing.
	next int64
}

// Scrub plans a look at the batches from the one that holds offset on, and says where to go on after it: 0
// after the last sealed segment. There is nothing to look at if ok is false. Segments that are known to be
// damaged, or not known to be synced, are passed over.
func (l *Log) Scrub(offset int64) (s Scrub, ok bool) {
	if l.failed != nil {
		return s, false
	}
	for _, segment := range l.segments[:len(l.segments)-1] {
		if segment.end <= offset || segment.damage != nil || slices.Contains(l.sync.sealed, segment) {
			continue
		}
		slice, err := l.Read(max(offset, segment.base, l.start), segment.end, ScrubBytes)
		return Scrub{slice: slice, next: segment.end}, err == nil && slice.segment != nil
	}
	return s, false
}

// Run looks, on any goroutine, and gives the offset where to go on. It must be called exactly once.
func (s Scrub) Run() (next int64, err error) {
	defer s.slice.Release()
	read, err := s.slice.AppendTo(nil)
	if err != nil {
		return s.next, err
	}
	next = s.next
	for len(read) > 0 {
		v := firstOf(read)
		next, read = v.LastOffset()+1, read[len(v):]
	}
	return next, nil
}

// SetAside does for a log that Open refused with a CorruptError what Quarantine does for an open one: the segment
// that the error names is set aside under the name that is given back, and those after it are removed, so that
// Open finds a log that ends before it. Nothing more is taken to be on stable storage, as after a crash.
func SetAside(files env.FS, dir string, found *CorruptError) (file string, base int64, err error) {
	base, ok := parseSegmentName(path.Base(found.Segment), logSuffix)
	if !ok {
		return "", 0, fmt.Errorf("set aside %s: it is no segment", found.Segment)
	}
	dir = path.Clean(dir)
	if err = setAside(files, dir, base); err != nil {
		return "", 0, fmt.Errorf("set aside %s: %w", found.Segment, err)
	}
	return segmentName(dir, base, logSuffix) + quarantineSuffix, base, nil
}

func setAside(files env.FS, dir string, base int64) error {
	inventory, err := take(files, dir)
	if err != nil {
		return err
	}
	// The file that says what is whole goes first: from here on the rest of the files may be anything.
	for _, name := range []string{cleanFile, recoveryPointFile, cleanedFile} {
		if err := files.Remove(dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := files.SyncDir(dir); err != nil {
		return err
	}
	for _, later := range slices.Backward(inventory.bases) {
		if later <= base {
			break
		}
		if err := removeSegment(files, dir, later); err != nil {
			return err
		}
	}
	name := segmentName(dir, base, logSuffix)
	if err := files.Rename(name, name+quarantineSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := removeSegment(files, dir, base); err != nil {
		return err
	}
	return files.SyncDir(dir)
}

// removeSegment deletes a segment's files, the log file last.
func removeSegment(files env.FS, dir string, base int64) error {
	for _, suffix := range []string{txnSuffix, timeSuffix, offsetSuffix, logSuffix} {
		if err := files.Remove(segmentName(dir, base, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Sealed lists the files of the segments in a directory that were on stable storage and are not written any more:
// those below the recovery point.
func Sealed(files env.FS, dir string) (names []string, err error) {
	dir = path.Clean(dir)
	found, err := take(files, dir)
	if err != nil {
		return nil, err
	}
	var point recoveryPoint
	if err := point.load(files, dir); err != nil {
		return nil, err
	}
	if point.file != nil {
		defer point.release()
	}
	for _, base := range found.bases {
		if base < point.base {
			names = append(names, segmentName(dir, base, logSuffix))
		}
	}
	return names, nil
}
