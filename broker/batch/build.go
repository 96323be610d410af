package batch

import "encoding/binary"

// Record of a batch.
type Record struct {
	// Offset in the log, Timestamp in milliseconds since 1970.
	Offset, Timestamp int64
	// Key and Value may be nil, which is not the same as empty.
	Key, Value []byte
	Headers    []Header
}

// Header is a name and a value that go with a record (KIP-82).
type Header struct {
	Key   string
	Value []byte
}

// Builder makes one uncompressed batch. Its zero value is an empty batch of a producer that is not
// idempotent.
type Builder struct {
	records  []byte
	count    int32
	base     int64
	max      int64
	named    bool
	id       int64
	epoch    int16
	sequence int32
	open     bool
}

// Producer makes the batch idempotent: sequence is that of its first record.
func (b *Builder) Producer(id int64, epoch int16, sequence int32) {
	b.named, b.id, b.epoch, b.sequence = true, id, epoch, sequence
}

// Transactional makes the batch part of a transaction; it needs a Producer (KIP-98).
func (b *Builder) Transactional() { b.open = true }

// Add appends a record. Timestamps are in milliseconds since 1970 and need not be in order.
func (b *Builder) Add(key, value []byte, timestamp int64, headers ...Header) {
	if b.count == 0 {
		b.base, b.max = timestamp, timestamp
	}
	b.max = max(b.max, timestamp)
	body := []byte{0} // attributes: none are defined
	body = binary.AppendVarint(body, timestamp-b.base)
	body = binary.AppendVarint(body, int64(b.count))
	body = appendNullable(body, key)
	body = appendNullable(body, value)
	body = binary.AppendVarint(body, int64(len(headers)))
	for _, h := range headers {
		body = binary.AppendVarint(body, int64(len(h.Key)))
		body = append(body, h.Key...)
		body = appendNullable(body, h.Value)
	}
	b.records = binary.AppendVarint(b.records, int64(len(body)))
	b.records = append(b.records, body...)
	b.count++
}

func appendNullable(to, data []byte) []byte {
	if data == nil {
		return binary.AppendVarint(to, -1)
	}
	to = binary.AppendVarint(to, int64(len(data)))
	return append(to, data...)
}

// Build gives the batch, with base offset 0 and leader epoch -1 as a client sends it. It is valid if
// there was at least one Add. The builder can go on; what it gave does not change.
func (b *Builder) Build() View {
	v := make(View, HeaderLen, HeaderLen+len(b.records))
	v = append(v, b.records...)
	v.Assign(0, -1)
	v.put32(atLength, int32(len(v)-framing))
	v[atMagic] = Magic
	v.put32(atLastOffsetDelta, b.count-1)
	v.put64(atBaseTimestamp, b.base)
	v.put64(atMaxTimestamp, b.max)
	id, epoch, sequence := int64(-1), int16(-1), int32(-1)
	if b.named {
		id, epoch, sequence = b.id, b.epoch, b.sequence
	}
	v.put64(atProducerID, id)
	v.put16(atProducerEpoch, epoch)
	v.put32(atBaseSequence, sequence)
	v.put32(atCount, b.count)
	if b.open {
		v.put16(atAttributes, transactionalBit)
	}
	v.Stamp()
	return v
}
