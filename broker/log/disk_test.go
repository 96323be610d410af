package log

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/real"
)

// ruled wraps files by rules, with a disk that never waits.
func ruled(t *testing.T, files env.FS, text string) env.FS {
	t.Helper()
	rules, err := disk.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return disk.New(files, rules, func(time.Duration) {})
}

// A process that is killed on a disk that keeps unsynced bytes in the process loses exactly what
// the log did not call synced, whatever it had done: roll, truncate under a reader, restart.
func TestKilledProcessLosesOnlyUnsynced(t *testing.T) {
	machine, err := real.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, _ := mustOpen(t, ruled(t, machine, "lose-unsynced"), small)
	want := fill(t, l, 25)
	for round := range 6 {
		syncLog(t, l)
		fill(t, l, round*5) // lost
		l, _ = mustOpen(t, ruled(t, machine, "lose-unsynced"), small)
		if l.EndOffset() != want[len(want)-1].LastOffset()+1 {
			t.Fatalf("round %d: the log ends at %d, was synced to %d", round, l.EndOffset(), want[len(want)-1].LastOffset()+1)
		}
		sameBatches(t, readAll(t, l, 700), want)
		held, err := l.Read(0, l.EndOffset(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		keep := len(want) - 3*round
		if err := l.TruncateTo(want[keep-1].LastOffset() + 1); err != nil {
			t.Fatal(err)
		}
		held.Release()
		want = append(want[:keep:keep], fill(t, l, 7)...)
		sameBatches(t, readAll(t, l, 700), want)
		if round%2 == 1 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			var r Recovery
			if l, r = mustOpen(t, ruled(t, machine, "lose-unsynced"), small); !r.Clean {
				t.Fatalf("round %d: closed, then %+v", round, r)
			}
		}
	}
}

// A disk with an end: appends fail there, and what was appended before stays.
func TestDiskWithoutSpace(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, ruled(t, files, "space=9000"), small)
	count := 0
	for {
		_, err := l.Append(made(-1, int32(count), 2, 5, 100), 5)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if count++; count > 100 {
			t.Fatal("a disk of 9000 bytes is never full")
		}
	}
	if got := readAll(t, l, 500); len(got) != count || count < 5 {
		t.Fatalf("%d batches, %d were appended", len(got), count)
	}
	syncLog(t, l)
	again, r := mustOpen(t, files.Crash(nil), small)
	if got := readAll(t, again, 500); len(got) != count || r.TruncatedBytes != 0 {
		t.Fatalf("%d batches after a power cut, %d were synced; %+v", len(got), count, r)
	}
}

// The disk says that a sync failed: the owner hears it, and nothing is called synced.
func TestDiskFailsSync(t *testing.T) {
	l, _ := mustOpen(t, ruled(t, mem.New(), "sync-error=1"), small)
	fill(t, l, 2)
	if err := l.BeginSync().Run(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if l.SyncedOffset() != 0 {
		t.Fatalf("synced to %d", l.SyncedOffset())
	}
}

// A cut that cannot be synced says which log it was and where, because it may have come to be or not; after it the
// log refuses everything.
func TestDiskFailsTruncation(t *testing.T) {
	files := disk.New(mem.New(), disk.Rules{}, func(time.Duration) {})
	l, _ := mustOpen(t, files, small)
	fill(t, l, 3)
	if err := files.SetRules(disk.Rules{SyncFails: true}); err != nil {
		t.Fatal(err)
	}
	err := l.TruncateTo(2)
	var cut *TruncateError
	if !errors.As(err, &cut) || cut.Dir != dir || cut.Offset != 2 || !errors.Is(err, syscall.EIO) {
		t.Fatalf("TruncateTo(2) = %v", err)
	}
	if _, err := l.Append(made(-1, 3, 2, 5, 100), 5); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Append after a cut that failed = %v", err)
	}
}
