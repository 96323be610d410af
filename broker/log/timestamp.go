package log

import (
	"fmt"

	"github.com/logproof/logproof/broker/batch"
)

// MaxTimestamp is the largest timestamp of the log in milliseconds since 1970, and the last offset
// of the first batch that has it; -1 and -1 if there is none. The record itself is found by
// OffsetForTimestamp of that timestamp.
func (l *Log) MaxTimestamp() (offset, timestamp int64) {
	offset, timestamp = -1, -1
	for _, s := range l.segments {
		o, t := s.maxTimestampOffset, s.maxTimestamp
		if o >= 0 && o < l.start { // the record is one that was deleted
			o, t = l.youngestFrom(s, l.start)
		}
		if t > timestamp {
			offset, timestamp = o, t
		}
	}
	return offset, timestamp
}

// youngestFrom is MaxTimestamp of one segment from an offset on; what cannot be read counts as nothing.
func (l *Log) youngestFrom(s *segment, from int64) (offset, timestamp int64) {
	offset, timestamp = -1, -1
	_, _ = newWindow(s.file, s.size, false).walk(s.offsets.floor(from-s.base), -1, false, func(h batch.View, _ int64) bool {
		if h.LastOffset() >= from && h.MaxTimestamp() > timestamp {
			offset, timestamp = h.LastOffset(), h.MaxTimestamp()
		}
		return true
	})
	return offset, timestamp
}

// OffsetForTimestamp finds the first record whose timestamp, in milliseconds since 1970, is at least
// the given one, compressed or not. It reads the index and the segment, on the caller's goroutine.
func (l *Log) OffsetForTimestamp(timestamp int64) (offset, found int64, ok bool, err error) {
	if l.failed != nil {
		return -1, -1, false, l.failed
	}
	for _, s := range l.segments {
		if s.maxTimestamp < timestamp {
			continue
		}
		offset, found, ok, err = l.searchTime(s, timestamp)
		if err != nil {
			return -1, -1, false, fmt.Errorf("search %s for timestamp %d: %w", s.name, timestamp, err)
		}
		if ok {
			return offset, found, true, nil
		}
	}
	return -1, -1, false, nil
}

func (l *Log) searchTime(s *segment, timestamp int64) (offset, found int64, ok bool, err error) {
	if s.damage != nil {
		return 0, 0, false, s.damage
	}
	if err := s.times.flush(); err != nil {
		return 0, 0, false, err
	}
	relative, err := s.times.before(l.fs, timestamp)
	if err != nil {
		return 0, 0, false, err
	}
	var failed error
	torn, err := newWindow(s.file, s.size, false).walk(s.offsets.floor(relative), -1, false, func(h batch.View, position int64) bool {
		if h.MaxTimestamp() >= timestamp && h.LastOffset() >= l.start {
			offset, found, ok, failed = l.searchBatch(s, h, position, timestamp)
		}
		return !ok && failed == nil
	})
	switch {
	case err != nil:
		return 0, 0, false, err
	case failed != nil:
		return 0, 0, false, failed
	case torn != nil:
		return 0, 0, false, &CorruptError{Segment: s.name, Position: torn.position, Offset: torn.offset, Reason: torn.reason}
	}
	return offset, found, ok, nil
}

// searchBatch finds the first record in time of one batch, from an offset on. ok is false when the batch promised a
// larger timestamp than its records have. Records that are compressed are looked at one after the other; a batch that
// cannot be decompressed is found as a whole, so that a reader who starts there misses nothing.
func (l *Log) searchBatch(s *segment, h batch.View, position, timestamp int64) (offset, found int64, ok bool, err error) {
	if h.TimestampType() == batch.LogAppendTime {
		return max(h.BaseOffset(), l.start), h.MaxTimestamp(), true, nil
	}
	v := make(batch.View, h.Length())
	if err := readFull(s.file, v, position); err != nil {
		return 0, 0, false, err
	}
	if err := v.ValidateStored(); err != nil {
		return 0, 0, false, &CorruptError{Segment: s.name, Position: position, Offset: h.BaseOffset(), Reason: err.Error()}
	}
	err = l.codecs().Each(v, func(r batch.Head) bool {
		offset, found = v.BaseOffset()+int64(r.Index), r.Timestamp
		ok = found >= timestamp && offset >= l.start
		return !ok
	})
	if err != nil { // it is as it was written: by someone who did not look inside
		return max(v.BaseOffset(), l.start), v.MaxTimestamp(), true, nil
	}
	return offset, found, ok, nil
}

// codecs are those of the configuration, or the log's own.
func (l *Log) codecs() *batch.Codecs {
	if l.cfg.Codecs == nil {
		l.cfg.Codecs = new(batch.Codecs)
	}
	return l.cfg.Codecs
}
