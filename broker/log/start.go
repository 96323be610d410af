package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
)

// startFile holds the log start offset, with a checksum: 8 + 4 bytes. It is written before anybody is told of a
// new start, and before a record goes, so that the start is never behind after a crash. There is none while the
// log starts with its first segment.
const startFile = "log-start-offset"

// startFrom gives the log start that a directory is known to have, 0 if there is none. A file that makes no
// sense is what a crash leaves of the first write: nobody was told of that start.
func startFrom(files env.FS, dir string) (int64, error) { return readOffset(files, dir, startFile) }

// readOffset reads a file with an offset and its checksum; 0 if there is none, or it makes no sense.
func readOffset(files env.FS, dir, name string) (int64, error) {
	f, err := files.Open(dir + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size < 12 {
		return 0, err
	}
	var b [12]byte
	if err := readFull(f, b[:], 0); err != nil {
		return 0, fmt.Errorf("%s/%s: %w", dir, name, err)
	}
	if batch.AddChecksum(0, b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return 0, nil
	}
	return int64(binary.BigEndian.Uint64(b[:])), nil
}

// writeStart makes a log start durable. The file is one sector of the disk and written in place, as the recovery
// point is: where it is there already, this needs no room.
func (l *Log) writeStart(offset int64) error { return writeOffset(l.fs, l.dir, startFile, offset) }

func writeOffset(files env.FS, dir, name string, offset int64) (err error) {
	name = dir + "/" + name
	created := false
	f, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		created = true
		f, err = files.Create(name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(offset))
	b = binary.BigEndian.AppendUint32(b, batch.AddChecksum(0, b))
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && created {
		err = files.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Deleted says what went from the front of a log.
type Deleted struct {
	// Segments and their Bytes that went.
	Segments int
	Bytes    int64
	// From is where the log started before, Start where it does now.
	From, Start int64
	// Reason is one of the following.
	Reason string
}

// Reasons of a deletion: retention.ms, retention.bytes, or a log start that a client or the leader has raised.
const (
	ReasonTime  = "time"
	ReasonSize  = "size"
	ReasonStart = "log-start"
)

// RaiseStart makes the records below an offset unreadable, durably, and deletes the sealed segments that hold no
// others (DeleteRecords, and what a follower learns from its leader: KIP-107). An offset at or below the start does
// nothing, one beyond the end is ErrOffsetOutOfRange; that it is not beyond the high watermark is for the owner to
// see to. Slices keep reading what they were made for.
func (l *Log) RaiseStart(to int64) (Deleted, error) {
	d := Deleted{From: l.start, Start: l.start, Reason: ReasonStart}
	switch {
	case l.failed != nil:
		return d, l.failed
	case to > l.EndOffset():
		return d, fmt.Errorf("%w: start at %d, log %s ends at %d", ErrOffsetOutOfRange, to, l.dir, l.EndOffset())
	case to <= l.start:
		return d, nil
	}
	err := l.writeStart(to)
	if err == nil {
		err = l.startAt(to, &d)
	}
	return d, err
}

// startAt takes a start that is durable, and deletes what lies before it.
func (l *Log) startAt(to int64, d *Deleted) error {
	l.start, d.Start = to, to
	if err := l.settleEntries(); err != nil {
		return err
	}
	for len(l.segments) > 1 && l.segments[1].base <= to {
		if err := l.dropFirst(d); err != nil {
			return err
		}
	}
	return l.trimEpochsBefore(to)
}

// settleEntries makes the directory durable if it may not be: a segment that is new must not be lost where those
// before it are gone.
func (l *Log) settleEntries() error {
	if !l.sync.entries {
		return nil
	}
	return l.fs.SyncDir(l.dir)
}

// dropFirst deletes the first segment, which is not the active one. Its entries in the directory may come back
// after a crash: what lies before the log start is removed by recovery, in whatever order they have gone.
func (l *Log) dropFirst(d *Deleted) error {
	s := l.segments[0]
	if err := s.remove(l.fs); err != nil {
		return fmt.Errorf("delete segment %s: %w", s.name, err)
	}
	l.segments = append(l.segments[:0:0], l.segments[1:]...)
	l.size -= s.size
	l.sync.dropped(s)
	d.Segments, d.Bytes = d.Segments+1, d.Bytes+s.size
	s.release()
	return nil
}

// StartAt forgets everything and begins the log again at an offset, durably: a follower that is behind its
// leader's log start does it, and one whose leader's first batch begins before that start. The start is never
// below the one before. No sync may be under way. If it fails half-way the log refuses every later call, and
// must be opened again.
func (l *Log) StartAt(offset int64) (Deleted, error) {
	d := Deleted{Segments: len(l.segments), Bytes: l.size, From: l.start, Start: offset, Reason: ReasonStart}
	if l.failed != nil {
		return Deleted{}, l.failed
	}
	if err := l.restart(offset, max(offset, l.start)); err != nil {
		l.failed = fmt.Errorf("begin log %s at offset %d: %w", l.dir, offset, err)
		return Deleted{}, l.failed
	}
	return d, nil
}

// restart leaves one empty segment, which begins at base. A crash on the way leaves segments below the start,
// of which recovery keeps nothing.
func (l *Log) restart(base, start int64) error {
	if err := l.cutCleaned(base); err != nil {
		return err
	}
	if start > l.start || base < l.start {
		if err := l.writeStart(start); err != nil {
			return err
		}
	}
	// Nothing is sealed any more: what is left half-way must not be taken for damage.
	if l.sync.point.base > 0 {
		if err := l.sync.point.write(0); err != nil {
			return err
		}
		l.sync.point.base = 0
	}
	old := l.segments
	for i, s := range old {
		if s.base == base && i == len(old)-1 && s.size == 0 {
			break
		}
		if err := s.remove(l.fs); err != nil {
			return err
		}
	}
	fresh, err := createSegment(l.fs, l.dir, base)
	if err != nil {
		return err
	}
	l.epochs = epochs{}
	if err := errors.Join(l.settleEpochs(), l.fs.SyncDir(l.dir)); err != nil {
		fresh.release()
		return err
	}
	for _, s := range old {
		s.release()
	}
	l.segments, l.start = []*segment{fresh}, start
	l.recent.clear()
	l.measure()
	l.sync.sealed, l.sync.begun.valid, l.sync.offset = nil, false, max(base, start)
	l.producers = newProducers(l.cfg.MaxProducers)
	return nil
}

// dropped forgets a sealed segment that has gone. A sync that covers it may be under way.
func (y *syncState) dropped(gone *segment) {
	for i, s := range y.sealed {
		if s == gone {
			y.sealed = append(y.sealed[:i:i], y.sealed[i+1:]...)
			if i < y.begun.sealed {
				y.begun.sealed--
			}
			break
		}
	}
	y.entries = true
	y.begun.entries = false
}

// withoutDeleted gives the segments that recovery looks at: not those that lie wholly before the log start, whose
// deletion a crash has undone in part. Their files are removed.
func (l *Log) withoutDeleted(bases []int64) ([]int64, error) {
	first := 0
	for i, base := range bases {
		if base <= l.start {
			first = i
		}
	}
	for _, base := range bases[:first] {
		if err := removeSegment(l.fs, l.dir, base); err != nil {
			return nil, err
		}
	}
	return bases[first:], nil
}

// settleStart makes the start fit the segments that recovery has kept. A log that ends before its start holds
// nothing: it begins again there, as in Kafka.
func (l *Log) settleStart() error {
	l.start = max(l.start, l.segments[0].base)
	if l.EndOffset() < l.start {
		return l.restart(l.start, l.start)
	}
	l.epochs.starts = l.epochs.from(l.start)
	return nil
}
