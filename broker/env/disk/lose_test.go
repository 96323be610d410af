package disk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
)

// loser is a disk that loses, and the files below it: what a process finds that starts after a kill.
func loser(t *testing.T) (memory *mem.FS, under env.FS) {
	t.Helper()
	memory = mem.New()
	return memory, disk.New(memory, parse(t, "lose-unsynced"), awake)
}

func wantBelow(t *testing.T, memory *mem.FS, name, want string) {
	t.Helper()
	if got := contentOf(t, memory, name); got != want {
		t.Fatalf("below, %s holds %q, want %q", name, got, want)
	}
}

func TestLoseUnsynced(t *testing.T) {
	memory, under := loser(t)
	f := create(t, under, "f")
	write(t, f, "one", 0)
	wantContent(t, f, "one")
	wantBelow(t, memory, "f", "")
	must(t, f.Sync())
	wantBelow(t, memory, "f", "one")
	write(t, f, "two", 3)
	write(t, f, "O", 0)
	must(t, f.Truncate(5))
	wantContent(t, f, "Onetw")
	wantBelow(t, memory, "f", "one")
	must(t, f.Sync())
	wantBelow(t, memory, "f", "Onetw")
	must(t, f.Truncate(2))
	must(t, f.Truncate(4))
	wantContent(t, f, "On\x00\x00")
	wantBelow(t, memory, "f", "Onetw")
	must(t, f.Sync())
	wantBelow(t, memory, "f", "On\x00\x00")
	must(t, f.Sync())
	wantBelow(t, memory, "f", "On\x00\x00")
}

func TestLoseOutlivesClose(t *testing.T) {
	memory, under := loser(t)
	f := create(t, under, "f")
	write(t, f, "synced", 0)
	must(t, f.Sync())
	write(t, f, " not", 6)
	must(t, f.Close())
	wantBelow(t, memory, "f", "synced")
	g := open(t, under, "f")
	wantContent(t, g, "synced not")
	must(t, g.Close())
	h := open(t, under, "./f")
	must(t, h.Sync())
	must(t, h.Close())
	wantBelow(t, memory, "f", "synced not")
	wantContent(t, open(t, under, "f"), "synced not")
}

func TestLoseFollowsNames(t *testing.T) {
	memory, under := loser(t)
	must(t, under.MkdirAll("d"))
	for _, name := range []string{"a", "b", "d/c"} {
		f := create(t, under, name)
		write(t, f, "old", 0)
		must(t, f.Sync())
		write(t, f, name, 0)
		must(t, f.Close())
	}
	must(t, under.Rename("a", "b"))
	wantBelow(t, memory, "b", "old")
	b := open(t, under, "b")
	wantContent(t, b, "ald")
	must(t, b.Sync())
	wantBelow(t, memory, "b", "ald")

	must(t, under.Rename("d", "e"))
	wantBelow(t, memory, "e/c", "old")
	c := open(t, under, "e/c")
	wantContent(t, c, "d/c")

	write(t, b, "lost", 0)
	must(t, under.Remove("b"))
	wantContent(t, b, "lost")
	again := create(t, under, "b")
	wantContent(t, again, "")
	must(t, b.Sync())
	must(t, again.Sync())
	wantBelow(t, memory, "b", "")
	must(t, under.Remove("e/c"))
	wantContent(t, create(t, under, "e/c"), "")
}

// TestLoseRandom does random calls on a disk that loses: below is always exactly the state of the last
// Sync, and a power cut there, whatever it keeps of unsynced pages, changes nothing about that.
func TestLoseRandom(t *testing.T) {
	const limit = 30_000 // bytes: some eight pages
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 7))
		memory, under := loser(t)
		f := create(t, under, "f")
		must(t, under.SyncDir("."))
		var written, synced []byte
		for step := range 40 {
			switch random.IntN(10) {
			case 0, 1:
				size := random.IntN(limit)
				must(t, f.Truncate(int64(size)))
				written = sized(written, size)
			case 2, 3:
				must(t, f.Sync())
				synced = bytes.Clone(written)
			case 4:
				must(t, f.Close())
				f = open(t, under, "f")
			default:
				off, chunk := random.IntN(limit), bytes.Repeat([]byte{byte(step + 1)}, 1+random.IntN(9000))
				write(t, f, string(chunk), int64(off))
				written = sized(written, max(len(written), off+len(chunk)))
				copy(written[off:], chunk)
			}
			if got := content(t, f); !bytes.Equal(got, written) {
				t.Fatalf("seed %d, step %d: the file holds %s, want %s", seed, step, runs(got), runs(written))
			}
			if got := contentOf(t, memory, "f"); !bytes.Equal([]byte(got), synced) {
				t.Fatalf("seed %d, step %d: below is %s, want %s", seed, step, runs([]byte(got)), runs(synced))
			}
		}
		after := memory.Crash(random.Uint64)
		if got := contentOf(t, after, "f"); !bytes.Equal([]byte(got), synced) {
			t.Fatalf("seed %d: after a cut %s, want %s", seed, runs([]byte(got)), runs(synced))
		}
	}
}

func sized(b []byte, size int) []byte {
	if size <= len(b) {
		return bytes.Clone(b[:size])
	}
	return append(bytes.Clone(b), make([]byte, size-len(b))...)
}

// runs prints bytes as value×count, to be read by people.
func runs(b []byte) string {
	var text strings.Builder
	for len(b) > 0 {
		count := len(b) - len(bytes.TrimLeft(b, string(b[:1])))
		if b[0] >= 0x80 { // TrimLeft takes runes
			count = 1
		}
		fmt.Fprintf(&text, "%d×%d ", b[0], count)
		b = b[count:]
	}
	return text.String()
}
