package batch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Records takes an uncompressed batch apart, of which compaction may have taken records out. Keys and values are parts of v. A compressed batch is
// ErrUnsupportedCodec, records that do not fill the batch exactly are ErrInvalidRecord.
func Records(v View) ([]Record, error) {
	if err := v.ValidateStored(); err != nil {
		return nil, err
	}
	if v.Codec() != Uncompressed {
		return nil, fmt.Errorf("%w: the records are compressed with %s", ErrUnsupportedCodec, v.Codec())
	}
	records := make([]Record, v.Count())
	r, last := reader{rest: v.records()}, int64(-1)
	for i := range records {
		delta := r.record(v, &records[i])
		if !r.bad && (delta <= last || delta > int64(v.LastOffsetDelta())) {
			return nil, fmt.Errorf("%w: record %d has offset delta %d", ErrInvalidRecord, i, delta)
		}
		last = delta
		if r.bad {
			return nil, fmt.Errorf("%w: record %d of %d cannot be decoded", ErrInvalidRecord, i, len(records))
		}
	}
	if len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last of %d records", ErrInvalidRecord, len(r.rest), len(records))
	}
	return records, nil
}

// reader takes fields from the front of rest; once bad, it stays bad.
type reader struct {
	rest []byte
	bad  bool
}

// record reads one record and returns its offset delta.
func (r *reader) record(v View, to *Record) int64 {
	body := reader{rest: r.take(r.varint())}
	body.take(1) // attributes
	to.Timestamp = v.BaseTimestamp() + body.varint()
	if v.TimestampType() == LogAppendTime {
		to.Timestamp = v.MaxTimestamp()
	}
	delta := body.varint()
	to.Offset = v.BaseOffset() + delta
	to.Key = body.nullable()
	to.Value = body.nullable()
	// Every header has at least two bytes, so a count that lies cannot make a large allocation.
	count := body.varint()
	if count < 0 || count > int64(len(body.rest))/2 {
		body.bad = true
	}
	if !body.bad && count > 0 {
		to.Headers = make([]Header, count)
	}
	for i := range to.Headers {
		to.Headers[i].Key = string(body.take(body.varint()))
		to.Headers[i].Value = body.nullable()
	}
	r.bad = r.bad || body.bad || len(body.rest) > 0
	return delta
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) take(n int64) []byte {
	if r.bad || n < 0 || n > int64(len(r.rest)) || n > math.MaxInt32 {
		r.bad = true
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

// nullable reads a length and as many bytes; length -1 is nil.
func (r *reader) nullable() []byte {
	n := r.varint()
	if n == -1 {
		return nil
	}
	return r.take(n)
}
