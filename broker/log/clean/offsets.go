package clean

import (
	"crypto/sha256"
	"encoding/binary"
)

// digest tells keys apart.
type digest [2]uint64

func digestOf(key []byte) digest {
	sum := sha256.Sum256(key)
	return digest{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}

// slot holds the last offset of a key, plus one: 0 is a free slot.
type slot struct {
	key  digest
	next int64
}

const (
	// slotBytes is what one key takes.
	slotBytes = 24
	// slotsMin are the least that a map has: what is smaller than that is no use.
	slotsMin = 16
)

// Offsets is the last offset of every key in a part of a log, in memory that does not grow: 16 bytes of a hash and 8 of
// the offset for each key, at most nine tenths of it used, as in Apache Kafka.
type Offsets struct {
	slots []slot
	used  int
	// latest is the offset up to which all keys are there, -1 for none.
	latest int64
}

// NewOffsets makes a map for at most so many keys, as far as they fit into so many bytes.
func NewOffsets(keys int64, bytes int64) *Offsets {
	n := max(min(keys+keys/8+1, bytes/slotBytes), slotsMin)
	return &Offsets{slots: make([]slot, n), latest: -1}
}

// Put notes a record. It reports false, and notes nothing, if there is no room for another key.
func (o *Offsets) Put(key []byte, offset int64) bool {
	s := o.find(digestOf(key))
	if s.next == 0 {
		if o.used >= len(o.slots)*9/10 {
			return false
		}
		o.used++
		s.key = digestOf(key)
	}
	s.next = offset + 1
	o.latest = offset
	return true
}

// Seen notes that all records up to an offset have been looked at.
func (o *Offsets) Seen(offset int64) { o.latest = max(o.latest, offset) }

// Latest is the offset up to which the map knows of all records, -1 for none.
func (o *Offsets) Latest() int64 { return o.latest }

// Keys are how many are known.
func (o *Offsets) Keys() int { return o.used }

// Last is the last offset of a key, -1 if it is not there.
func (o *Offsets) Last(key []byte) int64 { return o.find(digestOf(key)).next - 1 }

// find gives the slot of a key, or a free one for it. There is always a free one.
func (o *Offsets) find(key digest) *slot {
	for i := key[0] % uint64(len(o.slots)); ; i = (i + 1) % uint64(len(o.slots)) {
		if s := &o.slots[i]; s.next == 0 || s.key == key {
			return s
		}
	}
}
