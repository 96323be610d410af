package log

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/logproof/logproof/broker/env"
)

const (
	offsetEntryBytes = 8
	timeEntryBytes   = 12
	// spillBytes of index entries wait in memory before they are written: an index is rebuilt
	// after a crash, so there is no hurry.
	spillBytes = 4096
	// thinBytes of log lie between two entries that a sealed segment keeps in memory.
	thinBytes = 64 << 10
)

// entryFile is a file to which small entries are added.
type entryFile struct {
	name string
	// file is nil once the segment is sealed and synced.
	file env.File
	// written bytes are in the file, pending ones follow them.
	written int64
	pending []byte
	// synced is set while nothing was written since a sync, or since a clean shutdown.
	synced bool
}

func (e *entryFile) waiting() int { return len(e.pending) }

// size is the bytes of all entries, written or not.
func (e *entryFile) size() int64 { return e.written + int64(len(e.pending)) }

func (e *entryFile) flush() error {
	if len(e.pending) == 0 {
		return nil
	}
	e.synced = false
	if _, err := e.file.WriteAt(e.pending, e.written); err != nil {
		return fmt.Errorf("write %s: %w", e.name, err)
	}
	e.written += int64(len(e.pending))
	e.pending = e.pending[:0]
	return nil
}

// sync makes what was written durable, unless it is.
func (e *entryFile) sync() error {
	if e.synced {
		return nil
	}
	if err := e.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", e.name, err)
	}
	e.synced = true
	return nil
}

func (e *entryFile) close() {
	if e.file != nil {
		_ = e.file.Close() // an index that is lost is rebuilt
		e.file = nil
	}
}

// settle makes the file hold the pending entries and nothing else. A file that does already is not
// written.
func (e *entryFile) settle() error {
	size, err := e.file.Size()
	if err != nil {
		return err
	}
	same := size == int64(len(e.pending))
	if same {
		have := make([]byte, size)
		if err := readFull(e.file, have, 0); err != nil {
			return err
		}
		same = string(have) == string(e.pending)
	}
	if same {
		e.written, e.pending = size, nil
		return nil
	}
	if err := e.file.Truncate(0); err != nil {
		return err
	}
	err = e.flush()
	e.pending = nil // what was rebuilt may have been much more than waits in memory otherwise
	return err
}

// offsetEntry says that the batch at a position ends with an offset, relative to the segment's base.
type offsetEntry struct{ relative, position int32 }

// offsetIndex finds a position from which a scan will meet an offset. A sealed segment keeps only
// some entries in memory; the file has all of them, for Kafka's tools and for the next Open.
type offsetIndex struct {
	entryFile
	entries []offsetEntry
}

// lastPosition of an entry, 0 if there is none.
func (x *offsetIndex) lastPosition() int64 {
	if len(x.entries) == 0 {
		return 0
	}
	return int64(x.entries[len(x.entries)-1].position)
}

func (x *offsetIndex) add(relative, position int32) {
	x.entries = append(x.entries, offsetEntry{relative, position})
	x.pending = binary.BigEndian.AppendUint32(x.pending, uint32(relative))
	x.pending = binary.BigEndian.AppendUint32(x.pending, uint32(position))
}

// floor is the position of the last indexed batch that ends at or before an offset, 0 if none does.
func (x *offsetIndex) floor(relative int64) int64 {
	if i := x.after(relative); i > 0 {
		return int64(x.entries[i-1].position)
	}
	return 0
}

// ceiling is the position of the first indexed batch that begins at or after an offset where a batch
// begins, or end if none does.
func (x *offsetIndex) ceiling(relative, end int64) int64 {
	if i := x.after(relative - 1); i < len(x.entries) {
		return int64(x.entries[i].position)
	}
	return end
}

// after counts the entries at or before an offset.
func (x *offsetIndex) after(relative int64) int {
	low, high := 0, len(x.entries)
	for low < high {
		if middle := (low + high) / 2; int64(x.entries[middle].relative) <= relative {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// thin keeps one entry for each thinBytes of log, in memory of the right size.
func (x *offsetIndex) thin() {
	var kept []offsetEntry
	next := int64(thinBytes)
	for _, e := range x.entries {
		if int64(e.position) >= next {
			kept = append(kept, e)
			next = int64(e.position) + thinBytes
		}
	}
	x.entries = append(make([]offsetEntry, 0, len(kept)), kept...)
}

// load reads the entries from a file that a clean shutdown left; ok is false if they are not in order.
func (x *offsetIndex) load(size int64) (ok bool, err error) {
	bytes := make([]byte, size)
	if err := readFull(x.file, bytes, 0); err != nil {
		return false, err
	}
	x.written, x.synced, x.entries = size, true, make([]offsetEntry, 0, size/offsetEntryBytes)
	before := offsetEntry{-1, -1}
	for ; len(bytes) >= offsetEntryBytes; bytes = bytes[offsetEntryBytes:] {
		e := offsetEntry{int32(binary.BigEndian.Uint32(bytes)), int32(binary.BigEndian.Uint32(bytes[4:]))}
		if e.relative <= before.relative || e.position <= before.position {
			return false, nil
		}
		x.entries = append(x.entries, e)
		before = e
	}
	return len(bytes) == 0, nil
}

// timeIndex finds an offset before which all timestamps are smaller than one. Its entries are not
// kept in memory: only ListOffsets asks.
type timeIndex struct {
	entryFile
	// last timestamp of an entry; the entries' timestamps rise.
	last int64
}

// add takes an entry, unless the timestamp has not risen.
func (x *timeIndex) add(timestamp int64, relative int32) {
	if x.size() > 0 && timestamp <= x.last {
		return
	}
	x.last = timestamp
	x.pending = binary.BigEndian.AppendUint64(x.pending, uint64(timestamp))
	x.pending = binary.BigEndian.AppendUint32(x.pending, uint32(relative))
}

// load reads the last entry from a file that a clean shutdown left.
func (x *timeIndex) load(size int64) error {
	x.written, x.synced = size, true
	if size < timeEntryBytes {
		return nil
	}
	var e [timeEntryBytes]byte
	if err := readFull(x.file, e[:], size-timeEntryBytes); err != nil {
		return err
	}
	x.last = int64(binary.BigEndian.Uint64(e[:]))
	return nil
}

// before gives the offset of the last entry whose timestamp is smaller than one, 0 if there is none.
// All entries must be in the file.
func (x *timeIndex) before(files env.FS, timestamp int64) (relative int64, err error) {
	f := x.file
	if f == nil {
		if f, err = files.Open(x.name); err != nil {
			return 0, err
		}
		defer f.Close()
	}
	var e [timeEntryBytes]byte
	low, high := int64(0), x.written/timeEntryBytes
	for low < high {
		middle := (low + high) / 2
		if err := readFull(f, e[:], middle*timeEntryBytes); err != nil {
			return 0, err
		}
		if int64(binary.BigEndian.Uint64(e[:])) < timestamp {
			low, relative = middle+1, int64(int32(binary.BigEndian.Uint32(e[8:])))
		} else {
			high = middle
		}
	}
	return relative, nil
}

// readFull fills p; a file that ends before is an error.
func readFull(f io.ReaderAt, p []byte, at int64) error {
	n, err := f.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == io.EOF:
		return fmt.Errorf("read %d bytes at %d: %w after %d", len(p), at, io.ErrUnexpectedEOF, n)
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), at, err)
}
