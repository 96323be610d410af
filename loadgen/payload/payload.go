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

// flagBarrier marks the record that ends a partition after everything healed.
const flagBarrier = 1 << 0

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
// enough: with a buffer of that size it allocates nothing. It panics where CheckSize fails, which is
// asked once when a run is configured and not for every record.
func Encode(buf []byte, size int, h Header) []byte {
	if err := CheckSize(size); err != nil {
		panic("payload: " + err.Error())
	}
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	value := buf[:size]
	binary.BigEndian.PutUint32(value, magic)
	value[atVersion] = version
	value[atFlags] = 0
	if h.Barrier {
		value[atFlags] = flagBarrier
	}
	binary.BigEndian.PutUint16(value[atTopic:], h.Topic)
	binary.BigEndian.PutUint32(value[atProducer:], h.Producer)
	binary.BigEndian.PutUint64(value[atRun:], h.Run)
	binary.BigEndian.PutUint64(value[atSequence:], uint64(h.Sequence))
	binary.BigEndian.PutUint64(value[atIntended:], uint64(h.Intended))
	binary.BigEndian.PutUint32(value[atPartition:], uint32(h.Partition))
	fill(value[MinSize:], seed(h))
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
	if value[atVersion] != version || value[atFlags]&^flagBarrier != 0 {
		return Header{}, ErrVersion
	}
	h := Header{
		Run:       binary.BigEndian.Uint64(value[atRun:]),
		Producer:  binary.BigEndian.Uint32(value[atProducer:]),
		Sequence:  int64(binary.BigEndian.Uint64(value[atSequence:])),
		Topic:     binary.BigEndian.Uint16(value[atTopic:]),
		Partition: int32(binary.BigEndian.Uint32(value[atPartition:])),
		Intended:  int64(binary.BigEndian.Uint64(value[atIntended:])),
		Barrier:   value[atFlags]&flagBarrier != 0,
	}
	if !filled(value[MinSize:], seed(h)) {
		return Header{}, ErrFiller
	}
	return h, nil
}

// seed of the filler: every identifying field moves it, the intended time and the flags do not.
func seed(h Header) uint64 {
	s := mix(h.Run)
	s = mix(s ^ uint64(h.Producer)<<32 ^ uint64(uint32(h.Partition)))
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
