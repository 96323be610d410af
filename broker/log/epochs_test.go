package log

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/real"
)

// appendIn appends a batch of count records in a leader epoch.
func appendIn(t testing.TB, l *Log, epoch int32, count int) batch.View {
	t.Helper()
	v := made(-1, int32(l.EndOffset()), count, 1000+l.EndOffset(), 20)
	if _, err := l.Append(v, epoch); err != nil {
		t.Fatal(err)
	}
	return v
}

// epochLog has epoch 0 from offset 0, 3 from 4, 7 from 10, and ends at 12. Epoch 5 began at 10 too, and
// left nothing.
func epochLog(t testing.TB, files *mem.FS) *Log {
	t.Helper()
	l, _ := mustOpen(t, files, small)
	appendIn(t, l, 0, 4)
	appendIn(t, l, 3, 2)
	appendIn(t, l, 3, 4)
	if err := l.BeginEpoch(5); err != nil {
		t.Fatal(err)
	}
	appendIn(t, l, 7, 2)
	return l
}

const epochLogCheckpoint = "0\n3\n0 0\n3 4\n7 10\n"

func TestEndOffsetForEpoch(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	check := func(epoch, found int32, end int64) {
		t.Helper()
		if gotFound, gotEnd := l.EndOffsetForEpoch(epoch); gotFound != found || gotEnd != end {
			t.Errorf("epoch %d ends with epoch %d at %d, want %d at %d", epoch, gotFound, gotEnd, found, end)
		}
	}
	check(0, -1, -1) // an empty log knows nothing
	check(-1, -1, -1)
	if l.LatestEpoch() != -1 || l.EpochForOffset(0) != -1 {
		t.Error("an empty log knows an epoch")
	}

	l = epochLog(t, mem.New())
	for _, c := range []struct {
		epoch, found int32
		end          int64
	}{{-1, -1, -1}, {0, 0, 4}, {1, 0, 4}, {2, 0, 4}, {3, 3, 10}, {4, 3, 10}, {6, 3, 10}, {7, 7, 12}, {8, -1, -1}, {1 << 30, -1, -1}} {
		check(c.epoch, c.found, c.end)
	}
	for offset, want := range map[int64]int32{-1: -1, 0: 0, 3: 0, 4: 3, 9: 3, 10: 7, 11: 7, 12: 7, 13: -1} {
		if got := l.EpochForOffset(offset); got != want {
			t.Errorf("offset %d is of epoch %d, want %d", offset, got, want)
		}
	}
	if l.LatestEpoch() != 7 {
		t.Errorf("latest epoch %d", l.LatestEpoch())
	}

	// A new leader has written nothing yet: the one before it ends at the log's end (KIP-279).
	if err := l.BeginEpoch(9); err != nil {
		t.Fatal(err)
	}
	check(7, 7, 12)
	check(8, 7, 12)
	check(9, 9, 12)
	if got := l.EpochForOffset(12); got != 9 {
		t.Errorf("the next offset is of epoch %d, want 9", got)
	}

	l, _ = mustOpen(t, mem.New(), small)
	appendIn(t, l, 4, 1)
	check(2, 2, 0) // before the first epoch: as Kafka, the asked one and the first one's start
	check(4, 4, 1)
}

// An epoch never falls, and the log is as it was after an attempt.
func TestStaleEpoch(t *testing.T) {
	l := epochLog(t, mem.New())
	for _, epoch := range []int32{-1, 0, 3, 6} {
		if err := l.BeginEpoch(epoch); !errors.Is(err, ErrStaleEpoch) {
			t.Errorf("begin %d: %v", epoch, err)
		}
		if _, err := l.Append(made(-1, 0, 1, 0, 0), epoch); !errors.Is(err, ErrStaleEpoch) {
			t.Errorf("append in %d: %v", epoch, err)
		}
	}
	if l.EndOffset() != 12 || l.LatestEpoch() != 7 {
		t.Errorf("log ends at %d in epoch %d", l.EndOffset(), l.LatestEpoch())
	}
	if err := l.BeginEpoch(7); err != nil {
		t.Errorf("the latest epoch again: %v", err)
	}
}

// The checkpoint is Kafka's text, and is on stable storage with the first sync after the epoch began:
// before that, nothing of it can be acknowledged.
func TestEpochCheckpoint(t *testing.T) {
	files := mem.New()
	l := epochLog(t, files)
	if !l.Dirty() {
		t.Error("a log with a new epoch is not dirty")
	}
	syncLog(t, l)
	if l.Dirty() {
		t.Error("dirty after a sync")
	}
	if got := string(content(t, files.Crash(nil), epochsFile)); got != epochLogCheckpoint {
		t.Errorf("after a power cut the checkpoint is %q, want %q", got, epochLogCheckpoint)
	}
}

// An epoch that begins while a sync is under way waits for the next one.
func TestEpochDuringSync(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{})
	appendIn(t, l, 1, 1)
	p := l.BeginSync()
	appendIn(t, l, 2, 1)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	l.Synced(p.End)
	if !l.Dirty() || l.sync.epochs == nil || !l.sync.entries {
		t.Fatal("the sync began before the epoch")
	}
	syncLog(t, l)
	if got := string(content(t, files.Crash(nil), epochsFile)); got != "0\n2\n1 0\n2 1\n" {
		t.Errorf("the checkpoint is %q", got)
	}
}

// On a disk that keeps unsynced bytes in the process too, what a kill leaves is the old file or the new.
func TestEpochCheckpointOfKilledProcess(t *testing.T) {
	machine, err := real.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, _ := mustOpen(t, ruled(t, machine, "lose-unsynced"), small)
	for epoch := range int32(5) {
		appendIn(t, l, 2*epoch, 3)
		syncLog(t, l)
		want := string(encodeEpochs(l.epochs.starts))
		if got := string(content(t, machine, epochsFile)); got != want {
			t.Fatalf("the checkpoint is %q, want %q", got, want)
		}
		if err := l.BeginEpoch(2*epoch + 1); err != nil { // not synced
			t.Fatal(err)
		}
		l, _ = mustOpen(t, ruled(t, machine, "lose-unsynced"), small)
		if got := string(content(t, machine, epochsFile)); got != want || l.LatestEpoch() != 2*epoch {
			t.Fatalf("recovered to epoch %d, checkpoint %q", l.LatestEpoch(), got)
		}
	}
}

// Whatever has become of the checkpoint, the epochs are those of the batches, and the file is whole again.
func TestSpoiltEpochCheckpoint(t *testing.T) {
	for _, clean := range []bool{true, false} {
		for what, spoil := range map[string]func(all map[string]string){
			"missing":       func(all map[string]string) { delete(all, epochsFile) },
			"empty":         func(all map[string]string) { all[epochsFile] = "" },
			"cut":           func(all map[string]string) { all[epochsFile] = epochLogCheckpoint[:len(epochLogCheckpoint)-2] },
			"another digit": func(all map[string]string) { all[epochsFile] = strings.Replace(epochLogCheckpoint, "3 4", "3 5", 1) },
			"more than log": func(all map[string]string) { all[epochsFile] = "0\n4\n0 0\n3 4\n7 10\n9 900\n" },
			"version":       func(all map[string]string) { all[epochsFile] = "1" + epochLogCheckpoint[1:] },
			"zeros":         func(all map[string]string) { all[epochsFile] = strings.Repeat("\x00", len(epochLogCheckpoint)) },
			"temporary":     func(all map[string]string) { all[epochsTemp] = "0\n" },
		} {
			files := mem.New()
			l := epochLog(t, files)
			if clean {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			all := contents(t, files)
			spoil(all)
			files = restore(t, all)
			again, r := mustOpen(t, files, small)
			if r.Clean != clean || r.TruncatedBytes != 0 || again.Dirty() {
				t.Errorf("%s, clean %v: %+v, dirty %v", what, clean, r, again.Dirty())
			}
			if !slices.Equal(again.epochs.starts, l.epochs.starts) {
				t.Errorf("%s, clean %v: epochs %v", what, clean, again.epochs.starts)
			}
			after := contents(t, files.Crash(nil))
			if _, there := after[epochsTemp]; there || after[epochsFile] != epochLogCheckpoint {
				t.Errorf("%s, clean %v: after it the checkpoint is %q", what, clean, after[epochsFile])
			}
		}
	}
}

func TestParseEpochs(t *testing.T) {
	for _, bad := range []string{
		"", "0", "0\n", "0\n0", "0\n1\n", "0\n1\n0 0", "0\n1\n0 0\n1 1\n", "0\n2\n1 0\n1 5\n", "0\n2\n1 5\n2 5\n", "0\n2\n3 0\n2 5\n",
		"0\n1\n-1 0\n", "0\n1\n1 -1\n", "0\n1\n1 2 3\n", "0\n1\n1\n", "0\n1\nx y\n", "0\n1\n99999999999 0\n", "1\n0\n", "0\n0\n\n",
	} {
		if starts, ok := parseEpochs(bad); ok {
			t.Errorf("%q passes for %v", bad, starts)
		}
	}
	for _, starts := range [][]epochStart{nil, {{0, 0}}, {{1, 5}, {2, 6}, {1<<31 - 1, 1<<63 - 1}}} {
		if got, ok := parseEpochs(string(encodeEpochs(starts))); !ok || !slices.Equal(got, starts) {
			t.Errorf("%v becomes %v, %v", starts, got, ok)
		}
	}
}

// The epoch is not under the checksum. One that falls is damage all the same: cut where a crash can
// have been, refused below the recovery point.
func TestFallenEpochInFile(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{})
	appendIn(t, l, 1, 3)
	first := l.Size()
	appendIn(t, l, 4, 2)
	all := contents(t, files)
	text := []byte(all[name(0, ".log")])
	batch.View(text[first:]).Assign(3, 0)
	all[name(0, ".log")] = string(text)
	again, r := mustOpen(t, restore(t, all), Config{})
	if again.EndOffset() != 3 || !strings.Contains(r.Reason, "leader epoch 0") || !slices.Equal(again.epochs.starts, []epochStart{{1, 0}}) {
		t.Errorf("log ends at %d with epochs %v: %+v", again.EndOffset(), again.epochs.starts, r)
	}

	sound, sealed, _ := sealedLog(t)
	file := name(sealed.segments[1].base, ".log")
	text = []byte(sound[file])
	batch.View(text).Assign(sealed.segments[1].base, 2) // the rest is of epoch 5
	sound[file] = string(text)
	var corrupt *CorruptError
	if _, _, err := Open(restore(t, sound), dir, small); !errors.As(err, &corrupt) || corrupt.Position != 0 {
		t.Errorf("damage in a sealed segment: %v", err)
	}
}

// A cut takes the epochs that begin at or after it, also one that has no record, on disk too.
func TestTruncateEpochs(t *testing.T) {
	for offset, want := range map[int64]string{
		0: "0\n0\n", 4: "0\n1\n0 0\n", 5: "0\n1\n0 0\n", 6: "0\n2\n0 0\n3 4\n", 10: "0\n2\n0 0\n3 4\n", 12: epochLogCheckpoint, 50: epochLogCheckpoint,
	} {
		for _, clean := range []bool{true, false} {
			files := mem.New()
			l := epochLog(t, files)
			if err := l.BeginEpoch(8); err != nil {
				t.Fatal(err)
			}
			if err := l.TruncateTo(offset); err != nil {
				t.Fatal(err)
			}
			if got := string(content(t, files, epochsFile)); got != want || string(encodeEpochs(l.epochs.starts)) != want {
				t.Errorf("cut to %d: the checkpoint is %q, want %q; epochs %v", offset, got, want, l.epochs.starts)
			}
			if clean {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			again, r := mustOpen(t, killed(files), small)
			if r.Clean != clean || !slices.Equal(again.epochs.starts, l.epochs.starts) {
				t.Errorf("cut to %d: opened with %v, closed with %v; %+v", offset, again.epochs.starts, l.epochs.starts, r)
			}
		}
	}
}

// Without room for the checkpoint an append in a new epoch fails, and works when there is room.
func TestEpochCheckpointFails(t *testing.T) {
	for _, op := range []string{"create", "write", "rename"} {
		files := watch(mem.New())
		l, _ := mustOpen(t, files, Config{})
		appendIn(t, l, 1, 2)
		files.before = func(asked, file string) error {
			if asked == op && strings.Contains(file, epochsFile) {
				return syscall.ENOSPC
			}
			return nil
		}
		if _, err := l.Append(made(-1, 0, 1, 0, 0), 2); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: %v", op, err)
		}
		if l.EndOffset() != 2 || l.LatestEpoch() != 1 {
			t.Errorf("%s: log ends at %d in epoch %d", op, l.EndOffset(), l.LatestEpoch())
		}
		appendIn(t, l, 1, 1)
		files.before = func(string, string) error { return nil }
		appendIn(t, l, 2, 1)
		if got := string(content(t, files, epochsFile)); got != "0\n2\n1 0\n2 3\n" {
			t.Errorf("%s: the checkpoint is %q", op, got)
		}
	}
}
