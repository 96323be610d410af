package history

import (
	"hash/crc32"
	"math/bits"
)

// ChainBlock is the number of offsets that one chain hash covers: chains start again at offsets
// that are multiples of it. It is the grain at which two readers are compared long after they read.
const ChainBlock = 4096

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// HashRecord is the 64-bit hash of what a reader saw of one record. It is made of two checksums
// that processors compute in hardware (CRC-32C and CRC-32), so that hashing never is what slows a
// reader down; it tells accidents apart, not forgeries.
func HashRecord(key, value []byte) uint64 {
	a := crc32.Update(crc32.Update(0, castagnoli, key), castagnoli, value)
	b := crc32.Update(crc32.Update(0, crc32.IEEETable, key), crc32.IEEETable, value)
	// The length of the key tells "ab"+"c" from "a"+"bc".
	return mix(uint64(a)<<32 | uint64(b) ^ uint64(len(key))*0x9e3779b97f4a7c15)
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
