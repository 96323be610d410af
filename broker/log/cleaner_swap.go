package log

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
)

// How a new segment takes the place of old ones, whatever interrupts it:
//
//	4.log 7.log 9.log   4.log.cleaned       written and synced; Open removes it
//	4.log 7.log 9.log   4.log.swap          renamed, durably: from here on Open finishes what was begun
//	4.log               4.log.swap          what it takes the place of is removed, durably, but for the first
//	4.log                                   renamed over the first
//
// In the place of a single segment it is renamed at once. Indexes follow; Open makes those anew that do not fit.
const (
	cleanedSuffix = ".cleaned"
	swapSuffix    = ".log.swap"
)

// SwapError is a segment that was to take the place of others: the log is in doubt and must be opened again.
type SwapError struct {
	// Segment is the name of its file.
	Segment string
	Err     error
}

func (e *SwapError) Error() string {
	return fmt.Sprintf("put %s into the place of what was compacted: %v", e.Segment, e.Err)
}

// Unwrap is what failed.
func (e *SwapError) Unwrap() error { return e.Err }

// install puts what a group has become into its place. Where the sources have gone meanwhile, as by retention, the
// pass is given up; an error before the first file has another name leaves everything as it was.
func (l *Log) install(c *Cleaning) error {
	g := c.groups[0]
	at, ok := l.replaces(g)
	if !ok {
		l.stopCleaning()
		return nil
	}
	fresh, first := g.out, g.sources[0]
	for _, a := range g.aborts {
		if g.markers[a.Last] {
			fresh.aborts.add(a)
		}
	}
	if err := fresh.aborts.write(l.fs); err != nil {
		return err
	}
	if err := fresh.aborts.syncFile(); err != nil {
		return err
	}
	begun, err := l.swap(g)
	if err == nil {
		err = l.renameIndexes(fresh, first)
	}
	if err != nil {
		if begun {
			err = &SwapError{first.name, err}
			l.failed = err
		}
		return err
	}
	fresh.name = first.name
	fresh.seal()
	fresh.closeIndexes()
	for _, s := range g.sources {
		l.size -= s.size
		s.release()
	}
	l.size += fresh.size
	l.segments = slices.Concat(l.segments[:at], []*segment{fresh}, l.segments[at+len(g.sources):])
	g.out = nil // it is the log's now
	g.release()
	return nil
}

// swap gives the new file the name of the first of the old ones, and removes the others. begun says that it cannot be
// given up any more.
func (l *Log) swap(g *group) (begun bool, err error) {
	first, name := g.sources[0], g.out.name
	if len(g.sources) > 1 {
		name = segmentName(l.dir, first.base, swapSuffix)
		if err := l.fs.Rename(g.out.name, name); err != nil {
			return false, err
		}
		if err := l.fs.SyncDir(l.dir); err != nil {
			return true, err
		}
		for _, s := range g.sources[1:] {
			if err := s.remove(l.fs); err != nil {
				return true, err
			}
		}
		if err := l.fs.SyncDir(l.dir); err != nil {
			return true, err
		}
	}
	if err := l.fs.Rename(name, first.name); err != nil {
		return len(g.sources) > 1, err
	}
	return true, l.fs.SyncDir(l.dir)
}

// renameIndexes gives the indexes of a new segment the names of an old one's. They need not be durable.
func (l *Log) renameIndexes(fresh, old *segment) error {
	names := old.indexes()
	for i, e := range fresh.indexes() {
		to := names[i].name
		var err error
		if i == 2 && len(fresh.aborts.entries) == 0 {
			if err = l.fs.Remove(to); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		} else {
			err = l.fs.Rename(e.name, to)
		}
		if err != nil {
			return err
		}
		e.name = to
	}
	return l.fs.SyncDir(l.dir)
}

// finishSwaps finishes the swaps that a crash has interrupted.
func finishSwaps(files env.FS, dir string) error {
	found, err := take(files, dir)
	if err != nil {
		return err
	}
	for _, base := range found.swaps {
		if err := finishSwap(files, dir, base, found.bases); err != nil {
			return err
		}
	}
	return nil
}

func finishSwap(files env.FS, dir string, base int64, bases []int64) error {
	name := segmentName(dir, base, swapSuffix)
	end, err := endOf(files, name, base)
	if err != nil {
		return err
	}
	removed := false
	for _, other := range bases {
		if other > base && other < end {
			if err := removeSegment(files, dir, other); err != nil {
				return err
			}
			removed = true
		}
	}
	if removed {
		if err := files.SyncDir(dir); err != nil {
			return err
		}
	}
	if err := files.Rename(name, segmentName(dir, base, logSuffix)); err != nil {
		return err
	}
	return files.SyncDir(dir)
}

// endOf gives the offset after the last batch of a file. One that is damaged ends before: it was on stable storage, so
// Open refuses it for what follows.
func endOf(files env.FS, name string, base int64) (end int64, err error) {
	f, err := files.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	end = base
	_, err = newWindow(f, size, false).walk(0, base, false, func(h batch.View, _ int64) bool {
		end = h.LastOffset() + 1
		return true
	})
	return end, err
}

// isCleaned reports whether a file is what a pass of compaction wrote and nobody knows of.
func isCleaned(name string) bool {
	rest, ok := strings.CutSuffix(name, cleanedSuffix)
	if !ok {
		return false
	}
	for _, suffix := range []string{logSuffix, offsetSuffix, timeSuffix, txnSuffix} {
		if _, ok := parseSegmentName(rest, suffix); ok {
			return true
		}
	}
	return false
}

// cleanedFile holds the offset up to which the log was compacted, as startFile does its start: below it no key has two
// records, but for those of a later pass. It is written after the last segment of a pass has its place, and before
// the log is cut below it.
const cleanedFile = "cleaner-offset"

// setCleaned moves the offset up to which the log is compacted, durably.
func (l *Log) setCleaned(to int64) error {
	if to == l.cleaned {
		return nil
	}
	if err := writeOffset(l.fs, l.dir, cleanedFile, to); err != nil {
		return err
	}
	l.cleaned = to
	return nil
}

// cutCleaned gives up what is compacted at the time before the log is cut to end there.
func (l *Log) cutCleaned(end int64) error {
	l.stopCleaning()
	return l.setCleaned(min(l.cleaned, end))
}
