package log

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// small makes segments of a few batches and an index entry for nearly every batch.
var small = Config{SegmentBytes: 2000, IndexIntervalBytes: 200}

const dir = "orders-0"

// made builds a batch of count records whose value says which one it is.
func made(id int64, sequence int32, count int, timestamp int64, pad int) batch.View {
	var b batch.Builder
	if id >= 0 {
		b.Producer(id, 0, sequence)
	}
	for i := range count {
		value := fmt.Appendf(nil, "producer %d record %d ", id, sequence+int32(i))
		b.Add(nil, append(value, make([]byte, pad)...), timestamp+int64(i))
	}
	return b.Build()
}

func mustOpen(t testing.TB, files env.FS, cfg Config) (*Log, Recovery) {
	t.Helper()
	l, r, err := Open(files, dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

func mustAppend(t testing.TB, l *Log, v batch.View) Appended {
	t.Helper()
	a, err := l.Append(v, 5)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fill appends n batches of one to three records and gives their bytes as they were written.
func fill(t testing.TB, l *Log, n int) []batch.View {
	t.Helper()
	var batches []batch.View
	for i := range n {
		v := made(-1, int32(l.EndOffset()), 1+i%3, 1_000_000+10*l.EndOffset(), 40*(i%5))
		mustAppend(t, l, v)
		batches = append(batches, v)
	}
	return batches
}

func syncLog(t testing.TB, l *Log) {
	t.Helper()
	p := l.BeginSync()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	l.Synced(p.End)
}

// readAll reads the log from start to end as a consumer does.
func readAll(t testing.TB, l *Log, maxBytes int) []batch.View {
	t.Helper()
	var all []batch.View
	for offset := l.StartOffset(); offset < l.EndOffset(); {
		b := readAt(t, l, offset, l.EndOffset(), maxBytes)
		if len(b) == 0 {
			t.Fatalf("nothing at offset %d of %d", offset, l.EndOffset())
		}
		for len(b) > 0 {
			v, rest, err := batch.Next(b)
			if err != nil {
				t.Fatalf("at offset %d: %v", offset, err)
			}
			if v.BaseOffset() != offset {
				t.Fatalf("batch at %d, want %d", v.BaseOffset(), offset)
			}
			if err := v.Validate(); err != nil {
				t.Fatalf("at offset %d: %v", offset, err)
			}
			all, b, offset = append(all, v), rest, v.LastOffset()+1
		}
	}
	return all
}

func readAt(t testing.TB, l *Log, offset, bound int64, maxBytes int) []byte {
	t.Helper()
	s, err := l.Read(offset, bound, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	b, err := s.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sameBatches(t testing.TB, got, want []batch.View) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d batches, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("batch %d differs:\n%x\n%x", i, []byte(got[i]), []byte(want[i]))
		}
	}
}

// contents gives the bytes of every file of the log's directory.
func contents(t testing.TB, files env.FS) map[string]string {
	t.Helper()
	names, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		all[name] = string(content(t, files, name))
	}
	return all
}

func content(t testing.TB, files env.FS, name string) []byte {
	t.Helper()
	f, err := files.Open(dir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if err := readFull(f, b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// restore makes a new directory of files with these contents, all of it durable.
func restore(t testing.TB, all map[string]string) *mem.FS {
	t.Helper()
	files := mem.New()
	if err := files.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, bytes := range all {
		f, err := files.Create(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(bytes), 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.SyncDir(dir), files.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return files
}

// killed is what a process finds that starts after this one was killed: everything it wrote.
func killed(files *mem.FS) *mem.FS { return files.Crash(func() uint64 { return 1 }) }

// watched asks before every operation, and counts them by kind.
type watched struct {
	env.FS
	count map[string]int
	// before may refuse an operation; of a write that it refuses, half is written.
	before func(op, name string) error
}

func watch(files env.FS) *watched {
	return &watched{FS: files, count: map[string]int{}, before: func(string, string) error { return nil }}
}

func (w *watched) ask(op, name string) error {
	w.count[op]++
	return w.before(op, name)
}

func (w *watched) Create(name string) (env.File, error) {
	if err := w.ask("create", name); err != nil {
		return nil, err
	}
	f, err := w.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &watchedFile{f, w, name}, nil
}

func (w *watched) Open(name string) (env.File, error) {
	if err := w.ask("open", name); err != nil {
		return nil, err
	}
	f, err := w.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &watchedFile{f, w, name}, nil
}

func (w *watched) Remove(name string) error {
	if err := w.ask("remove", name); err != nil {
		return err
	}
	return w.FS.Remove(name)
}

func (w *watched) Rename(from, to string) error {
	if err := w.ask("rename", to); err != nil {
		return err
	}
	return w.FS.Rename(from, to)
}

func (w *watched) SyncDir(name string) error {
	if err := w.ask("syncdir", name); err != nil {
		return err
	}
	return w.FS.SyncDir(name)
}

type watchedFile struct {
	env.File
	w    *watched
	name string
}

func (f *watchedFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.w.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, at)
}

func (f *watchedFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.w.ask("write", f.name); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], at)
		return n, err
	}
	return f.File.WriteAt(p, at)
}

func (f *watchedFile) Truncate(size int64) error {
	if err := f.w.ask("truncate", f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *watchedFile) Sync() error {
	if err := f.w.ask("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 99)) }
