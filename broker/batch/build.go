package batch

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

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

// Reserve makes room for records of so many bytes at once, where that is known.
func (b *Builder) Reserve(bytes int) { b.records = slices.Grow(b.records, bytes) }

// Add appends a record. Timestamps are in milliseconds since 1970 and need not be in order.
func (b *Builder) Add(key, value []byte, timestamp int64, headers ...Header) {
	if b.count == 0 {
		b.base, b.max = timestamp, timestamp
	}
	b.max = max(b.max, timestamp)
	size := 1 + varintLen(timestamp-b.base) + varintLen(int64(b.count)) + nullableLen(key) + nullableLen(value) + varintLen(int64(len(headers)))
	for _, h := range headers {
		size += varintLen(int64(len(h.Key))) + len(h.Key) + nullableLen(h.Value)
	}
	to := binary.AppendVarint(slices.Grow(b.records, binary.MaxVarintLen64+size), int64(size))
	to = append(to, 0) // attributes: none are defined
	to = binary.AppendVarint(to, timestamp-b.base)
	to = binary.AppendVarint(to, int64(b.count))
	to = appendNullable(to, key)
	to = appendNullable(to, value)
	to = binary.AppendVarint(to, int64(len(headers)))
	for _, h := range headers {
		to = binary.AppendVarint(to, int64(len(h.Key)))
		to = append(to, h.Key...)
		to = appendNullable(to, h.Value)
	}
	b.records = to
	b.count++
}

// varintLen is how many bytes AppendVarint adds.
func varintLen(n int64) int {
	zigzag := uint64(n<<1) ^ uint64(n>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}

// nullableLen is how many bytes appendNullable adds.
func nullableLen(data []byte) int {
	if data == nil {
		return varintLen(-1)
	}
	return varintLen(int64(len(data))) + len(data)
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
