package disk_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/envtest"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/real"
)

// awake is a sleep that takes no time.
func awake(time.Duration) {}

// TestConformance runs the suite over every combination of rules on both kinds of files. The limits are
// out of reach: what the rules refuse is tested by the rules' own tests.
func TestConformance(t *testing.T) {
	below := map[string]func(t *testing.T) env.FS{
		"mem": func(*testing.T) env.FS { return mem.New() },
		"real": func(t *testing.T) env.FS {
			under, err := real.New(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return under
		},
	}
	for kind, open := range below {
		for bits := range 16 {
			var words []string
			for i, word := range []string{"sync-delay=5ms", "lose-unsynced", "space=1GiB", "sync-error=1000000000"} {
				if bits>>i&1 == 1 {
					words = append(words, word)
				}
			}
			text := strings.Join(words, ",")
			t.Run("disk("+kind+"):"+text, func(t *testing.T) {
				t.Parallel()
				rules := parse(t, text)
				envtest.Run(t, func(t *testing.T) env.FS { return disk.New(open(t), rules, awake) })
			})
		}
	}
}

func TestConformanceOfTwo(t *testing.T) {
	rules := parse(t, "lose-unsynced,space=1GiB")
	envtest.Run(t, func(*testing.T) env.FS {
		return disk.New(disk.New(mem.New(), rules, awake), rules, awake)
	})
}

func TestSyncDelay(t *testing.T) {
	var slept []time.Duration
	under := disk.New(mem.New(), parse(t, "sync-delay=5ms,sync-error=3"), func(d time.Duration) { slept = append(slept, d) })
	f := create(t, under, "f")
	must(t, f.Sync())
	must(t, f.Sync())
	must(t, under.SyncDir("."))
	if err := f.Sync(); err == nil {
		t.Error("the third Sync went well")
	}
	if len(slept) != 4 {
		t.Fatalf("4 syncs slept %d times", len(slept))
	}
	for _, d := range slept {
		if d != 5*time.Millisecond {
			t.Errorf("a sync slept %v", d)
		}
	}
}

// TestSyncDelayComesFirst cuts the power in the delay: nothing is promised yet, nothing is there.
func TestSyncDelayComesFirst(t *testing.T) {
	for _, text := range []string{"sync-delay=1s", "sync-delay=1s,lose-unsynced"} {
		memory := mem.New()
		var after *mem.FS
		under := disk.New(memory, parse(t, text), func(time.Duration) { after = memory.Crash(nil) })
		f := create(t, under, "f")
		must(t, memory.SyncDir("."))
		write(t, f, "x", 0)
		if err := f.Sync(); !errors.Is(err, mem.ErrCrashed) {
			t.Errorf("%s: Sync over a cut: %v", text, err)
		}
		if got := contentOf(t, after, "f"); got != "" {
			t.Errorf("%s: %q survives a cut in the delay", text, got)
		}
	}
}

func TestSyncError(t *testing.T) {
	for _, text := range []string{"sync-error=3", "sync-error=3,lose-unsynced"} {
		t.Run(text, func(t *testing.T) {
			memory := mem.New()
			under := disk.New(memory, parse(t, text), awake)
			f, g := create(t, under, "f"), create(t, under, "g")
			write(t, f, "one", 0)
			must(t, f.Sync())
			must(t, g.Sync())
			write(t, f, "two", 3)
			wantEIO := func(f env.File) {
				t.Helper()
				if err := f.Sync(); !errors.Is(err, syscall.EIO) {
					t.Errorf("Sync of the broken file: %v, want EIO", err)
				}
			}
			wantEIO(f) // the third
			wantEIO(f)
			must(t, g.Sync())
			must(t, under.SyncDir("."))
			must(t, f.Close())
			must(t, under.Rename("f", "h"))
			h := open(t, under, "h")
			wantEIO(h)
			wantContent(t, h, "onetwo")
			must(t, memory.SyncDir("."))
			must(t, g.Sync())
			again := create(t, under, "f")
			must(t, again.Sync()) // another file of the old name
			if got := contentOf(t, memory.Crash(nil), "h"); got != "one" {
				t.Errorf("%q survives a cut after the failed Sync, want %q", got, "one")
			}
		})
	}
}

// TestSyncErrorAtOnce syncs many files on many goroutines: one file breaks, no more, whoever is the Nth.
func TestSyncErrorAtOnce(t *testing.T) {
	under := disk.New(mem.New(), parse(t, "sync-error=40"), awake)
	var files []env.File
	var group sync.WaitGroup
	for i := range 8 {
		f := create(t, under, strconv.Itoa(i))
		files = append(files, f)
		group.Go(func() {
			for range 10 {
				if f.Sync() != nil {
					return
				}
			}
		})
	}
	group.Wait()
	var broken int
	for _, f := range files {
		if f.Sync() != nil {
			broken++
		}
	}
	if broken != 1 {
		t.Errorf("%d files are broken, want 1", broken)
	}
}

func parse(t *testing.T, text string) disk.Rules {
	t.Helper()
	rules, err := disk.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, under env.FS, name string) env.File {
	t.Helper()
	f, err := under.Create(name)
	must(t, err)
	return f
}

func open(t *testing.T, under env.FS, name string) env.File {
	t.Helper()
	f, err := under.Open(name)
	must(t, err)
	return f
}

func write(t *testing.T, f env.File, text string, off int64) {
	t.Helper()
	if n, err := f.WriteAt([]byte(text), off); n != len(text) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d): %d, %v", len(text), off, n, err)
	}
}

func content(t *testing.T, f env.File) []byte {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	got := make([]byte, size)
	if n, err := f.ReadAt(got, 0); n != len(got) || err != nil && err != io.EOF {
		t.Fatalf("read of %d bytes: %d, %v", size, n, err)
	}
	return got
}

func wantContent(t *testing.T, f env.File, want string) {
	t.Helper()
	if got := content(t, f); !bytes.Equal(got, []byte(want)) {
		t.Fatalf("file holds %q, want %q", got, want)
	}
}

// contentOf reads a file of an FS by name.
func contentOf(t *testing.T, under env.FS, name string) string {
	t.Helper()
	f := open(t, under, name)
	defer func() { must(t, f.Close()) }()
	return string(content(t, f))
}
