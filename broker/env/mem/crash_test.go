package mem_test

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// script is a few calls on an FS, with the errors that must not happen taken out of sight.
type script struct {
	t *testing.T
	*mem.FS
}

func (s script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s script) create(name, content string) env.File {
	s.t.Helper()
	f, err := s.Create(name)
	s.must(err)
	s.write(f, content, 0)
	return f
}

func (s script) write(f env.File, content string, off int64) {
	s.t.Helper()
	_, err := f.WriteAt([]byte(content), off)
	s.must(err)
}

// synced makes a file that survives.
func (s script) synced(name, content string) env.File {
	s.t.Helper()
	f := s.create(name, content)
	s.must(f.Sync())
	s.must(s.SyncDir("."))
	return f
}

// everything and nothing are the two draws whose outcome is known.
func everything() uint64 { return 1 }
func nothing() uint64    { return 0 }

func TestCrashRules(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(s script)
		none map[string]string // what survives when nothing unsynced does; a directory is "/"
		all  map[string]string // what survives when everything does
	}{
		{
			"file created, directory not synced",
			func(s script) { s.create("a", "x") },
			map[string]string{},
			map[string]string{"a": "x"},
		}, {
			"file synced, directory not synced",
			func(s script) { s.must(s.create("a", "x").Sync()) },
			map[string]string{},
			map[string]string{"a": "x"},
		}, {
			"directory synced, file not synced",
			func(s script) { s.create("a", "x"); s.must(s.SyncDir(".")) },
			map[string]string{"a": ""},
			map[string]string{"a": "x"},
		}, {
			"both synced",
			func(s script) { s.synced("a", "x") },
			map[string]string{"a": "x"},
			map[string]string{"a": "x"},
		}, {
			"closed, not synced",
			func(s script) { s.must(s.create("a", "x").Close()) },
			map[string]string{},
			map[string]string{"a": "x"},
		}, {
			"overwritten after the sync",
			func(s script) { s.write(s.synced("a", "old tail"), "new", 0) },
			map[string]string{"a": "old tail"},
			map[string]string{"a": "new tail"},
		}, {
			"appended after the sync",
			func(s script) { s.write(s.synced("a", "old"), " new", 3) },
			map[string]string{"a": "old"},
			map[string]string{"a": "old new"},
		}, {
			"truncated after the sync",
			func(s script) { s.must(s.synced("a", "old tail").Truncate(3)) },
			map[string]string{"a": "old tail"},
			map[string]string{"a": "old"},
		}, {
			"truncated, then longer again",
			func(s script) {
				f := s.synced("a", "old tail")
				s.must(f.Truncate(0))
				s.write(f, "new and longer", 0)
			},
			map[string]string{"a": "old tail"},
			map[string]string{"a": "new and longer"},
		}, {
			"truncated and synced",
			func(s script) {
				f := s.synced("a", strings.Repeat("x", 10_000))
				s.must(f.Truncate(3))
				s.must(f.Sync())
				s.must(f.Truncate(9000))
			},
			map[string]string{"a": "xxx"},
			map[string]string{"a": "xxx" + strings.Repeat("\x00", 8997)},
		}, {
			"renamed, directory not synced",
			func(s script) { s.synced("a", "x"); s.must(s.Rename("a", "b")) },
			map[string]string{"a": "x"},
			map[string]string{"b": "x"},
		}, {
			"renamed over another, directory not synced",
			func(s script) { s.synced("a", "new"); s.synced("b", "old"); s.must(s.Rename("a", "b")) },
			map[string]string{"a": "new", "b": "old"},
			map[string]string{"b": "new"},
		}, {
			"renamed over another and synced, data not synced",
			func(s script) {
				s.synced("b", "old")
				s.create("a", "new")
				s.must(s.Rename("a", "b"))
				s.must(s.SyncDir("."))
			},
			map[string]string{"b": ""},
			map[string]string{"b": "new"},
		}, {
			"removed, directory not synced",
			func(s script) { s.synced("a", "x"); s.must(s.Remove("a")) },
			map[string]string{"a": "x"},
			map[string]string{},
		}, {
			"removed and synced",
			func(s script) { s.synced("a", "x"); s.must(s.Remove("a")); s.must(s.SyncDir(".")) },
			map[string]string{},
			map[string]string{},
		}, {
			"removed and made again, directory not synced",
			func(s script) {
				s.synced("a", "old")
				s.must(s.Remove("a"))
				s.must(s.create("a", "new").Sync())
			},
			map[string]string{"a": "old"},
			map[string]string{"a": "new"},
		}, {
			"directory not synced above",
			func(s script) {
				s.must(s.MkdirAll("d/e"))
				s.must(s.create("d/e/a", "x").Sync())
				s.must(s.SyncDir("d/e"))
				s.must(s.SyncDir("d"))
			},
			map[string]string{},
			map[string]string{"d": "/", "d/e": "/", "d/e/a": "x"},
		}, {
			"directories synced to the root",
			func(s script) {
				s.must(s.MkdirAll("d/e"))
				s.must(s.SyncDir("."))
				s.must(s.SyncDir("d"))
				s.create("d/e/a", "x")
			},
			map[string]string{"d": "/", "d/e": "/"},
			map[string]string{"d": "/", "d/e": "/", "d/e/a": "x"},
		}, {
			"moved to another directory, one of the two synced",
			func(s script) {
				s.must(s.MkdirAll("d"))
				s.synced("a", "x")
				s.must(s.Rename("a", "d/a"))
				s.must(s.create("d/b", "y").Sync())
				s.must(s.SyncDir("d"))
			},
			map[string]string{"d": "/", "d/a": "x", "d/b": "y"},
			map[string]string{"d": "/", "d/a": "x", "d/b": "y"},
		}, {
			"directory renamed, not synced",
			func(s script) {
				s.must(s.MkdirAll("d"))
				s.must(s.create("d/a", "x").Sync())
				s.must(s.SyncDir("d"))
				s.must(s.SyncDir("."))
				s.must(s.Rename("d", "e"))
			},
			map[string]string{"d": "/", "d/a": "x"},
			map[string]string{"e": "/", "e/a": "x"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for draw, want := range map[*func() uint64]map[string]string{
				nil:                 c.none,
				ptr(nothing):        c.none,
				ptr(everything):     c.all,
				ptr(neverTears(11)): nil, // any outcome, but one that a second crash leaves alone
			} {
				s := script{t, mem.New()}
				c.run(s)
				before := tree(t, s.FS)
				if !maps.Equal(before, c.all) {
					t.Fatalf("before the crash: %q, want %q", before, c.all)
				}
				var after *mem.FS
				if draw == nil {
					after = s.Crash(nil)
				} else {
					after = s.Crash(*draw)
				}
				got := tree(t, after)
				if want != nil && !maps.Equal(got, want) {
					t.Errorf("after the crash: %q, want %q", got, want)
				}
				if again := tree(t, after.Crash(nil)); !maps.Equal(again, got) {
					t.Errorf("a second crash changed %q into %q", got, again)
				}
			}
		})
	}
}

func ptr(draw func() uint64) *func() uint64 { return &draw }

// neverTears draws odd numbers and zeros in turn.
func neverTears(seed uint64) func() uint64 {
	return func() uint64 { seed = seed*6364136223846793005 + 1442695040888963407; return seed >> 63 }
}

// tree reads a whole FS: path to content, "/" for a directory.
func tree(t *testing.T, under *mem.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	var walk func(dir, prefix string)
	walk = func(dir, prefix string) {
		names, err := under.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := under.Open(prefix + name)
			if err != nil {
				all[prefix+name] = "/"
				walk(prefix+name, prefix+name+"/")
				continue
			}
			all[prefix+name] = string(content(t, f))
		}
	}
	walk(".", "")
	return all
}

func content(t *testing.T, f env.File) []byte {
	t.Helper()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, size)
	if n, err := f.ReadAt(got, 0); n != len(got) || err != nil && err != io.EOF {
		t.Fatalf("read of %d bytes: %d, %v", size, n, err)
	}
	return got
}

func TestCrashStopsTheOldFS(t *testing.T) {
	s := script{t, mem.New()}
	f := s.synced("a", "x")
	after := s.Crash(nil)
	_, create := s.Create("b")
	_, open := s.Open("a")
	_, list := s.List(".")
	_, read := f.ReadAt(make([]byte, 1), 0)
	_, write := f.WriteAt([]byte("y"), 0)
	_, size := f.Size()
	for call, err := range map[string]error{
		"Create": create, "Open": open, "List": list, "ReadAt": read, "WriteAt": write, "Size": size,
		"Remove": s.Remove("a"), "Rename": s.Rename("a", "b"), "MkdirAll": s.MkdirAll("d"),
		"SyncDir": s.SyncDir("."), "Truncate": f.Truncate(0), "Sync": f.Sync(),
	} {
		if !errors.Is(err, mem.ErrCrashed) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s after the crash: %v, want %v", call, err, mem.ErrCrashed)
		}
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close after the crash: %v", err)
	}
	if s.Crash(everything) != after {
		t.Error("a second Crash returned another FS")
	}
	if got := tree(t, after); !maps.Equal(got, map[string]string{"a": "x"}) {
		t.Errorf("the FS after the crash holds %q", got)
	}
}

// TestCrashWhileWriting cuts the power under running appends: what a returned Sync covered is there.
func TestCrashWhileWriting(t *testing.T) {
	s := script{t, mem.New()}
	f := s.synced("a", "")
	synced := make(chan int64, 1)
	half := make(chan struct{})
	go func() {
		var end int64
		defer func() { synced <- end }()
		for i := 0; ; i++ {
			if i == 100 {
				close(half)
			}
			if _, err := f.WriteAt(slices.Repeat([]byte{byte(i)}, 5000), int64(i)*5000); err != nil {
				return
			}
			if err := f.Sync(); err != nil {
				return
			}
			end = int64(i+1) * 5000
		}
	}()
	<-half
	after := s.Crash(nil)
	end := <-synced
	g, err := after.Open("a")
	s.must(err)
	got := content(t, g)
	if int64(len(got)) < end {
		t.Fatalf("%d bytes after the crash, %d were synced", len(got), end)
	}
	for i, b := range got[:end] {
		if b != byte(i/5000) {
			t.Fatalf("byte %d is %d, want %d", i, b, byte(i/5000))
		}
	}
}
