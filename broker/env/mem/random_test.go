package mem_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// life is a file after random writes, truncations and syncs, with a plain copy of both of its states.
type life struct {
	fs      *mem.FS
	f       env.File
	written []byte
	synced  []byte
	lowest  int // the smallest size since the last sync
}

const limit = 30_000 // bytes: some eight pages

// pattern is what is written: never the zero of a hole, and seldom the same twice at one place.
var pattern = func() []byte {
	all := make([]byte, 20_000)
	for i := range all {
		all[i] = byte(1 + i/50%255)
	}
	return all
}()

func live(t *testing.T, seed uint64) *life {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	s := script{t, mem.New()}
	l := &life{fs: s.FS, f: s.synced("f", "")}
	for range 1 + random.IntN(25) {
		switch random.IntN(8) {
		case 0:
			size := random.IntN(limit)
			s.must(l.f.Truncate(int64(size)))
			l.written = sized(l.written, size)
			l.lowest = min(l.lowest, size)
		case 1, 2:
			s.must(l.f.Sync())
			l.synced = bytes.Clone(l.written)
			l.lowest = len(l.written)
		default:
			off, from := random.IntN(limit), random.IntN(len(pattern)/2)
			chunk := pattern[from : from+1+random.IntN(9000)]
			_, err := l.f.WriteAt(chunk, int64(off))
			s.must(err)
			l.written = sized(l.written, max(len(l.written), off+len(chunk)))
			copy(l.written[off:], chunk)
		}
	}
	return l
}

func sized(b []byte, size int) []byte {
	if size <= len(b) {
		return bytes.Clone(b[:size])
	}
	return append(bytes.Clone(b), make([]byte, size-len(b))...)
}

func (l *life) crash(t *testing.T, draw func() uint64) []byte {
	t.Helper()
	f, err := l.fs.Crash(draw).Open("f")
	if err != nil {
		t.Fatal(err)
	}
	return content(t, f)
}

func TestCrashRandomBytes(t *testing.T) {
	var torn, between, mixed int // reach: outcomes that the seeds must include
	for seed := range uint64(400) {
		l := live(t, seed)
		if got := l.crash(t, nil); !bytes.Equal(got, l.synced) {
			t.Fatalf("seed %d: %d bytes survive without a draw, want the %d synced ones", seed, len(got), len(l.synced))
		}
		l = live(t, seed)
		if got := l.crash(t, everything); !bytes.Equal(got, l.written) {
			t.Fatalf("seed %d: %d bytes survive when all should, want the %d written ones", seed, len(got), len(l.written))
		}
		l = live(t, seed)
		got := l.crash(t, rand.New(rand.NewPCG(seed, 2)).Uint64)
		if again := live(t, seed).crash(t, rand.New(rand.NewPCG(seed, 2)).Uint64); !bytes.Equal(got, again) {
			t.Fatalf("seed %d: equal draws gave two outcomes", seed)
		}
		if len(got) < min(l.lowest, len(l.synced)) || len(got) > max(len(l.synced), len(l.written)) {
			t.Fatalf("seed %d: size %d of %d synced, %d written, %d lowest", seed, len(got), len(l.synced), len(l.written), l.lowest)
		}
		if len(got) != len(l.synced) && len(got) != len(l.written) {
			between++
		}
		l.longer(t, seed, got)
		kinds, tears := l.sectors(t, seed, got)
		torn += tears
		if kinds == 3 {
			mixed++
		}
	}
	if torn == 0 || between == 0 || mixed == 0 {
		t.Errorf("outcomes never seen: torn pages %d, sizes between %d, lost and kept pages in one file %d", torn, between, mixed)
	}
}

// longer makes the file longer after the crash: what was cut off by it must not come back.
func (l *life) longer(t *testing.T, seed uint64, got []byte) {
	t.Helper()
	after := script{t, l.fs.Crash(nil)} // the FS of the crash that was
	f, err := after.Open("f")
	after.must(err)
	after.must(f.Truncate(int64(len(got) + 5000)))
	if !bytes.Equal(content(t, f), sized(got, len(got)+5000)) {
		t.Fatalf("seed %d: bytes past the size of %d came back", seed, len(got))
	}
}

// sectors checks that each sector after a crash is the synced one, the written one or zeros, and that
// sectors on which both states agree are exactly that. It returns which states were seen (1 synced,
// 2 written, 3 both) and the number of pages with sectors of both.
func (l *life) sectors(t *testing.T, seed uint64, got []byte) (kinds, torn int) {
	t.Helper()
	before, after := sized(l.synced, len(got)), sized(l.written, len(got))
	zeros := make([]byte, 512)
	page := 0
	for at := 0; at < len(got); at += 512 {
		if at%4096 == 0 {
			page = 0
		}
		end := min(at+512, len(got))
		sector, old, new := got[at:end], before[at:end], after[at:end]
		switch {
		case bytes.Equal(old, new):
			if !bytes.Equal(sector, old) && l.lowest >= end {
				t.Fatalf("seed %d: synced sector at %d is lost", seed, at)
			}
		case bytes.Equal(sector, new):
			page |= 2
		case bytes.Equal(sector, old):
			page |= 1
		default:
			// A cut inside the sector that survived leaves old bytes, then zeros.
			cut := min(max(l.lowest-at, 0), len(old))
			if !bytes.Equal(sector[:cut], old[:cut]) || !bytes.Equal(sector[cut:], zeros[:len(sector)-cut]) {
				t.Fatalf("seed %d: sector at %d is neither synced, written nor a hole", seed, at)
			}
		}
		kinds |= page
		if page == 3 && (at/512)%8 == 7 {
			torn++
		}
	}
	return kinds, torn
}

// TestCrashRandomTree moves numbered files about: after any crash no file has two names, every name holds
// a whole file, and what was true at the last sync of everything and did not change since is true.
func TestCrashRandomTree(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 3))
		s := script{t, mem.New()}
		s.must(s.MkdirAll("d"))
		s.must(s.MkdirAll("e"))
		s.must(s.SyncDir("."))
		spots := []string{"a", "b", "d/a", "d/b", "e/a"}
		untouched := map[string]string{}
		for step := range 40 {
			name, other := spots[random.IntN(len(spots))], spots[random.IntN(len(spots))]
			switch random.IntN(7) {
			case 0:
				if s.Remove(name) == nil {
					delete(untouched, name)
				}
			case 1, 2:
				if s.Rename(name, other) == nil && name != other {
					delete(untouched, name)
					delete(untouched, other)
				}
			case 3:
				s.must(s.SyncDir([]string{".", "d", "e"}[random.IntN(3)]))
			case 4:
				for _, dir := range []string{".", "d", "e"} {
					s.must(s.SyncDir(dir))
				}
				untouched = tree(t, s.FS)
			default:
				if f, err := s.Create(name); err == nil {
					s.write(f, fmt.Sprint(step), 0)
					s.must(f.Sync())
				}
			}
		}
		before := tree(t, s.FS)
		got := tree(t, s.Crash(rand.New(rand.NewPCG(seed, 4)).Uint64))
		for name, want := range untouched {
			if got[name] != want && before[name] == want {
				t.Fatalf("seed %d: %s was synced and untouched with %q, now %q", seed, name, want, got[name])
			}
		}
		contents := slices.DeleteFunc(slices.Sorted(maps.Values(got)), func(c string) bool { return c == "/" })
		if len(slices.Compact(slices.Clone(contents))) != len(contents) {
			t.Fatalf("seed %d: a file has two names after the crash: %q", seed, got)
		}
		if slices.Contains(contents, "") {
			t.Fatalf("seed %d: a synced file is empty after the crash: %q", seed, got)
		}
	}
}

// BenchmarkAppend appends 1 MiB at a time to a file that grows: the cost does not depend on its size.
func BenchmarkAppend(b *testing.B) {
	under := mem.New()
	f, err := under.Create("f")
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	b.SetBytes(int64(len(chunk)))
	for i := 0; b.Loop(); i++ {
		if i%256 == 0 {
			if err := f.Truncate(0); err != nil { // keeps the benchmark within 256 MiB of memory
				b.Fatal(err)
			}
		}
		if _, err := f.WriteAt(chunk, int64(i%256)<<20); err != nil {
			b.Fatal(err)
		}
	}
}
