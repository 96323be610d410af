package torn

import (
	"bytes"
	"testing"
)

// numbers hands out what a test drew, and fails it if more is asked for.
func numbers(t *testing.T, drawn ...uint64) func() uint64 {
	return func() uint64 {
		if len(drawn) == 0 {
			t.Helper()
			t.Fatal("more is drawn than the sizes need")
		}
		n := drawn[0]
		drawn = drawn[1:]
		return n
	}
}

func TestGrown(t *testing.T) {
	for _, c := range []struct {
		from, to int64
		drawn    []uint64
		want     int64
	}{
		{100, 100, nil, 100},
		{100, 50, nil, 100},                       // a cut is not drawn here
		{100, 3 * PageSize, []uint64{1}, 12288},   // kept
		{100, 3 * PageSize, []uint64{0}, 100},     // no boundary was passed
		{100, 3 * PageSize, []uint64{2}, 4096},    // one
		{100, 3 * PageSize, []uint64{4}, 8192},    // two
		{100, 3*PageSize - 1, []uint64{6}, 12287}, // the last one lies past the end
		{4096, 4097, []uint64{2}, 4097},
	} {
		if got := Grown(c.from, c.to, numbers(t, c.drawn...)); got != c.want {
			t.Errorf("from %d to %d, drawn %v: %d, want %d", c.from, c.to, c.drawn, got, c.want)
		}
	}
}

func TestMixed(t *testing.T) {
	before, after := new(Page), new(Page)
	for i := range after {
		before[i], after[i] = 'b', 'a'
	}
	if got := Mixed(before, after, 1); got != after {
		t.Error("an odd number does not keep the new page")
	}
	if got := Mixed(before, after, 2); got != before {
		t.Error("an even number does not keep the old page")
	}
	got := Mixed(before, after, 6|0b10000001<<8)
	for sector := range PageSize / sectorSize {
		want := byte('b')
		if sector == 0 || sector == 7 {
			want = 'a'
		}
		if part := got[sector*sectorSize : (sector+1)*sectorSize]; !bytes.Equal(part, bytes.Repeat([]byte{want}, sectorSize)) {
			t.Errorf("sector %d is %.4q..., want %q", sector, part, want)
		}
	}
	if before[0] != 'b' || after[sectorSize] != 'a' {
		t.Error("a torn page has changed one of the two that it is made of")
	}
}
