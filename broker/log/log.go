package log

import (
	"errors"
	"fmt"
	"math"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env"
)

// Defaults of Config, the first three as in Kafka.
const (
	DefaultSegmentBytes       = 1 << 30
	DefaultSegmentMillis      = 7 * 24 * 3600 * 1000
	DefaultIndexIntervalBytes = 4096
	DefaultMaxProducers       = 1 << 16
)

// Config of a log; zero values mean the defaults.
type Config struct {
	// SegmentBytes is the size at which the next segment begins. A batch that is larger has a
	// segment of its own. At most 2 GiB - 1, because positions in an index have 31 bits.
	SegmentBytes int64
	// SegmentMillis is how much younger than the first batch of a segment a batch may be that still goes into
	// it, by their timestamps (segment.ms).
	SegmentMillis int64
	// IndexIntervalBytes of log, at least, lie between two entries of an index.
	IndexIntervalBytes int
	// MaxProducers is how many idempotent producers are remembered; the one that has not appended
	// for the longest time is forgotten first.
	MaxProducers int
	// Codecs look into compressed batches; the log has its own if nil.
	Codecs *batch.Codecs
	Bugs   bug.Set
}

func (c Config) complete() (Config, error) {
	if c.SegmentBytes == 0 {
		c.SegmentBytes = DefaultSegmentBytes
	}
	if c.SegmentMillis == 0 {
		c.SegmentMillis = DefaultSegmentMillis
	}
	if c.IndexIntervalBytes == 0 {
		c.IndexIntervalBytes = DefaultIndexIntervalBytes
	}
	if c.MaxProducers == 0 {
		c.MaxProducers = DefaultMaxProducers
	}
	switch {
	case c.SegmentBytes < 0 || c.SegmentBytes > math.MaxInt32:
		return c, fmt.Errorf("log: segments of %d bytes: want 1 to %d", c.SegmentBytes, math.MaxInt32)
	case c.SegmentMillis < 0:
		return c, fmt.Errorf("log: segments of %d ms: want at least 1", c.SegmentMillis)
	case c.IndexIntervalBytes < 0:
		return c, fmt.Errorf("log: an index entry every %d bytes: want at least 1", c.IndexIntervalBytes)
	case c.MaxProducers < 0:
		return c, fmt.Errorf("log: %d producers: want at least 1", c.MaxProducers)
	}
	return c, nil
}

var (
	// ErrOffsetOutOfRange is an offset before the log's start or after its end.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrClosed is a call on a log that was closed or deleted.
	ErrClosed = errors.New("log is closed")
)

// CorruptError is a place in a segment that is not as it was written. No batch has been changed.
type CorruptError struct {
	// Segment is the name of the file.
	Segment string
	// Position in the file in bytes, and the offset of the record that should be there.
	Position, Offset int64
	Reason           string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is corrupt at byte %d, offset %d: %s; no batch was changed: restore the file from a copy, or move the directory away to give up its records",
		e.Segment, e.Position, e.Offset, e.Reason)
}

// TruncateError is a truncation that failed: the cut may have come to be, or not.
type TruncateError struct {
	// Dir is the log's directory, Offset what it was cut to.
	Dir    string
	Offset int64
	Err    error
}

func (e *TruncateError) Error() string {
	return fmt.Sprintf("truncate log %s to offset %d: %v", e.Dir, e.Offset, e.Err)
}

// Unwrap is what failed.
func (e *TruncateError) Unwrap() error { return e.Err }

// Log is one partition's log. One goroutine at a time may call its methods; Slice and SyncPoint
// may be used by others meanwhile.
type Log struct {
	fs  env.FS
	dir string
	cfg Config
	// segments in order of offset, never empty while open; the last is the active one.
	// Invariant: segments[i].end == segments[i+1].base.
	segments []*segment
	// cleaned is the offset up to which the log is compacted, cleaning the pass that is under way, if there is one.
	cleaned  int64
	cleaning *Cleaning
	// start is the log start offset: within the first segment, or at its end.
	start     int64
	size      int64
	recent    recent
	producers *producers
	epochs    epochs
	sync      syncState
	// failed is set once the log must not be written any more.
	failed error
}

// Appended says which offsets the records of a batch got.
type Appended struct{ BaseOffset, LastOffset int64 }

// Configure takes other settings, for what comes next; the log stays as it is.
func (l *Log) Configure(cfg Config) error {
	cfg, err := cfg.complete()
	if err == nil {
		l.cfg = cfg
	}
	return err
}

// Append gives a batch its offsets and leader epoch, in place, and writes it at the end. The batch
// must be valid (View.Validate) and, if it is idempotent, have passed CheckSequence. A leader epoch
// that has not been seen yet begins with it, as with BeginEpoch; one behind the latest is ErrStaleEpoch.
//
// After an error (a full disk, for one) the log is as it was before, and later appends work when
// the cause is gone.
func (l *Log) Append(v batch.View, leaderEpoch int32) (Appended, error) {
	if l.failed != nil {
		return Appended{}, l.failed
	}
	base := l.EndOffset()
	v.Assign(base, leaderEpoch)
	if err := l.prepare(v); err != nil {
		return Appended{}, err
	}
	if err := l.place(v, false); err != nil {
		return Appended{}, err
	}
	return Appended{base, v.LastOffset()}, nil
}

// prepare makes the log ready for a batch that comes next: its epoch has begun, and the active
// segment has room. If the batch is not written after all, the epoch has begun nevertheless.
func (l *Log) prepare(v batch.View) error {
	if err := l.BeginEpoch(v.LeaderEpoch()); err != nil {
		return err
	}
	if l.active().full(v, &l.cfg) {
		if err := l.roll(); err != nil {
			return fmt.Errorf("begin a segment at offset %d: %w", l.EndOffset(), err)
		}
	}
	return nil
}

// place writes batches of one epoch, for which there is room, at the end: all of them or none. A planted bug forgets
// markers.
func (l *Log) place(batches []byte, forgets bool) error {
	s := l.active()
	if _, err := s.file.WriteAt(batches, s.size); err != nil {
		// What was written in part lies after the end: the next append covers it. Cutting it
		// away gives its space back; if that fails too, nothing depends on it.
		_ = s.file.Truncate(s.size)
		return fmt.Errorf("append to %s: %w", s.name, err)
	}
	l.size += int64(len(batches))
	for len(batches) > 0 {
		v := firstOf(batches)
		l.recent.add(v.BaseOffset(), s.size)
		s.note(v, l.cfg.IndexIntervalBytes)
		if forgets && v.IsControl() {
			batches = batches[len(v):]
			continue
		}
		if aborted, ok := l.producers.note(v); ok {
			s.aborts.add(aborted)
		}
		batches = batches[len(v):]
	}
	s.spill(l.fs)
	return nil
}

func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

// StartOffset is the offset of the first record that can be read, or EndOffset if there is none. It may lie
// within a batch, which is then read whole.
func (l *Log) StartOffset() int64 { return l.start }

// EndOffset is the offset that the next record will get.
func (l *Log) EndOffset() int64 { return l.active().end }

// Size is the bytes of all batches.
func (l *Log) Size() int64 { return l.size }

// roll seals the active segment and begins the next. After an error the active segment goes on.
func (l *Log) roll() error {
	sealed := l.active()
	if err := sealed.finish(l.fs); err != nil {
		return err
	}
	if err := l.sync.point.create(l.fs, l.dir); err != nil {
		return err
	}
	next, err := createSegment(l.fs, l.dir, sealed.end)
	if err != nil {
		return err
	}
	sealed.seal()
	l.segments = append(l.segments, next)
	l.sync.rolled(sealed)
	l.recent.clear()
	return nil
}

// find gives the index of the segment that holds an offset from StartOffset to EndOffset.
func (l *Log) find(offset int64) int {
	i := len(l.segments) - 1
	if offset >= l.segments[i].base {
		return i
	}
	low, high := 0, i // segments[low].base <= offset < segments[high].base
	for high-low > 1 {
		if middle := (low + high) / 2; l.segments[middle].base <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}
