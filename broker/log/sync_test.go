package log

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/real"
)

func TestSyncProtocol(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	if l.Dirty() || l.SyncedOffset() != 0 {
		t.Fatal("a new log is dirty")
	}
	fill(t, l, 2)
	if !l.Dirty() || l.SyncedOffset() != 0 {
		t.Fatal("an append is not safe before a sync")
	}
	p := l.BeginSync()
	end := p.End
	fill(t, l, 1) // while the sync is under way
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	l.Synced(p.End)
	if l.SyncedOffset() != end || !l.Dirty() {
		t.Fatalf("synced to %d, want %d; dirty %v", l.SyncedOffset(), end, l.Dirty())
	}
	syncLog(t, l)
	if l.SyncedOffset() != l.EndOffset() || l.Dirty() {
		t.Fatal("dirty after a sync of everything")
	}
	fill(t, l, 20)
	if !l.SealedDirty() {
		t.Fatal("a sealed segment is not safe before a sync")
	}
	syncLog(t, l)
	if l.SealedDirty() || l.Dirty() {
		t.Fatal("dirty after a sync of everything")
	}
	for _, s := range l.segments[:len(l.segments)-1] {
		if s.offsets.file != nil || s.times.file != nil {
			t.Fatal("index files of sealed segments stay open")
		}
	}
}

// A roll while a sync is under way: the sync says nothing about the new segment.
func TestRollDuringSync(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	fill(t, l, 2)
	p := l.BeginSync()
	for len(l.segments) == 1 {
		fill(t, l, 1)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	l.Synced(p.End)
	if !l.SealedDirty() {
		t.Fatal("the sync began before the segment was sealed")
	}
	synced := l.SyncedOffset()
	again, _ := mustOpen(t, files.Crash(nil), small)
	if again.EndOffset() < synced {
		t.Fatalf("%d survived, %d were synced", again.EndOffset(), synced)
	}
}

// A roll between the end of a sync and the owner hearing of it: the new file's entry is not forgotten.
func TestRollBeforeSynced(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	var want []batch.View
	roll := func() {
		for n := len(l.segments); len(l.segments) == n; {
			want = append(want, fill(t, l, 1)...)
		}
	}
	roll()
	p := l.BeginSync()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	roll()
	l.Synced(p.End)
	syncLog(t, l)
	after, _ := mustOpen(t, files.Crash(nil), small)
	sameBatches(t, readAll(t, after, 500), want)
}

func TestFailedSync(t *testing.T) {
	for _, part := range []string{".log", "index", recoveryPointFile, dir} {
		files := watch(mem.New())
		l, _ := mustOpen(t, files, small)
		fill(t, l, 20)
		files.before = func(op, name string) error {
			if strings.HasPrefix(op, "sync") && strings.HasSuffix(name, part) {
				return syscall.EIO
			}
			return nil
		}
		p := l.BeginSync()
		if err := p.Run(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", part, err)
		}
		if l.SyncedOffset() != 0 || !l.Dirty() {
			t.Errorf("%s: synced to %d without being told so", part, l.SyncedOffset())
		}
		if err := l.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: close: %v", part, err)
		}
		if _, r := mustOpen(t, killed(files.FS.(*mem.FS)), small); r.Clean {
			t.Errorf("%s: clean after a close that failed", part)
		}
	}
}

// Readers and syncs on other goroutines while the owner appends, over real files.
func TestConcurrentReadersAndSyncs(t *testing.T) {
	files, err := real.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, _ := mustOpen(t, files, Config{SegmentBytes: 60_000, IndexIntervalBytes: 1000})
	var running sync.WaitGroup
	points := make(chan SyncPoint)
	done := make(chan error, 1)
	running.Go(func() {
		for p := range points {
			done <- p.Run()
		}
	})
	var want []batch.View
	syncing := int64(-1)
	for i := range 400 {
		want = append(want, fill(t, l, 3)...)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			l.Synced(syncing)
			syncing = -1
		default:
		}
		if syncing < 0 {
			p := l.BeginSync()
			syncing = p.End
			points <- p
		}
		from := max(0, len(want)-1-i)
		s, err := l.Read(want[from].BaseOffset(), l.EndOffset(), 2000)
		if err != nil {
			t.Fatal(err)
		}
		first := want[from]
		running.Go(func() {
			defer s.Release()
			b, err := s.AppendTo(nil)
			if err != nil || !bytes.HasPrefix(b, first) {
				t.Errorf("read of offset %d: %d bytes, %v", first.BaseOffset(), len(b), err)
			}
		})
	}
	close(points)
	running.Wait()
	sameBatches(t, readAll(t, l, 5000), want)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, r := mustOpen(t, files, Config{SegmentBytes: 60_000, IndexIntervalBytes: 1000})
	if !r.Clean {
		t.Errorf("%+v", r)
	}
	sameBatches(t, readAll(t, l, 5000), want)
	if err := l.Delete(); err != nil {
		t.Fatal(err)
	}
}
