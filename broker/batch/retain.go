package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Entry is a record of a stored batch, as far as compaction looks at it. Key is a part of memory that is used again.
type Entry struct {
	Offset, Timestamp int64
	// Key is nil if there is none.
	Key []byte
	// Tombstone is a record without a value.
	Tombstone bool
	// whole is the record as it is stored, rest of it what comes after the timestamp.
	whole, rest []byte
	attributes  byte
	stored      int64
}

// Entries gives the records of a stored batch, compressed or not, until each returns false. Records that do not fit
// their batch are ErrInvalidRecord.
func (c *Codecs) Entries(v View, each func(Entry) bool) error {
	records := []byte(v.records())
	if v.Codec() != Uncompressed {
		var err error
		if records, err = c.Expand(v); err != nil {
			return err
		}
	}
	r, last := reader{rest: records}, int64(-1)
	for i := range v.Count() {
		e, delta := r.entry(v)
		if r.bad || delta <= last || delta > int64(v.LastOffsetDelta()) {
			return fmt.Errorf("%w: record %d of %d cannot be decoded, or its offset does not follow", ErrInvalidRecord, i, v.Count())
		}
		last = delta
		if !each(e) {
			return nil
		}
	}
	if len(r.rest) > 0 {
		return fmt.Errorf("%w: %d bytes after the last of %d records", ErrInvalidRecord, len(r.rest), v.Count())
	}
	return nil
}

// entry takes the next record, and gives its offset delta too.
func (r *reader) entry(v View) (e Entry, delta int64) {
	before := r.rest
	body := reader{rest: r.take(r.varint())}
	if r.bad {
		return e, 0
	}
	e.whole = before[:len(before)-len(r.rest)]
	if attributes := body.take(1); !body.bad {
		e.attributes = attributes[0]
	}
	e.stored = v.BaseTimestamp() + body.varint()
	if e.Timestamp = e.stored; v.TimestampType() == LogAppendTime {
		e.Timestamp = v.MaxTimestamp()
	}
	e.rest = body.rest
	delta = body.varint()
	e.Offset = v.BaseOffset() + delta
	e.Key = body.nullable()
	e.Tombstone = body.varint() == -1
	r.bad = r.bad || body.bad
	return e, delta
}

// NoHorizon leaves a batch without a delete horizon, or with the one that it has.
const NoHorizon = -1

// Retain gives a stored batch with only the records that keep names, which is asked for each: nil if that is none, and
// v itself if nothing changes. What is left has the offsets, sequence numbers and producer that it had, and the codec.
// A horizon that is not NoHorizon is set (KIP-534).
func (c *Codecs) Retain(v View, keep func(Entry) bool, horizon int64) (View, error) {
	var kept []byte
	count, youngest := int32(0), int64(noTimestamp)
	err := c.Entries(v, func(e Entry) bool {
		if !keep(e) {
			return true
		}
		if count == 0 || e.Timestamp > youngest {
			youngest = e.Timestamp
		}
		count++
		if horizon == NoHorizon {
			kept = append(kept, e.whole...)
		} else {
			kept = e.relativeTo(kept, horizon)
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case count == 0:
		return nil, nil
	case count == v.Count() && horizon == NoHorizon:
		return v, nil
	}
	out := make(View, HeaderLen, HeaderLen+len(kept))
	copy(out, v)
	out.put32(atCount, count)
	out.put64(atMaxTimestamp, youngest)
	if horizon != NoHorizon {
		out.put64(atBaseTimestamp, horizon)
		out.put16(atAttributes, out.Attributes()|deleteHorizonBit)
	}
	return c.fill(out, kept)
}

// relativeTo adds the record to others, with its timestamp relative to another base.
func (e *Entry) relativeTo(to []byte, base int64) []byte {
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = e.attributes
	n := 1 + binary.PutVarint(head[1:], e.stored-base)
	to = binary.AppendVarint(to, int64(n+len(e.rest)))
	to = append(to, head[:n]...)
	return append(to, e.rest...)
}

// fill puts records behind a header whose codec says how they are compressed, and makes the header fit them.
func (c *Codecs) fill(out View, records []byte) (View, error) {
	codec := out.Codec()
	if codec == Uncompressed {
		out = append(out, records...)
	} else {
		with, err := c.compressor(level{codec, DefaultLevel})
		if err != nil {
			return nil, err
		}
		compressed, err := with(out, records)
		if err != nil {
			return nil, fmt.Errorf("compress with %s: %w", codec, err)
		}
		out = compressed
	}
	if len(out) > ExpandedMax {
		return nil, errors.Join(ErrTooLarge, fmt.Errorf("%d bytes", len(out)))
	}
	out.put32(atLength, int32(len(out)-framing))
	out.Stamp()
	return out, nil
}
