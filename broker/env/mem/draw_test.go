package mem_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/env/mem"
)

// draws gives the numbers one by one, then odd ones: all that follows survives.
func draws(numbers ...uint64) func() uint64 {
	return func() uint64 {
		if len(numbers) == 0 {
			return 1
		}
		next := numbers[0]
		numbers = numbers[1:]
		return next
	}
}

func wantTree(t *testing.T, under *mem.FS, want map[string]string) {
	t.Helper()
	if got := tree(t, under); !maps.Equal(got, want) {
		t.Errorf("after the crash: %q, want %q", got, want)
	}
}

func TestCrashLosesTruncationWithWhatCameAfter(t *testing.T) {
	s := script{t, mem.New()}
	old := strings.Repeat("o", 3*4096)
	f := s.synced("a", old)
	s.write(f, "IN", 0) // below the cut: a page of its own
	s.must(f.Truncate(4096))
	s.write(f, strings.Repeat("n", 3*4096), 4096)
	wantTree(t, s.Crash(draws(0)), map[string]string{"a": "IN" + old[2:]})
}

func TestCrashTearsAPage(t *testing.T) {
	s := script{t, mem.New()}
	f := s.synced("a", strings.Repeat("o", 4096))
	s.write(f, strings.Repeat("n", 4096), 0)
	const sectors = 0b1010_0101 // the lowest bit is the first sector
	var want strings.Builder
	for sector := range 8 {
		want.WriteString(strings.Repeat(string("on"[sectors>>sector&1]), 512))
	}
	wantTree(t, s.Crash(draws(6|sectors<<8)), map[string]string{"a": want.String()})
}

func TestCrashCutsGrowthAtAPage(t *testing.T) {
	for number, want := range map[uint64]int{0 << 1: 5000, 1 << 1: 2 * 4096, 2 << 1: 3 * 4096, 3 << 1: 14_000, 4 << 1: 5000, 1: 14_000} {
		s := script{t, mem.New()}
		f := s.synced("a", strings.Repeat("o", 5000))
		s.write(f, strings.Repeat("n", 9000), 5000)
		got := tree(t, s.Crash(draws(number)))["a"]
		if whole := strings.Repeat("o", 5000) + strings.Repeat("n", 9000); got != whole[:want] {
			t.Errorf("draw %d: %d bytes survive, want %d", number, len(got), want)
		}
	}
}

func TestCrashKeepsARemovalOnly(t *testing.T) {
	s := script{t, mem.New()}
	s.synced("a", "x")
	s.must(s.Rename("a", "b"))
	s.must(s.Remove("b"))
	wantTree(t, s.Crash(draws(0, 1)), map[string]string{"a": "x"})
}

func TestCrashKeepsTheLastRenameOnly(t *testing.T) {
	s := script{t, mem.New()}
	s.must(s.MkdirAll("d"))
	s.synced("a", "x")
	s.must(s.Rename("a", "d/b"))
	s.must(s.Rename("d/b", "d/c"))
	wantTree(t, s.Crash(draws(0, 1)), map[string]string{"d": "/", "d/c": "x"})
}
