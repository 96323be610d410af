package log

import (
	"errors"
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/batch"
)

// seekBytes are read at once while looking for a batch from an index entry on.
const seekBytes = 4096

// Slice is a planned read of whole batches from one segment. It stays readable whatever happens to
// the log, and keeps the segment's file open until Release. Its zero value is empty.
type Slice struct {
	segment *segment
	// position is where the first batch begins, or where to start looking for it.
	position int64
	found    bool
	// limit is a position that is not read beyond; bound is an offset that is not given beyond.
	limit  int64
	wanted int64
	bound  int64
	most   int
	// verify is set if checksums are checked, and leader epochs compared with those of the cache: in a sealed
	// segment, which may have lain on disk for long.
	verify bool
	epochs []epochStart
	// start is where the log starts: the epochs of what lies below are not known any more.
	start int64
}

// Read plans a read of the batches from the one that holds offset on, and does no I/O. No batch at
// or above bound is given: it is the end of a batch, at most the log's end, such as a high
// watermark. As in Kafka, at most maxBytes are given, but at least the first batch whole; and a read
// ends with its segment, the next one goes on from there. Nothing to read is an empty slice.
func (l *Log) Read(offset, bound int64, maxBytes int) (Slice, error) {
	switch {
	case l.failed != nil:
		return Slice{}, l.failed
	case offset < l.StartOffset() || offset > l.EndOffset():
		return Slice{}, fmt.Errorf("%w: %d is not within %d to %d", ErrOffsetOutOfRange, offset, l.StartOffset(), l.EndOffset())
	case offset >= min(bound, l.EndOffset()):
		return Slice{}, nil
	}
	segment := l.segments[l.find(offset)]
	if segment.damage != nil {
		return Slice{}, segment.damage
	}
	s := Slice{segment: segment, limit: segment.size, wanted: offset, bound: bound, most: maxBytes}
	s.verify, s.epochs = segment != l.active(), l.epochs.starts
	s.position, s.found = l.position(segment, offset)
	if bound < segment.end {
		// If the exact place of the bound is not known, AppendTo meets it by its offset.
		if position, exact := l.position(segment, bound); exact {
			s.limit = position
		}
	}
	segment.retain()
	return s, nil
}

// position of the batch that holds an offset of the segment: exactly, or at most.
func (l *Log) position(s *segment, offset int64) (position int64, exact bool) {
	switch offset {
	case s.base:
		return 0, true
	case s.end:
		return s.size, true
	}
	if s == l.active() {
		if position, exact = l.recent.position(offset); exact {
			return position, true
		}
	}
	return s.offsets.floor(offset - s.base), false
}

// Bytes estimates the bytes of batches between two offsets where batches begin: exactly near the end
// of the log, else rather too much, by at most two index entries' distance (64 KiB in a sealed
// segment). It does no I/O.
func (l *Log) Bytes(from, to int64) int64 {
	from, to = max(from, l.StartOffset()), min(to, l.EndOffset())
	if from >= to {
		return 0
	}
	first, last := l.find(from), l.find(to)
	start, _ := l.position(l.segments[first], from)
	s := l.segments[last]
	end, exact := l.position(s, to)
	if !exact {
		end = s.offsets.ceiling(to-s.base, s.size)
	}
	sum := end - start
	for _, s := range l.segments[first:last] {
		sum += s.size
	}
	return sum
}

// Len is how many bytes AppendTo adds at most; only a first batch larger than the asked maximum
// adds more.
func (s Slice) Len() int {
	return int(min(s.limit-s.position, int64(s.most)))
}

// Release gives the slice up; it must be called exactly once, on any goroutine.
func (s Slice) Release() {
	if s.segment != nil {
		s.segment.release()
	}
}

// AppendTo reads the batches and appends them to buf, on any goroutine. They begin with the batch
// that holds the wanted offset, and all of them are whole. Framing is checked, and in sealed segments
// checksums too; those of the active one, which was written a moment ago, are the reader's to check. A file
// that is not as it should be is a *CorruptError.
func (s Slice) AppendTo(buf []byte) ([]byte, error) {
	if s.segment == nil {
		return buf, nil
	}
	if !s.found {
		buf = slices.Grow(buf, seekBytes)
		position, err := s.seek(buf[len(buf) : len(buf)+seekBytes])
		if err != nil {
			return buf, err
		}
		s.position = position
	}
	buf, err := s.read(buf, max(int64(s.most), batch.HeaderLen))
	if err != nil {
		return buf, fmt.Errorf("%s: %w", s.segment.name, err)
	}
	return buf, nil
}

// seek walks over headers to the batch that holds the wanted offset.
func (s Slice) seek(scratch []byte) (int64, error) {
	w := window{file: s.segment.file, size: s.limit, buf: scratch}
	for position := s.position; position < s.limit; {
		h, reason, err := w.header(position)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.segment.name, err)
		}
		if reason == "" && position > 0 && position == s.position && h.LastOffset() > s.wanted {
			reason = fmt.Sprintf("the index says that the batch here ends at offset %d or before, it ends at %d", s.wanted, h.LastOffset())
		}
		if reason != "" {
			return 0, s.corrupt(position, s.wanted, reason)
		}
		if h.LastOffset() >= s.wanted {
			return position, nil
		}
		position += h.Length()
	}
	return 0, s.corrupt(s.limit, s.wanted, "the batch with this offset is missing")
}

// read appends up to most bytes of whole batches, or one batch that is larger.
func (s Slice) read(buf []byte, most int64) ([]byte, error) {
	kept := len(buf)
	n := min(s.limit-s.position, most)
	buf = slices.Grow(buf, int(n))
	part := buf[kept : kept+int(n)]
	if err := readFull(s.segment.file, part, s.position); err != nil {
		return buf, err
	}
	whole, need, err := s.whole(part)
	if err != nil {
		return buf, err
	}
	if need > n { // the first batch is larger than what was asked for
		if need > s.limit-s.position {
			return buf, s.corrupt(s.position, s.wanted, fmt.Sprintf("a batch of %d bytes goes beyond the segment's end", need))
		}
		return s.read(buf, need)
	}
	if s.verify {
		if err := s.verified(part[:whole]); err != nil {
			return buf[:kept], err
		}
	}
	return buf[:kept+int(whole)], nil
}

// whole gives how many bytes of part are whole batches below the bound. If not even the first is
// whole, need is its length.
func (s Slice) whole(part []byte) (whole, need int64, err error) {
	next := int64(-1)
	for whole < int64(len(part)) {
		h, err := batch.Peek(part[whole:])
		if errors.Is(err, batch.ErrShort) && whole > 0 {
			break
		}
		switch {
		case err != nil:
			return 0, 0, s.corrupt(s.position+whole, max(next, s.wanted), err.Error())
		case next < 0 && (h.BaseOffset() > s.wanted || h.LastOffset() < s.wanted), next >= 0 && h.BaseOffset() != next:
			return 0, 0, s.corrupt(s.position+whole, max(next, s.wanted),
				fmt.Sprintf("a batch with offsets %d to %d is here", h.BaseOffset(), h.LastOffset()))
		case h.BaseOffset() >= s.bound:
			return whole, 0, nil
		case whole+h.Length() > int64(len(part)):
			if whole == 0 {
				need = h.Length()
			}
			return whole, need, nil
		}
		whole += h.Length()
		next = h.LastOffset() + 1
	}
	return whole, 0, nil
}

func (s Slice) corrupt(position, offset int64, reason string) error {
	return &CorruptError{Segment: s.segment.name, Position: position, Offset: offset, Reason: reason}
}
