package pace

import (
	"math"
	"math/big"
	"testing"
	"testing/quick"
	"time"
)

// exactAt is At by arbitrary precision: the dumb oracle of the clever arithmetic.
func exactAt(r Rate, i uint64) time.Duration {
	n := new(big.Int).SetUint64(i)
	n.Mul(n, big.NewInt(int64(r.Per)))
	records := new(big.Int).SetUint64(r.Records)
	n.Add(n, records).Sub(n, big.NewInt(1)).Div(n, records)
	if !n.IsInt64() {
		return Forever
	}
	return time.Duration(n.Int64())
}

func TestAtIsExact(t *testing.T) {
	check := func(records, i uint64, per int64, shift uint8) bool {
		r := Rate{records>>(shift%64) | 1, time.Duration(per&math.MaxInt64)>>(shift/4%63) | 1}
		index := i >> (shift % 47)
		return Constant(r).At(index) == exactAt(r, index)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}

func TestNoDriftAfterATrillionRecords(t *testing.T) {
	r := Rate{Records: 7, Per: time.Millisecond}
	s := Constant(r)
	const trillion = 1_000_000_000_000
	for i := uint64(trillion); i < trillion+1000; i++ {
		if s.At(i) != exactAt(r, i) {
			t.Fatalf("record %d is due at %v; exactly it is %v", i, s.At(i), exactAt(r, i))
		}
	}
	// 7 trillion records at 7 per millisecond take exactly a trillion milliseconds.
	if got := s.At(7 * trillion); got != trillion*time.Millisecond {
		t.Errorf("record %d is due at %d ns; want %d", uint64(7*trillion), got, trillion*time.Millisecond)
	}
}

// inverse reports whether Due and At agree around the given moment.
func inverse(s Schedule, elapsed time.Duration) bool {
	due := s.Due(elapsed)
	if due > 0 && s.At(due-1) > elapsed {
		return false
	}
	return due == math.MaxUint64 || s.At(due) > elapsed
}

func TestDueInvertsAt(t *testing.T) {
	check := func(records uint64, per, elapsed int64, shift, parts, part uint8) bool {
		r := Rate{records>>(shift%64) | 1, time.Duration(per&math.MaxInt64)>>(shift/4%63) | 1}
		e := time.Duration(elapsed&math.MaxInt64) >> (shift % 61)
		if e == Forever {
			e--
		}
		hands := int(parts%9) + 1
		whole := Constant(r)
		if whole.Due(e) == math.MaxUint64 {
			return whole.At(math.MaxUint64-1) <= e
		}
		return inverse(whole, e) && inverse(Share(whole, int(part)%hands, hands), e)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}

func TestScheduleStartsAtZero(t *testing.T) {
	s := Constant(PerSecond(3))
	for i, want := range []time.Duration{0, 333_333_334, 666_666_667, time.Second} {
		if got := s.At(uint64(i)); got != want {
			t.Errorf("At(%d) = %d; want %d", i, got, want)
		}
	}
	for _, c := range []struct {
		elapsed time.Duration
		want    uint64
	}{{-1, 0}, {0, 1}, {333_333_333, 1}, {333_333_334, 2}, {time.Second, 4}} {
		if got := s.Due(c.elapsed); got != c.want {
			t.Errorf("Due(%d) = %d; want %d", c.elapsed, got, c.want)
		}
	}
}

func TestNoRateHasNoRecords(t *testing.T) {
	s := Constant(Rate{})
	if s.At(0) != Forever || s.Due(Forever) != 0 {
		t.Errorf("the zero rate has a record at %v and %d due", s.At(0), s.Due(Forever))
	}
	if got := Constant(PerSecond(1)).At(math.MaxUint64); got != Forever {
		t.Errorf("a record past the end of time is due at %v", got)
	}
	if got := Share(Constant(PerSecond(1)), 1, 2).At(math.MaxUint64); got != Forever {
		t.Errorf("a share's record past the last index is due at %v", got)
	}
}

func TestSharesAddUpToTheWhole(t *testing.T) {
	check := func(records uint16, millis uint16, parts uint8) bool {
		whole := Constant(Rate{uint64(records) + 1, time.Second})
		hands := int(parts%8) + 1
		elapsed := time.Duration(millis) * time.Millisecond
		var sum uint64
		for part := range hands {
			hand := Share(whole, part, hands)
			sum += hand.Due(elapsed)
			if hand.At(5) != whole.At(uint64(5*hands+part)) {
				return false
			}
		}
		return sum == whole.Due(elapsed)
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

func TestShareRefusesAPartThatIsNotThere(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Share(whole, 2, 2) did not panic")
		}
	}()
	Share(Constant(PerSecond(1)), 2, 2)
}
