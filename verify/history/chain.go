package history

import (
	"encoding/binary"
	"math/bits"
)

// ChainBlock is the number of offsets that one chain hash covers: chains start again at offsets
// that are multiples of it. It is the grain at which two readers are compared long after they read.
const ChainBlock = 4096

// Odd constants with as many ones as zeros, taken from the digits of pi: what they are does not matter, that
// they stay does, as recorded chains are compared with them.
const (
	hashA = 0x243f6a8885a308d3
	hashB = 0x13198a2e03707345
	hashC = 0xa4093822299f31d1
	hashD = 0x082efa98ec4e6c89
)

// HashRecord is the 64-bit hash of what a reader saw of one record. It multiplies 16 bytes at a time into 128 bits
// and folds them (as Wang Yi's wyhash does), twice side by side, so that hashing never is what slows a
// reader down; it tells accidents apart, not forgeries.
func HashRecord(key, value []byte) uint64 {
	// The lengths tell "ab"+"c" from "a"+"bc".
	h := uint64(len(key))<<32 ^ uint64(len(value))
	if len(key) > 0 {
		h = hashBytes(h, key)
	}
	return mix(hashBytes(h, value))
}

// hashBytes continues a hash with more bytes.
func hashBytes(h uint64, data []byte) uint64 {
	a, b := h^hashA, h^hashC
	for ; len(data) >= 32; data = data[32:] {
		a = fold(a^binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])^hashB)
		b = fold(b^binary.LittleEndian.Uint64(data[16:]), binary.LittleEndian.Uint64(data[24:])^hashD)
	}
	if len(data) > 0 {
		var last [32]byte // zeros fill it up: the length is part of the hash
		copy(last[:], data)
		a = fold(a^binary.LittleEndian.Uint64(last[:]), binary.LittleEndian.Uint64(last[8:])^hashB)
		b = fold(b^binary.LittleEndian.Uint64(last[16:]), binary.LittleEndian.Uint64(last[24:])^hashD)
	}
	return fold(a^hashC, b^hashA)
}

// fold multiplies two numbers and lays the halves of the product, and both, upon each other: where one of them is
// 0, and so the product, the other is kept.
func fold(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high ^ low ^ x ^ y
}

// mix is a bijection that spreads every input bit over all output bits (the finalizer of
// SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// chain is one reader's chain in one partition.
type chain struct {
	next  int64 // the offset after the last record; what a reader expects next
	value uint64
	whole bool // every record since the block's start was seen
	begun bool
}

// add takes the next record. A step forward over missing offsets keeps the chain whole, because the
// gap is part of what this reader saw, and the offset is hashed too: a reader that saw the record in
// the gap gets another chain. A step back breaks it: what the reader saw is no longer one order.
func (c *chain) add(offset int64, hash uint64) {
	switch {
	case offset%ChainBlock == 0:
		c.value, c.whole = 0, true
	case !c.begun || offset < c.next:
		c.whole = false
	case offset/ChainBlock != (c.next-1)/ChainBlock:
		// The gap reaches over the start of this block: nothing of the block was missed by joining
		// late, so the chain starts here.
		c.value, c.whole = 0, true
	}
	c.begun, c.next = true, offset+1
	if c.whole {
		c.value = link(c.value, offset, hash)
	}
}

// sum is the chain after the last record, 0 if it is not whole.
func (c *chain) sum() uint64 {
	if !c.whole {
		return 0
	}
	return c.value
}

// link extends a chain by one record; it never gives 0, which means "no chain".
func link(value uint64, offset int64, hash uint64) uint64 {
	v := mix(bits.RotateLeft64(value, 7) + uint64(offset)*0x9e3779b97f4a7c15 ^ hash)
	if v == 0 {
		return 1
	}
	return v
}
