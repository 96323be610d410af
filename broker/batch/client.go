package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Summary is what the records of a batch say that its header does not, or only claims.
type Summary struct {
	// MinTimestamp and MaxTimestamp of all records, in milliseconds since 1970.
	MinTimestamp, MaxTimestamp int64
	// Keyless is the first record without a key, -1 if all have one.
	Keyless int32
}

// ValidateClient is Validate, refuses what only a broker may write, and passes over the records: they must be as
// many as the header says, numbered in their order, and fill the batch. Compressed ones are looked at as they are
// decompressed, with little of them in memory. Keys and values are not looked at.
func (v View) ValidateClient(c *Codecs) (Summary, error) {
	if err := v.Validate(); err != nil {
		return Summary{}, err
	}
	switch {
	case v.IsControl():
		return Summary{}, fmt.Errorf("%w: a client sent a control batch", ErrInvalidRecord)
	case v.BaseOffset() != 0:
		return Summary{}, fmt.Errorf("%w: a client sent base offset %d, want 0", ErrInvalidRecord, v.BaseOffset())
	}
	sum := newSummary()
	var err error
	if v.Codec() == Uncompressed {
		err = v.countRecords(&sum)
	} else {
		err = c.Each(v, func(h Head) bool {
			sum.add(h.Index, h.Timestamp-v.BaseTimestamp(), h.Keyed)
			return true
		})
	}
	sum.MinTimestamp, sum.MaxTimestamp = sum.MinTimestamp+v.BaseTimestamp(), sum.MaxTimestamp+v.BaseTimestamp()
	return sum, err
}

// newSummary of no record; its timestamps are relative until all records are in.
func newSummary() Summary { return Summary{math.MaxInt64, math.MinInt64, -1} }

func (s *Summary) add(index int32, delta int64, keyed bool) {
	s.MinTimestamp, s.MaxTimestamp = min(s.MinTimestamp, delta), max(s.MaxTimestamp, delta)
	if !keyed && s.Keyless < 0 {
		s.Keyless = index
	}
}

// noKey is the length of a key that is not there: -1, as a varint.
const noKey = 1

// countRecords passes over the records of an uncompressed batch.
func (v View) countRecords(sum *Summary) error {
	rest, count := v.records(), v.Count()
	for i := range count {
		length, size := binary.Varint(rest)
		if size <= 0 || length < recordMin-1 || length > int64(len(rest)-size) {
			return fmt.Errorf("%w: record %d of %d has a length of %d, %d bytes are left", ErrInvalidRecord, i, count, length, len(rest))
		}
		body := rest[size : size+int(length)]
		rest = rest[size+int(length):]
		time, timeSize := binary.Varint(body[1:]) // after the attributes
		delta, deltaSize := int64(0), 0
		if timeSize > 0 {
			delta, deltaSize = binary.Varint(body[1+timeSize:])
		}
		if deltaSize <= 0 || delta != int64(i) {
			return fmt.Errorf("%w: record %d of %d has offset delta %d", ErrInvalidRecord, i, count, delta)
		}
		key := 1 + timeSize + deltaSize
		if key >= len(body) {
			return fmt.Errorf("%w: record %d of %d ends before its key", ErrInvalidRecord, i, count)
		}
		sum.add(i, time, body[key] != noKey)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes after the last of %d records", ErrInvalidRecord, len(rest), count)
	}
	return nil
}

// Head is what stands before the key and value of a record.
type Head struct {
	// Index is the offset relative to the batch's; where compaction has been, some are missing.
	Index     int32
	Timestamp int64
	Keyed     bool
}

// Each gives the head of every record of a batch, compressed or not, stored or new, until each returns false. Records that do not
// fit their batch are ErrInvalidRecord.
func (c *Codecs) Each(v View, each func(Head) bool) error {
	s, err := c.open(v)
	if err != nil {
		return err
	}
	count, last := v.Count(), int32(-1)
	for i := range count {
		h, err := s.head(i, last, v.LastOffsetDelta())
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			if errors.Is(err, ErrInvalidRecord) {
				return err
			}
			return undecodable(v, fmt.Errorf("record %d of %d: %w", i, count, err))
		}
		last = h.Index
		if h.Timestamp += v.BaseTimestamp(); v.TimestampType() == LogAppendTime {
			h.Timestamp = v.MaxTimestamp()
		}
		if !each(h) {
			return nil
		}
	}
	switch _, err := s.ReadByte(); {
	case err == nil:
		return fmt.Errorf("%w: bytes after the last of %d records", ErrInvalidRecord, count)
	case !errors.Is(err, io.EOF):
		return undecodable(v, err)
	}
	return nil
}

// head takes the i-th record; its timestamp is relative. Its offset is beyond that of the one before it, and not
// beyond the batch's: where none is missing, that leaves one.
func (s *stream) head(i, before, most int32) (h Head, err error) {
	length, _, err := s.varint()
	if err != nil {
		return h, err
	}
	if length < recordMin-1 || length > math.MaxInt32 {
		return h, fmt.Errorf("%w: record %d has a length of %d", ErrInvalidRecord, i, length)
	}
	if err := s.skip(1); err != nil { // attributes
		return h, err
	}
	var fields [3]int64 // timestamp, offset delta, length of the key
	left := length - 1
	for f := range fields {
		n, size, err := s.varint()
		if err != nil {
			return h, err
		}
		fields[f], left = n, left-size
	}
	switch {
	case fields[1] <= int64(before) || fields[1] > int64(most):
		return h, fmt.Errorf("%w: record %d has offset delta %d", ErrInvalidRecord, i, fields[1])
	case left < 0 || fields[2] < -1 || fields[2] > left:
		return h, fmt.Errorf("%w: record %d of %d bytes has a key of %d bytes", ErrInvalidRecord, i, length, fields[2])
	}
	return Head{int32(fields[1]), fields[0], fields[2] >= 0}, s.skip(left)
}

// SetTimestamps says who set the timestamps and which is the largest, in place, and makes the checksum right again,
// as a leader does (KIP-32). A batch that says so already is not touched.
func (v View) SetTimestamps(t TimestampType, largest int64) {
	if v.TimestampType() == t && v.MaxTimestamp() == largest {
		return
	}
	attributes := v.Attributes() &^ logAppendTimeBit
	if t == LogAppendTime {
		attributes |= logAppendTimeBit
	}
	v.put16(atAttributes, attributes)
	v.put64(atMaxTimestamp, largest)
	v.Stamp()
}
