package linearize

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// state of the log of one window: ranks count the window's offsets from 0.
type state struct {
	end  int32  // rank after the last record
	hash uint64 // chained over the records below
	// agreed is the highest end at which the hash was that of the final scan.
	agreed int32
	start  int32 // log start, as far as leaders told it
}

// kind of a call.
type kind uint8

const (
	appended kind = iota // records were appended
	read                 // records were read
	told                 // a leader told its high watermark and its log start
)

// call is the input of one operation of porcupine; what came out is part of it.
type call struct {
	operation
	parts []part // of appended one
	// atHigh and atStart of told are ranks: no record is told about that the log does not have.
	atHigh, atStart int32
}

// part is consecutive ranks with the hash of their records.
type part struct {
	first, end int32
	hash       uint64
}

// table is what the final scan says of a window's records.
type table struct {
	prefix  []uint64 // hash of the records below each rank
	powers  []uint64
	there   []uint64 // hash of the record at each rank
	offsets []int64  // of each rank
	// oneLeader says that one leader answered all the time: then nothing below a log start that was told can
	// be read. Another leader may learn of the log start later.
	oneLeader bool
}

// chainFactor of the chained hash: odd, so that no record falls out of it.
const chainFactor = 0x9e3779b97f4a7c15

// link adds the hash of n records to a chain.
func (t *table) link(chain, hash uint64, n int32) uint64 { return chain*t.powers[n] + hash }

// slice is the hash of the records first to end-1 as the scan saw them.
func (t *table) slice(first, end int32) uint64 {
	return t.prefix[end] - t.prefix[first]*t.powers[end-first]
}

// step tries one call in a state.
func (t *table) step(s state, c *call) (bool, state) {
	switch c.kind {
	case appended:
		p := c.parts[0]
		if s.end != p.first {
			return false, s
		}
		s.hash, s.end = t.link(s.hash, p.hash, p.end-p.first), p.end
		if s.agreed == p.first && s.hash == t.prefix[s.end] {
			s.agreed = s.end
		}
		return true, s
	case read:
		for _, p := range c.parts {
			if p.end > s.end || p.end > s.agreed || p.hash != t.slice(p.first, p.end) || t.oneLeader && p.first < s.start {
				return false, s
			}
		}
		return true, s
	}
	if c.atHigh > s.end {
		return false, s
	}
	s.start = max(s.start, c.atStart)
	return true, s
}

// model is the log for porcupine; allow is asked before each step, and from its first refusal on nothing is
// legal any more.
func (t *table) model(allow func() bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(s, input, _ any) (bool, any) {
			if !allow() {
				return false, s
			}
			return t.step(s.(state), input.(*call))
		},
		DescribeOperation: func(input, _ any) string { return input.(*call).describe() },
		DescribeState:     func(s any) string { return t.describe(s.(state)) },
	}
}

// describe is a state for people, in offsets.
func (t *table) describe(s state) string {
	text := "the log is empty"
	if s.end > 0 {
		text = fmt.Sprintf("the log ends with offset %d, hash %016x", t.offsets[s.end-1], s.hash)
	}
	if s.end != s.agreed {
		text += ", and is not what the final scan read"
	}
	return text
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// identity is the hash of one record: who wrote it and as which one.
func identity(producer uint32, sequence int64) uint64 {
	return mix(mix(uint64(producer)+1) + uint64(sequence))
}

// hole is the hash of an offset at which the final scan has no record.
const hole = 0xdeadbeefcafef00d
