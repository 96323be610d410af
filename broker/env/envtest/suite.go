package envtest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/env"
)

// Run runs the whole suite as subtests of t. Each subtest calls open once and gets an empty FS from it.
func Run(t *testing.T, open func(t *testing.T) env.FS) {
	t.Helper()
	for _, one := range []struct {
		name string
		test func(t *testing.T, under env.FS)
	}{
		{"create and open", createAndOpen},
		{"names", names},
		{"directories", directories},
		{"read and write", readAndWrite},
		{"truncate", truncate},
		{"close", closing},
		{"two handles", twoHandles},
		{"remove", remove},
		{"rename", rename},
		{"rename directory", renameDirectory},
		{"bytes like a slice", bytesLikeSlice},
		{"tree like a map", treeLikeMap},
		{"appends, reads and syncs at once", together},
		{"many files at once", manyFiles},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, open(t)) })
	}
}

func createAndOpen(t *testing.T, under env.FS) {
	_, err := under.Open("a")
	wantError(t, "Open of a missing file", err, fs.ErrNotExist)
	f := create(t, under, "a")
	_, err = under.Create("a")
	wantError(t, "Create of an existing file", err, fs.ErrExist)
	_, err = under.Create("no/such/directory")
	wantError(t, "Create in a missing directory", err, fs.ErrNotExist)
	_, err = under.Create("a/b")
	if err == nil {
		t.Error("Create below a file went well")
	}
	wantSize(t, f, 0)
	write(t, f, "hello", 0)
	shut(t, f)
	g := open(t, under, "a")
	defer shut(t, g)
	wantBytes(t, g, "hello")
	if _, err := under.Open("."); err == nil {
		t.Error("Open of a directory went well")
	}
}

func names(t *testing.T, under env.FS) {
	if err := under.Remove("."); err == nil {
		t.Error("Remove of the root went well")
	}
	for _, bad := range []string{"../x", "/x", "a/../../x"} {
		if f, err := under.Create(bad); err == nil {
			shut(t, f)
			t.Errorf("Create(%q) left the root", bad)
		}
		if err := under.MkdirAll(bad); err == nil {
			t.Errorf("MkdirAll(%q) left the root", bad)
		}
		if _, err := under.List(bad); err == nil {
			t.Errorf("List(%q) left the root", bad)
		}
	}
	must(t, under.MkdirAll("d"))
	shut(t, create(t, under, "d//x"))
	shut(t, open(t, under, "./d/x"))
	wantList(t, under, "", "d")
	wantList(t, under, ".", "d")
}

func directories(t *testing.T, under env.FS) {
	must(t, under.MkdirAll("a/b/c"))
	must(t, under.MkdirAll("a/b/c"))
	must(t, under.MkdirAll("a/b"))
	must(t, under.MkdirAll("."))
	for _, name := range []string{"a/z", "a/B", "a/10", "a/9"} {
		shut(t, create(t, under, name))
	}
	wantList(t, under, "a", "10", "9", "B", "b", "z")
	wantList(t, under, "a/b/c")
	_, err := under.List("nowhere")
	wantError(t, "List of a missing directory", err, fs.ErrNotExist)
	if _, err := under.List("a/z"); err == nil {
		t.Error("List of a file went well")
	}
	if err := under.MkdirAll("a/z"); err == nil {
		t.Error("MkdirAll over a file went well")
	}
	if err := under.MkdirAll("a/z/y"); err == nil {
		t.Error("MkdirAll below a file went well")
	}
	must(t, under.SyncDir("."))
	must(t, under.SyncDir("a/b"))
	wantError(t, "SyncDir of a missing directory", under.SyncDir("nowhere"), fs.ErrNotExist)
	if err := under.SyncDir("a/z"); err == nil {
		t.Error("SyncDir of a file went well")
	}
}

func readAndWrite(t *testing.T, under env.FS) {
	f := create(t, under, "f")
	defer shut(t, f)
	write(t, f, "end", 10_000)
	wantSize(t, f, 10_003)
	buf := bytes.Repeat([]byte{0xff}, 10_003)
	if n, err := f.ReadAt(buf, 0); n != len(buf) || err != nil && err != io.EOF {
		t.Fatalf("ReadAt of all bytes: %d, %v", n, err)
	}
	if slices.ContainsFunc(buf[:10_000], func(b byte) bool { return b != 0 }) {
		t.Error("a hole does not read as zeros")
	}
	if n, err := f.ReadAt(buf[:10], 9_998); n != 5 || err != io.EOF || string(buf[2:5]) != "end" {
		t.Errorf("ReadAt over the end: %d, %v, %q", n, err, buf[:5])
	}
	for _, off := range []int64{10_003, 20_000} {
		if n, err := f.ReadAt(buf[:1], off); n != 0 || err != io.EOF {
			t.Errorf("ReadAt(1 byte, %d): %d, %v; want 0, EOF", off, n, err)
		}
	}
	if n, err := f.ReadAt(nil, 3); n != 0 || err != nil {
		t.Errorf("ReadAt of no bytes: %d, %v", n, err)
	}
	if n, err := f.WriteAt(nil, 50_000); n != 0 || err != nil {
		t.Errorf("WriteAt of no bytes: %d, %v", n, err)
	}
	wantSize(t, f, 10_003)
	if _, err := f.ReadAt(buf[:1], -1); err == nil || err == io.EOF {
		t.Errorf("ReadAt before the file: %v", err)
	}
	if _, err := f.WriteAt(buf[:1], -1); err == nil {
		t.Error("WriteAt before the file went well")
	}
	mine := []byte("mine")
	write(t, f, string(mine), 0)
	if _, err := f.WriteAt(mine, 0); err != nil {
		t.Fatal(err)
	}
	copy(mine, "gone")
	if _, err := f.ReadAt(buf[:4], 0); err != nil || string(buf[:4]) != "mine" {
		t.Errorf("the file kept the caller's slice: %q, %v", buf[:4], err)
	}
}

func truncate(t *testing.T, under env.FS) {
	f := create(t, under, "f")
	defer shut(t, f)
	write(t, f, "abcdefgh", 4092)
	must(t, f.Sync())
	must(t, f.Truncate(4094))
	wantSize(t, f, 4094)
	must(t, f.Truncate(4100))
	wantSize(t, f, 4100)
	buf := bytes.Repeat([]byte{0xff}, 8)
	if _, err := f.ReadAt(buf, 4092); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if want := "ab\x00\x00\x00\x00\x00\x00"; string(buf) != want { // zeros are read, not left out
		t.Errorf("after a cut and an extension: %q, want %q", buf, want)
	}
	must(t, f.Sync())
	must(t, f.Truncate(0))
	wantSize(t, f, 0)
	write(t, f, "x", 4096)
	must(t, f.Sync())
	if _, err := f.ReadAt(buf[:1], 4092); err != nil || buf[0] != 0 {
		t.Errorf("bytes of before the cut came back: %q, %v", buf[:1], err)
	}
	if err := f.Truncate(-1); err == nil {
		t.Error("Truncate(-1) went well")
	}
}

func closing(t *testing.T, under env.FS) {
	f := create(t, under, "f")
	write(t, f, "x", 0)
	must(t, f.Sync())
	shut(t, f)
	_, err := f.ReadAt(make([]byte, 1), 0)
	wantError(t, "ReadAt after Close", err, fs.ErrClosed)
	_, err = f.WriteAt([]byte("y"), 0)
	wantError(t, "WriteAt after Close", err, fs.ErrClosed)
	_, err = f.Size()
	if err == nil {
		t.Error("Size after Close went well")
	}
	wantError(t, "Truncate after Close", f.Truncate(0), fs.ErrClosed)
	wantError(t, "Sync after Close", f.Sync(), fs.ErrClosed)
	wantError(t, "Close after Close", f.Close(), fs.ErrClosed)
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
