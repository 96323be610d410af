package payload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// MinSize is the smallest value in bytes: a header without filler.
const MinSize = 44

// magic opens every value: "lgpf" in ASCII.
const magic = 0x6c677066

// version of the layout.
const version = 1

// Flags of a value.
const (
	// flagBarrier marks the record that ends a partition after everything healed.
	flagBarrier = 1 << 0
	// flagSource says that the source follows the header, flagKey that the number of the key follows that.
	flagSource = 1 << 1
	flagKey    = 1 << 2

	knownFlags = flagBarrier | flagSource | flagKey
)

// Sizes of what may follow the header.
const (
	// SourceSize in bytes: topic, partition and offset.
	SourceSize = 14
	// KeySize in bytes: the number of the key.
	KeySize = 4
)

// Offsets of the fields.
const (
	atChecksum  = 4
	atVersion   = 8
	atFlags     = 9
	atTopic     = 10
	atProducer  = 12
	atRun       = 16
	atSequence  = 24
	atIntended  = 32
	atPartition = 40
)

// Reasons of Decode: why a value is not what a producer of this package wrote.
var (
	// ErrShort is a value below MinSize.
	ErrShort = errors.New("value is shorter than its header")
	// ErrMagic is a value that some other writer wrote, or one damaged at its start.
	ErrMagic = errors.New("value does not begin with the magic of a load record")
	// ErrVersion is a value of a layout that this package does not know.
	ErrVersion = errors.New("value has an unknown layout version or unknown flags")
	// ErrChecksum is a value whose bytes are not those that were written.
	ErrChecksum = errors.New("value does not match its checksum")
	// ErrFiller is a value whose checksum holds but whose filler does not follow from its header:
	// somebody damaged it and stamped a new checksum.
	ErrFiller = errors.New("filler does not follow from the header")
)

// Header says what a value is.
type Header struct {
	// Run tells the records of one run from those of all others.
	Run uint64
	// Producer is the logical producer; Sequence is dense from 0 in each of its partitions.
	Producer uint32
	Sequence int64
	// Topic is the place of the topic in the run's list, from 0; Partition its partition.
	Topic     uint16
	Partition int32
	// Intended is when the schedule meant the record to be sent: nanoseconds since the run began.
	Intended int64
	// Barrier marks the record that ends a partition after everything healed.
	Barrier bool
	// Source is the record of an input topic that this one was made from, of consume-transform-produce.
	Source Source
	// Key is one more than the number of the record's key; 0 is a record without a key.
	Key uint32
}

// Source is the place of an input record. The zero value is none: a source that exists says so.
type Source struct {
	Exists bool
	// Topic is its place in the run's list, as in a Header.
	Topic     uint16
	Partition int32
	Offset    int64
}

// flags of the value of a header.
func (h Header) flags() (flags byte) {
	if h.Barrier {
		flags |= flagBarrier
	}
	if h.Source.Exists {
		flags |= flagSource
	}
	if h.Key != 0 {
		flags |= flagKey
	}
	return flags
}

// headed is the size in bytes of the header and what follows it, by the flags of a value.
func headed(flags byte) int {
	size := MinSize
	if flags&flagSource != 0 {
		size += SourceSize
	}
	if flags&flagKey != 0 {
		size += KeySize
	}
	return size
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CheckSize reports why no value can have the given size in bytes, or nil.
func CheckSize(size int) error {
	if size < MinSize {
		return fmt.Errorf("record size %d is below the header of %d bytes: ask for at least %d", size, MinSize, MinSize)
	}
	return nil
}

// Encode returns the value of h with the given size in bytes, in the array of buf if that is large
// enough: with a buffer of that size it allocates nothing. It panics where the size is below MinSize and
// what the header's source and key need (SourceSize, KeySize), which is asked once when a run is
// configured and not for every record.
func Encode(buf []byte, size int, h Header) []byte {
	flags := h.flags()
	begin := headed(flags)
	if size < begin {
		panic(fmt.Sprintf("payload: a value of %d bytes has no room for its header of %d", size, begin))
	}
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	value := buf[:size]
	binary.BigEndian.PutUint32(value, magic)
	value[atVersion] = version
	value[atFlags] = flags
	binary.BigEndian.PutUint16(value[atTopic:], h.Topic)
	binary.BigEndian.PutUint32(value[atProducer:], h.Producer)
	binary.BigEndian.PutUint64(value[atRun:], h.Run)
	binary.BigEndian.PutUint64(value[atSequence:], uint64(h.Sequence))
	binary.BigEndian.PutUint64(value[atIntended:], uint64(h.Intended))
	binary.BigEndian.PutUint32(value[atPartition:], uint32(h.Partition))
	rest := value[MinSize:begin]
	if h.Source.Exists {
		binary.BigEndian.PutUint16(rest, h.Source.Topic)
		binary.BigEndian.PutUint32(rest[2:], uint32(h.Source.Partition))
		binary.BigEndian.PutUint64(rest[6:], uint64(h.Source.Offset))
		rest = rest[SourceSize:]
	}
	if h.Key != 0 {
		binary.BigEndian.PutUint32(rest, h.Key-1)
	}
	fill(value[begin:], seed(&h))
	binary.BigEndian.PutUint32(value[atChecksum:], crc32.Checksum(value[atVersion:], castagnoli))
	return value
}

// Decode reads the header of a value and checks every byte of it. The error is one of the Err
// variables of this package; the header is zero with an error.
func Decode(value []byte) (Header, error) {
	if len(value) < MinSize {
		return Header{}, ErrShort
	}
	if binary.BigEndian.Uint32(value) != magic {
		return Header{}, ErrMagic
	}
	if crc32.Checksum(value[atVersion:], castagnoli) != binary.BigEndian.Uint32(value[atChecksum:]) {
		return Header{}, ErrChecksum
	}
	flags := value[atFlags]
	if value[atVersion] != version || flags&^knownFlags != 0 {
		return Header{}, ErrVersion
	}
	begin := headed(flags)
	if len(value) < begin {
		return Header{}, ErrShort
	}
	h := Header{
		Run:       binary.BigEndian.Uint64(value[atRun:]),
		Producer:  binary.BigEndian.Uint32(value[atProducer:]),
		Sequence:  int64(binary.BigEndian.Uint64(value[atSequence:])),
		Topic:     binary.BigEndian.Uint16(value[atTopic:]),
		Partition: int32(binary.BigEndian.Uint32(value[atPartition:])),
		Intended:  int64(binary.BigEndian.Uint64(value[atIntended:])),
		Barrier:   flags&flagBarrier != 0,
	}
	rest := value[MinSize:begin]
	if flags&flagSource != 0 {
		h.Source = Source{
			Exists: true, Topic: binary.BigEndian.Uint16(rest), Partition: int32(binary.BigEndian.Uint32(rest[2:])),
			Offset: int64(binary.BigEndian.Uint64(rest[6:])),
		}
		rest = rest[SourceSize:]
	}
	if flags&flagKey != 0 {
		h.Key = binary.BigEndian.Uint32(rest) + 1
		if h.Key == 0 {
			return Header{}, ErrVersion // the one number that no key has
		}
	}
	if !filled(value[begin:], seed(&h)) {
		return Header{}, ErrFiller
	}
	return h, nil
}

// seed of the filler: every identifying field moves it, source and key among them where they are; the
// intended time and the barrier flag do not.
func seed(h *Header) uint64 {
	s := mix(h.Run)
	s = mix(s ^ uint64(h.Producer)<<32 ^ uint64(uint32(h.Partition)))
	if h.Source.Exists {
		s = mix(s ^ mix(uint64(h.Source.Offset)) + uint64(h.Source.Topic)<<32 + uint64(uint32(h.Source.Partition)))
	}
	if h.Key != 0 {
		s = mix(s ^ uint64(h.Key)<<16)
	}
	return mix(s ^ uint64(h.Sequence) ^ bits.RotateLeft64(uint64(h.Topic), 48))
}

// step is the odd constant nearest to 2^64 divided by the golden ratio: its multiples visit every
// 64-bit state (a Weyl sequence).
const step = 0x9e3779b97f4a7c15

// mix is a bijection of 64 bits in which every input bit moves about half of the output bits
// (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// word is the cheap half of mix: enough to look random to a compressor, at one multiplication.
func word(state uint64) uint64 { return (state ^ state>>32) * 0xbf58476d1ce4e5b9 }

// fill writes the stream of state into out.
func fill(out []byte, state uint64) {
	for len(out) >= 8 {
		state += step
		binary.LittleEndian.PutUint64(out, word(state))
		out = out[8:]
	}
	last := word(state + step)
	for i := range out {
		out[i] = byte(last >> (8 * i))
	}
}

// filled reports whether in is what fill writes.
func filled(in []byte, state uint64) bool {
	for len(in) >= 8 {
		state += step
		if binary.LittleEndian.Uint64(in) != word(state) {
			return false
		}
		in = in[8:]
	}
	last := word(state + step)
	for i, b := range in {
		if b != byte(last>>(8*i)) {
			return false
		}
	}
	return true
}
