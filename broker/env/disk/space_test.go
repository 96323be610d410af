package disk_test

import (
	"errors"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
)

// full runs a test with and without layers: the limit is on what was written, synced or not.
func full(t *testing.T, rules string, test func(t *testing.T, memory *mem.FS, under env.FS)) {
	for _, text := range []string{rules, rules + ",lose-unsynced"} {
		t.Run(text, func(t *testing.T) {
			memory := mem.New()
			test(t, memory, disk.New(memory, parse(t, text), awake))
		})
	}
}

func wantFull(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%s: %v, want ENOSPC", what, err)
	}
}

func TestSpace(t *testing.T) {
	full(t, "space=10", func(t *testing.T, _ *mem.FS, under env.FS) {
		f, g := create(t, under, "f"), create(t, under, "g")
		write(t, f, "123456", 0)
		write(t, g, "1234", 0)
		write(t, f, "abcdef", 0) // no new bytes
		n, err := g.WriteAt([]byte("5"), 4)
		wantFull(t, "a write past the limit", err)
		if n != 0 {
			t.Errorf("%d bytes written past the limit", n)
		}
		must(t, f.Truncate(3))
		n, err = g.WriteAt([]byte("45678"), 3)
		wantFull(t, "a write over the limit", err)
		if n != 4 {
			t.Errorf("%d bytes of a write that 4 of 5 bytes fit in", n)
		}
		wantContent(t, g, "1234567")
		wantFull(t, "Truncate to more", f.Truncate(4))
		wantContent(t, f, "abc")
		must(t, g.Truncate(1))
		_, err = f.WriteAt([]byte("x"), 100)
		wantFull(t, "a write far past the limit", err)
		wantContent(t, f, "abc")
		write(t, f, "x", 8) // a gap is paid for
		_, err = f.WriteAt([]byte("y"), 9)
		wantFull(t, "a write after the gap", err)
		must(t, f.Sync())
		must(t, g.Sync())
	})
}

func TestSpaceComesBack(t *testing.T) {
	full(t, "space=10", func(t *testing.T, _ *mem.FS, under env.FS) {
		f := create(t, under, "f")
		write(t, f, "0123456789", 0)
		g := create(t, under, "g")
		must(t, under.Remove("f"))
		_, err := g.WriteAt([]byte("x"), 0)
		wantFull(t, "a write while a removed file is open", err)
		must(t, f.Close())
		write(t, g, "0123456789", 0)
		must(t, g.Close())

		h := create(t, under, "h")
		must(t, h.Close())
		must(t, under.Rename("h", "g"))
		g = open(t, under, "g")
		write(t, g, "abcdefghij", 0)
		must(t, g.Close())
		must(t, under.MkdirAll("d"))
		must(t, under.Rename("g", "d/g"))
		must(t, under.Rename("d", "e"))
		must(t, under.Remove("e/g"))
		f = create(t, under, "f")
		write(t, f, "0123456789", 0)
		_, err = f.WriteAt([]byte("x"), 10)
		wantFull(t, "a write to the full disk", err)
	})
}

func TestSpaceCountsWhatWasThere(t *testing.T) {
	full(t, "space=10", func(t *testing.T, memory *mem.FS, under env.FS) {
		must(t, memory.MkdirAll("a/b"))
		for _, name := range []string{"x", "a/b/y"} {
			f := create(t, memory, name)
			write(t, f, "12345", 0)
			must(t, f.Close())
		}
		f := create(t, under, "f")
		_, err := f.WriteAt([]byte("1"), 0)
		wantFull(t, "a write to a disk that was full before", err)
		must(t, under.Remove("a/b/y"))
		write(t, f, "12345", 0)
		x := open(t, under, "x")
		must(t, x.Truncate(2))
		write(t, f, "678", 5)
		_, err = x.WriteAt([]byte("3"), 2)
		wantFull(t, "a write to a disk filled up again", err)
	})
}

// TestSpaceOfAFailedWrite: only what was written below takes up space.
func TestSpaceOfAFailedWrite(t *testing.T) {
	below := &cutting{FS: mem.New(), fail: true}
	under := disk.New(below, parse(t, "space=10"), awake)
	f := create(t, under, "f")
	if n, err := f.WriteAt([]byte("12345678"), 0); n != 3 || !errors.Is(err, errBelow) {
		t.Fatalf("WriteAt over a failing one: %d, %v", n, err)
	}
	below.fail = false
	g := create(t, under, "g")
	write(t, g, "1234567", 0)
	_, err := g.WriteAt([]byte("8"), 7)
	wantFull(t, "a write to the full disk", err)
	must(t, g.Truncate(0))
	below.fail = true
	if err := g.Truncate(7); !errors.Is(err, errBelow) {
		t.Fatalf("Truncate over a failing one: %v", err)
	}
	below.fail = false
	write(t, g, "7654321", 0)
	wantContent(t, f, "123")
}

// cutting is an FS whose files can be made to fail after three bytes.
type cutting struct {
	env.FS
	fail bool
}

func (c *cutting) Create(name string) (env.File, error) {
	f, err := c.FS.Create(name)
	return cuttingFile{f, c}, err
}

type cuttingFile struct {
	env.File
	fs *cutting
}

func (f cuttingFile) WriteAt(p []byte, off int64) (int, error) {
	if !f.fs.fail {
		return f.File.WriteAt(p, off)
	}
	n, err := f.File.WriteAt(p[:3], off)
	return n, errors.Join(err, errBelow)
}

func (f cuttingFile) Truncate(size int64) error {
	if f.fs.fail {
		return errBelow
	}
	return f.File.Truncate(size)
}

// TestSpaceAddsUp does random calls and compares the room that is left with the sizes of all files.
func TestSpaceAddsUp(t *testing.T) {
	const limit = 50_000
	full(t, "space=50000", func(t *testing.T, _ *mem.FS, under env.FS) {
		random := rand.New(rand.NewPCG(5, 6))
		must(t, under.MkdirAll("d"))
		spots := []string{"a", "b", "d/a", "d/b"}
		var refused int
		for step := range 2000 {
			name, other := spots[random.IntN(len(spots))], spots[random.IntN(len(spots))]
			f, err := under.Open(name)
			if err != nil {
				f = create(t, under, name)
			}
			switch random.IntN(8) {
			case 0:
				must(t, under.Remove(name))
			case 1:
				must(t, under.Rename(name, other))
			case 2:
				err = f.Truncate(random.Int64N(limit))
			case 3:
				err = f.Sync()
			default:
				_, err = f.WriteAt(make([]byte, random.IntN(9000)), random.Int64N(30_000))
			}
			if errors.Is(err, syscall.ENOSPC) {
				refused++
			}
			must(t, f.Close())
			if step%50 == 0 {
				wantRoom(t, under, limit)
			}
		}
		if refused < 10 {
			t.Errorf("only %d calls of 2000 met the limit", refused)
		}
	})
}

// wantRoom fills the disk to the last byte and empties it again.
func wantRoom(t *testing.T, under env.FS, limit int64) {
	t.Helper()
	used := usedBytes(t, under, ".")
	f := create(t, under, "probe")
	n, err := f.WriteAt([]byte(strings.Repeat("x", int(limit)+1)), 0)
	wantFull(t, "a write of more than the disk", err)
	if int64(n) != limit-used {
		t.Fatalf("room for %d bytes, files take up %d of %d", n, used, limit)
	}
	must(t, f.Close())
	must(t, under.Remove("probe"))
}

func usedBytes(t *testing.T, under env.FS, dir string) (sum int64) {
	t.Helper()
	names, err := under.List(dir)
	must(t, err)
	for _, name := range names {
		f, err := under.Open(path.Join(dir, name))
		if err != nil {
			sum += usedBytes(t, under, path.Join(dir, name))
			continue
		}
		size, err := f.Size()
		must(t, err)
		sum += size
		must(t, f.Close())
	}
	return sum
}
