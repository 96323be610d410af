package pace

import (
	"math"
	"math/bits"
	"time"
)

// Forever is the due time of a record that lies past the end of time (292 years) or of an empty schedule.
const Forever = time.Duration(math.MaxInt64)

// Schedule gives every record its time. For every elapsed e below Forever, Due(e) is the number of
// indices i with At(i) <= e: the two are exact inverses, and both never decrease. A whole schedule
// counts to 2^64-1 and stays there (at a record per nanosecond that takes 584 years).
type Schedule interface {
	// At is when record i is due, counted from the start of the schedule.
	At(i uint64) time.Duration
	// Due is how many records are due when elapsed has passed; none before the start.
	Due(elapsed time.Duration) uint64
}

// Constant is the schedule of evenly spaced records; the first is due at 0.
func Constant(rate Rate) Schedule { return constant(rate) }

type constant Rate

// At is i*Per/Records rounded up: a record is never due before its exact time.
func (c constant) At(i uint64) time.Duration {
	if c.Records == 0 || c.Per <= 0 {
		return Forever
	}
	high, low := bits.Mul64(i, uint64(c.Per))
	low, carry := bits.Add64(low, c.Records-1, 0)
	high += carry
	if high >= c.Records {
		return Forever // the quotient needs more than 64 bits
	}
	quotient, _ := bits.Div64(high, low, c.Records)
	if quotient > uint64(Forever) {
		return Forever
	}
	return time.Duration(quotient)
}

// Due counts i with i*Per <= elapsed*Records, which is At(i) <= elapsed without the rounding.
func (c constant) Due(elapsed time.Duration) uint64 {
	if c.Records == 0 || c.Per <= 0 || elapsed < 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(elapsed), c.Records)
	if high >= uint64(c.Per) {
		return math.MaxUint64
	}
	quotient, _ := bits.Div64(high, low, uint64(c.Per))
	if quotient == math.MaxUint64 {
		return quotient
	}
	return quotient + 1
}

// Share deals the records of whole out to parts in turn, like cards, and returns the hand of the
// given part: its record i is record i*parts+part of whole. The shares of all parts together are
// whole, and no two parts are due at the same moment unless whole says so.
// It panics unless 0 <= part < parts.
func Share(whole Schedule, part, parts int) Schedule {
	if part < 0 || part >= parts {
		panic("pace: Share needs 0 <= part < parts")
	}
	return share{whole: whole, part: uint64(part), parts: uint64(parts)}
}

type share struct {
	whole       Schedule
	part, parts uint64
}

func (s share) At(i uint64) time.Duration {
	high, low := bits.Mul64(i, s.parts)
	index, carry := bits.Add64(low, s.part, 0)
	if high != 0 || carry != 0 {
		return Forever
	}
	return s.whole.At(index)
}

func (s share) Due(elapsed time.Duration) uint64 {
	whole := s.whole.Due(elapsed)
	if whole <= s.part {
		return 0
	}
	return (whole-s.part-1)/s.parts + 1
}
