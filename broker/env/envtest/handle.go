package envtest

import (
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/env"
)

func twoHandles(t *testing.T, under env.FS) {
	f := create(t, under, "f")
	g := open(t, under, "f")
	defer shut(t, g)
	write(t, f, "one two", 0)
	wantBytes(t, g, "one two")
	write(t, g, "ONE", 0)
	wantBytes(t, f, "ONE two")
	must(t, f.Truncate(3))
	wantBytes(t, g, "ONE")
	shut(t, f)
	wantBytes(t, g, "ONE")
	h := open(t, under, "f")
	defer shut(t, h)
	wantBytes(t, h, "ONE")
	must(t, h.Sync())
	wantBytes(t, g, "ONE")
}

func remove(t *testing.T, under env.FS) {
	f := create(t, under, "f")
	defer shut(t, f)
	write(t, f, "old", 0)
	must(t, under.Remove("f"))
	_, err := under.Open("f")
	wantError(t, "Open of a removed file", err, fs.ErrNotExist)
	wantError(t, "Remove of a removed file", under.Remove("f"), fs.ErrNotExist)
	wantBytes(t, f, "old")
	g := create(t, under, "f")
	defer shut(t, g)
	wantBytes(t, g, "")
	write(t, f, "still", 0)
	must(t, f.Sync())
	wantBytes(t, f, "still")
	wantBytes(t, g, "")

	must(t, under.MkdirAll("d/e"))
	if err := under.Remove("d"); err == nil {
		t.Error("Remove of a directory that is not empty went well")
	}
	must(t, under.Remove("d/e"))
	must(t, under.Remove("d"))
	wantList(t, under, ".", "f")
}

func rename(t *testing.T, under env.FS) {
	wantError(t, "Rename of a missing file", under.Rename("a", "b"), fs.ErrNotExist)
	a := create(t, under, "a")
	defer shut(t, a)
	write(t, a, "new", 0)
	b := create(t, under, "b")
	defer shut(t, b)
	write(t, b, "replaced", 0)
	must(t, under.Rename("a", "b"))
	wantList(t, under, ".", "b")
	wantBytes(t, b, "replaced")
	write(t, a, "er", 3)
	c := open(t, under, "b")
	defer shut(t, c)
	wantBytes(t, c, "newer")
	must(t, c.Sync())
	must(t, under.Rename("b", "./b"))
	wantBytes(t, c, "newer")
	wantError(t, "Rename into a missing directory", under.Rename("b", "d/b"), fs.ErrNotExist)
	must(t, under.MkdirAll("d"))
	must(t, under.Rename("b", "d/b"))
	wantList(t, under, ".", "d")
	wantList(t, under, "d", "b")
	shut(t, create(t, under, "f"))
	for _, bad := range [][2]string{{"f", "d"}, {"d", "f"}, {"d", "d/e"}} {
		if err := under.Rename(bad[0], bad[1]); err == nil {
			t.Errorf("Rename(%q, %q) went well", bad[0], bad[1])
		}
	}
}

func renameDirectory(t *testing.T, under env.FS) {
	must(t, under.MkdirAll("orders-0/sub"))
	f := create(t, under, "orders-0/log")
	defer shut(t, f)
	write(t, f, "before", 0)
	deep := create(t, under, "orders-0/sub/log")
	write(t, deep, "deep", 0)
	shut(t, deep)
	must(t, under.MkdirAll("orders-01"))
	neighbour := create(t, under, "orders-01/log")
	write(t, neighbour, "neighbour", 0)
	shut(t, neighbour)
	must(t, under.Rename("orders-0", "orders-0.deleted"))
	wantList(t, under, ".", "orders-0.deleted", "orders-01")
	write(t, f, " and after", 6)
	for name, want := range map[string]string{
		"orders-0.deleted/log":     "before and after",
		"orders-0.deleted/sub/log": "deep",
		"orders-01/log":            "neighbour",
	} {
		g := open(t, under, name)
		wantBytes(t, g, want)
		shut(t, g)
	}
	must(t, under.MkdirAll("orders-0"))
	g := create(t, under, "orders-0/log")
	defer shut(t, g)
	wantBytes(t, g, "")
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

func shut(t *testing.T, f env.File) {
	t.Helper()
	must(t, f.Close())
}

func write(t *testing.T, f env.File, text string, off int64) {
	t.Helper()
	if n, err := f.WriteAt([]byte(text), off); n != len(text) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d): %d, %v", len(text), off, n, err)
	}
}

func wantSize(t *testing.T, f env.File, want int64) {
	t.Helper()
	if size, err := f.Size(); size != want || err != nil {
		t.Fatalf("size %d, %v; want %d", size, err, want)
	}
}

func wantBytes(t *testing.T, f env.File, want string) {
	t.Helper()
	wantSize(t, f, int64(len(want)))
	buf := make([]byte, len(want)+1)
	n, err := f.ReadAt(buf, 0)
	if err != io.EOF || string(buf[:n]) != want {
		t.Fatalf("file holds %q, %v; want %q, EOF", buf[:n], err, want)
	}
}

func wantList(t *testing.T, under env.FS, dir string, want ...string) {
	t.Helper()
	got, err := under.List(dir)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("List(%q): %q, %v; want %q", dir, got, err, want)
	}
}
