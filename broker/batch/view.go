package batch

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Places of the header's fields, in bytes from the start of the batch.
const (
	atBaseOffset      = 0
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atBaseTimestamp   = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57
)

const (
	// HeaderLen is the size in bytes of a batch's header, and so of the smallest batch.
	HeaderLen = 61
	// Checked is where the checksum's cover begins; it ends with the batch.
	Checked = atAttributes
	// Magic is the only format served: v2 (KIP-98).
	Magic = 2

	// framing are the bytes that the length field does not count: base offset and itself.
	framing = 12
)

// Bits of the attributes.
const (
	codecBits        = 0x07
	logAppendTimeBit = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

// View is one batch: exactly its bytes, as Next gives them, or only its header, as Peek gives it.
// The accessors need the header and panic on less; Validate, Checksum, Stamp and Records need all.
type View []byte

// BaseOffset is the offset of the first record.
func (v View) BaseOffset() int64 { return v.int64(atBaseOffset) }

// LastOffset is the offset of the last record. Compaction may remove the record, the offset stays.
func (v View) LastOffset() int64 { return v.BaseOffset() + int64(v.LastOffsetDelta()) }

// LastOffsetDelta is LastOffset - BaseOffset.
func (v View) LastOffsetDelta() int32 { return v.int32(atLastOffsetDelta) }

// Length is the size of the whole batch in bytes, header included, by its own account.
func (v View) Length() int64 { return framing + int64(v.int32(atLength)) }

// LeaderEpoch is the epoch of the leader that appended the batch (KIP-101).
func (v View) LeaderEpoch() int32 { return v.int32(atLeaderEpoch) }

// Attributes are codec, timestamp type and flags as they are stored.
func (v View) Attributes() int16 { return v.int16(atAttributes) }

// Codec says how the records are compressed.
func (v View) Codec() Codec { return Codec(v.Attributes() & codecBits) }

// TimestampType says who set the timestamps.
func (v View) TimestampType() TimestampType {
	if v.Attributes()&logAppendTimeBit != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// IsTransactional reports whether the records belong to a transaction (KIP-98).
func (v View) IsTransactional() bool { return v.Attributes()&transactionalBit != 0 }

// IsControl reports whether the batch holds a marker of the broker, not records of a client (KIP-98).
func (v View) IsControl() bool { return v.Attributes()&controlBit != 0 }

// BaseTimestamp is what the records' timestamps are relative to, in milliseconds since 1970.
func (v View) BaseTimestamp() int64 { return v.int64(atBaseTimestamp) }

// MaxTimestamp is the largest timestamp of a record, in milliseconds since 1970; -1 is none. It is
// the producer's claim: the records are not looked at.
func (v View) MaxTimestamp() int64 { return v.int64(atMaxTimestamp) }

// ProducerID is -1 for a producer that is not idempotent.
func (v View) ProducerID() int64 { return v.int64(atProducerID) }

// ProducerEpoch tells two lives of one producer id apart.
func (v View) ProducerEpoch() int16 { return v.int16(atProducerEpoch) }

// BaseSequence is the sequence number of the first record; -1 for none.
func (v View) BaseSequence() int32 { return v.int32(atBaseSequence) }

// LastSequence is the sequence number of the last record; after 2147483647 comes 0. It is -1 when
// the batch has no sequence.
func (v View) LastSequence() int32 {
	base := v.BaseSequence()
	if base < 0 {
		return base
	}
	return int32((int64(base) + int64(v.LastOffsetDelta())) & math.MaxInt32)
}

// Count is the number of records.
func (v View) Count() int32 { return v.int32(atCount) }

// CRC is the stored checksum.
func (v View) CRC() uint32 { return binary.BigEndian.Uint32(v[atCRC:]) }

func (v View) records() []byte       { return v[HeaderLen:] }
func (v View) int16(at int) int16    { return int16(binary.BigEndian.Uint16(v[at:])) }
func (v View) int32(at int) int32    { return int32(binary.BigEndian.Uint32(v[at:])) }
func (v View) int64(at int) int64    { return int64(binary.BigEndian.Uint64(v[at:])) }
func (v View) put64(at int, n int64) { binary.BigEndian.PutUint64(v[at:], uint64(n)) }
func (v View) put32(at int, n int32) { binary.BigEndian.PutUint32(v[at:], uint32(n)) }
func (v View) put16(at int, n int16) { binary.BigEndian.PutUint16(v[at:], uint16(n)) }

// Assign writes what the leader decides, in place. Neither is covered by the checksum.
func (v View) Assign(baseOffset int64, leaderEpoch int32) {
	v.put64(atBaseOffset, baseOffset)
	v.put32(atLeaderEpoch, leaderEpoch)
}

// castagnoli is CRC-32C, which processors compute themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AddChecksum continues a checksum over the next part of a batch, beginning with 0 at Checked: for
// those who do not hold the whole batch in memory.
func AddChecksum(sum uint32, part []byte) uint32 { return crc32.Update(sum, castagnoli, part) }

// Checksum is CRC-32C over what it covers; a sound batch has CRC() == Checksum().
func (v View) Checksum() uint32 { return AddChecksum(0, v[Checked:]) }

// Stamp writes the checksum into its place.
func (v View) Stamp() { v.put32(atCRC, int32(v.Checksum())) }

// Codec is the compression of a batch's records.
type Codec uint8

// Codecs by their numbers in the attributes; Zstd came with KIP-110.
const (
	Uncompressed Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

func (c Codec) String() string {
	names := [...]string{"uncompressed", "gzip", "snappy", "lz4", "zstd"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// ParseCodec reads a name of String's.
func ParseCodec(name string) (Codec, bool) {
	for c := Uncompressed; c <= Zstd; c++ {
		if c.String() == name {
			return c, true
		}
	}
	return Uncompressed, false
}

// TimestampType says who set the timestamps of a batch (KIP-32).
type TimestampType uint8

const (
	// CreateTime is the producer's clock, one timestamp for each record.
	CreateTime TimestampType = iota
	// LogAppendTime is the leader's clock: all records have MaxTimestamp.
	LogAppendTime
)
