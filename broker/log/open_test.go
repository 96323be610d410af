package log

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/mem"
)

func name(base int64, suffix string) string { return fmt.Sprintf("%020d%s", base, suffix) }

func TestCleanShutdown(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 40)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files = files.Crash(nil) // a clean log survives even a power cut
	for round := range 3 {
		again, r := mustOpen(t, files, small)
		if !r.Clean || r.Batches != 0 || r.TruncatedBytes != 0 || r.EndOffset != l.EndOffset() || r.Segments != len(l.segments) {
			t.Fatalf("round %d: %+v", round, r)
		}
		if again.Dirty() || again.SyncedOffset() != again.EndOffset() {
			t.Fatal("a log that was closed in order is dirty")
		}
		sameBatches(t, readAll(t, again, 500), want)
		want = append(want, fill(t, again, 3)...)
		sameBatches(t, readAll(t, again, 500), want)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		l = again
	}
}

// The mark of a clean shutdown is good for one Open, and only if it fits the files.
func TestCleanMarkIsNotTrustedTwice(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	fill(t, l, 10)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	mark := contents(t, files)[cleanFile]
	l, _ = mustOpen(t, files, small)
	files = files.Crash(nil)
	if _, r := mustOpen(t, files, small); r.Clean || r.Batches != 10 {
		t.Fatalf("opened twice, closed once: %+v", r)
	}
	_ = l

	for what, spoil := range map[string]func(all map[string]string){
		"cut mark":      func(all map[string]string) { all[cleanFile] = mark[:len(mark)-9] },
		"empty mark":    func(all map[string]string) { all[cleanFile] = "" },
		"flipped mark":  func(all map[string]string) { all[cleanFile] = mark[:8] + "\x01" + mark[9:] },
		"longer log":    func(all map[string]string) { all[name(0, ".log")] += "x" },
		"missing index": func(all map[string]string) { delete(all, name(0, ".index")) },
		"longer index":  func(all map[string]string) { all[name(0, ".timeindex")] += "123456789012" },
		"zeroed index": func(all map[string]string) {
			all[name(0, ".index")] = strings.Repeat("\x00", len(all[name(0, ".index")]))
		},
		"segment extra": func(all map[string]string) { all[name(1<<40, ".log")] = "" },
	} {
		files, cfg := mem.New(), Config{IndexIntervalBytes: 200} // one segment: nothing is sealed
		l, _ := mustOpen(t, files, cfg)
		want := fill(t, l, 10)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		all := contents(t, files)
		spoil(all)
		again, r := mustOpen(t, restore(t, all), cfg)
		if r.Clean {
			t.Errorf("%s: trusted", what)
		}
		sameBatches(t, readAll(t, again, 500), want)
	}
}

// The last batch cut at every byte, or followed by zeros or garbage: it is gone or whole, and the
// log goes on.
func TestTornTail(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{IndexIntervalBytes: 100})
	want := fill(t, l, 6)
	whole := contents(t, files)
	text := whole[name(0, ".log")]
	last := len(want[5])
	check := func(what, log string, kept int) {
		t.Helper()
		all := maps.Clone(whole)
		all[name(0, ".log")] = log
		files := restore(t, all)
		again, r := mustOpen(t, files, small)
		expected := 0
		for _, v := range want[:kept] {
			expected += len(v)
		}
		if r.Clean || r.Batches != kept || r.TruncatedBytes != int64(len(log)-expected) || (r.Reason != "") != (r.TruncatedBytes > 0) {
			t.Fatalf("%s: %+v, want %d batches", what, r, kept)
		}
		sameBatches(t, readAll(t, again, 500), want[:kept])
		more := fill(t, again, 2)
		sameBatches(t, readAll(t, again, 500), append(append([]batch.View{}, want[:kept]...), more...))
		if next, r := mustOpen(t, killed(files), small); r.TruncatedBytes != 0 || next.EndOffset() != again.EndOffset() {
			t.Fatalf("%s: opened a second time: %+v", what, r)
		}
	}
	for cut := 1; cut <= last; cut++ {
		check(fmt.Sprintf("%d bytes cut", cut), text[:len(text)-cut], 5)
	}
	check("zeros", text+strings.Repeat("\x00", 5000), 6)
	check("a short tail of zeros", text+"\x00", 6)
	check("garbage", text+strings.Repeat("garbage ", 100), 6)
	check("stale batch", text+text[:len(want[0])], 6)
	check("flipped bit in the last batch", text[:len(text)-1]+"\xff", 5)
	check("flipped bit in the first", "\x01"+text[1:], 0)
	check("empty file", "", 0)
}

// Indexes are rebuilt whatever is in them, byte for byte as they were.
func TestGarbageIndexes(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 30)
	for _, s := range l.segments {
		if err := s.finish(l.fs); err != nil { // what would be written sooner or later
			t.Fatal(err)
		}
	}
	syncLog(t, l)
	sound := contents(t, files)
	for what, spoil := range map[string]func(string) (string, bool){
		"garbage": func(s string) (string, bool) { return strings.Repeat("nonsense", 50), true },
		"zeros":   func(s string) (string, bool) { return strings.Repeat("\x00", len(s)), true },
		"empty":   func(s string) (string, bool) { return "", true },
		"missing": func(s string) (string, bool) { return "", false },
		"longer":  func(s string) (string, bool) { return s + "tail", true },
	} {
		all := maps.Clone(sound)
		for file, bytes := range sound {
			if strings.HasSuffix(file, "index") {
				if spoilt, there := spoil(bytes); there {
					all[file] = spoilt
				} else {
					delete(all, file)
				}
			}
		}
		files := restore(t, all)
		again, _ := mustOpen(t, files, small)
		sameBatches(t, readAll(t, again, 300), want)
		rebuilt := contents(t, files)
		active := name(again.active().base, timeSuffix)
		delete(rebuilt, active) // its last entry comes when the segment is sealed
		for file, bytes := range rebuilt {
			if bytes != sound[file] {
				t.Errorf("%s: %s is %x, was %x", what, file, bytes, sound[file])
			}
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if _, r := mustOpen(t, files.Crash(nil), small); !r.Clean {
			t.Errorf("%s: the rebuilt indexes were not made durable: %+v", what, r)
		}
	}
}

// Leader epochs without a segment are those of a log that was being deleted.
func TestEpochsOfDeletedLogGo(t *testing.T) {
	files := restore(t, map[string]string{epochsFile: "0\n1\n9 0\n"})
	l, _ := mustOpen(t, files, small)
	if _, there := contents(t, files.Crash(nil))[epochsFile]; there || l.LatestEpoch() != -1 {
		t.Errorf("the new log has epoch %d, its file is there: %v", l.LatestEpoch(), there)
	}
}

// The log's own files go before those of others, which say whose the directory is.
func TestDeleteOrder(t *testing.T) {
	files := watch(restore(t, map[string]string{"a note of others": "mine"}))
	l, _ := mustOpen(t, files, small)
	fill(t, l, 30)
	asked := false
	files.before = func(op, name string) error {
		if op == "remove" && strings.HasSuffix(name, "a note of others") {
			asked = true
			if left := contents(t, files.FS); len(left) != 1 {
				t.Errorf("beside it there still is %v", left)
			}
		}
		return nil
	}
	if err := l.Delete(); err != nil || !asked {
		t.Error(err, asked)
	}
}

func TestLeftoversGo(t *testing.T) {
	all := map[string]string{
		name(0, ".index"): "old", name(77, ".index"): "x", name(77, ".timeindex"): "y", name(5, ".log.cut"): "z",
		"partition.metadata": "mine", "notes.txt": "yours",
	}
	files := restore(t, all)
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 5)
	got := contents(t, files)
	for _, gone := range []string{name(77, ".index"), name(77, ".timeindex"), name(5, ".log.cut")} {
		if _, there := got[gone]; there {
			t.Errorf("%s is still there", gone)
		}
	}
	if got["partition.metadata"] != "mine" || got["notes.txt"] != "yours" {
		t.Error("files of others were touched")
	}
	sameBatches(t, readAll(t, l, 500), want)
}

// sealedLog gives the files of a log with several sealed and synced segments, and its batches.
func sealedLog(t *testing.T) (map[string]string, *Log, []batch.View) {
	t.Helper()
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 40)
	syncLog(t, l)
	if len(l.segments) < 4 || l.SealedDirty() || l.Dirty() {
		t.Fatalf("%d segments, sealed dirty %v", len(l.segments), l.SealedDirty())
	}
	return contents(t, files.Crash(nil)), l, want
}

// Damage below the recovery point is no torn write: Open says where it is, and changes nothing.
func TestSealedDamageIsRefused(t *testing.T) {
	sound, l, _ := sealedLog(t)
	second := l.segments[1]
	file := name(second.base, ".log")
	text := sound[file]
	for what, spoil := range map[string]func(all map[string]string){
		"flipped bit":  func(all map[string]string) { all[file] = text[:len(text)/2] + "\x7f\x7e" + text[len(text)/2+2:] },
		"cut":          func(all map[string]string) { all[file] = text[:len(text)-1] },
		"empty":        func(all map[string]string) { all[file] = "" },
		"cut to batch": func(all map[string]string) { all[file] = text[:batch.View(text).Length()] },
		"zeros after":  func(all map[string]string) { all[file] += "\x00\x00" },
		"missing":      func(all map[string]string) { delete(all, file) },
		"all missing": func(all map[string]string) {
			maps.DeleteFunc(all, func(n, _ string) bool { return strings.HasSuffix(n, ".log") })
		},
		"first missing": func(all map[string]string) { all[name(0, ".log")] = "" },
		"last missing":  func(all map[string]string) { delete(all, name(l.active().base, ".log")) },
	} {
		all := maps.Clone(sound)
		spoil(all)
		files := restore(t, all)
		_, _, err := Open(files, dir, small)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: opened, or %v", what, err)
			continue
		}
		if what == "flipped bit" && (!strings.HasSuffix(corrupt.Segment, file) || corrupt.Offset < second.base || corrupt.Offset >= second.end) {
			t.Errorf("%s: the error names %s, offset %d", what, corrupt.Segment, corrupt.Offset)
		}
		if !strings.Contains(err.Error(), "restore the file") {
			t.Errorf("%s: the error does not say what to do: %v", what, err)
		}
		if after := contents(t, files); !maps.Equal(after, all) {
			t.Errorf("%s: files were changed", what)
		}
	}
}

// A crash can tear a segment that was just sealed, and keep the one after it: nothing of both was
// acknowledged. It is cut, and what comes after it goes.
func TestTornSealedSegmentWithoutSync(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	synced := fill(t, l, 3)
	syncLog(t, l)
	fill(t, l, 20)
	if len(l.segments) < 3 {
		t.Fatal("the test wants two rolls")
	}
	all := contents(t, files)
	first := name(0, ".log")
	all[first] = all[first][:len(all[first])-5]
	again, r := mustOpen(t, restore(t, all), small)
	if r.Segments != 1 || r.TruncatedBytes == 0 || r.Reason == "" {
		t.Fatalf("%+v", r)
	}
	got := readAll(t, again, 500)
	sameBatches(t, got[:len(synced)], synced)
	want := append(got, fill(t, again, 20)...)
	sameBatches(t, readAll(t, again, 500), want)
	syncLog(t, again)
	if again.Dirty() || again.SyncedOffset() != again.EndOffset() {
		t.Fatal("dirty after a sync")
	}
}

// What recovery keeps is on stable storage when Open returns: a process was killed, the next one
// recovers, and the power fails before anything else is synced.
func TestRecoveredIsDurable(t *testing.T) {
	for n := range 30 {
		files := mem.New()
		l, _ := mustOpen(t, files, small)
		want := fill(t, l, n)
		again, _ := mustOpen(t, files, small)
		if again.SyncedOffset() != again.EndOffset() {
			t.Fatalf("synced to %d of %d", again.SyncedOffset(), again.EndOffset())
		}
		after, r := mustOpen(t, files.Crash(nil), small)
		if r.TruncatedBytes != 0 {
			t.Fatalf("%d batches: %+v", n, r)
		}
		sameBatches(t, readAll(t, after, 500), want)
	}
}

// A file that cannot be read says nothing about what is in it: nothing is cut.
func TestReadErrorCutsNothing(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	fill(t, l, 10)
	before := contents(t, files)
	broken := errors.New("input/output error")
	w := watch(files)
	w.before = func(op, file string) error {
		if op == "read" && strings.HasSuffix(file, ".log") {
			return broken
		}
		return nil
	}
	if _, _, err := Open(w, dir, small); !errors.Is(err, broken) {
		t.Fatalf("open: %v", err)
	}
	if !maps.Equal(contents(t, files), before) {
		t.Fatal("files were changed")
	}
}

// The planted bug loses exactly the last whole batch, and only when there is a recovery.
func TestRecoveryDropsTail(t *testing.T) {
	cfg := small
	cfg.Bugs = bug.Set{bug.RecoveryDropsTail: true}
	for n := range 12 {
		files := mem.New()
		l, _ := mustOpen(t, files, cfg)
		want := fill(t, l, n)
		syncLog(t, l)
		l, _ = mustOpen(t, killed(files), cfg)
		sameBatches(t, readAll(t, l, 500), want[:max(n-1, 0)])
		size := int64(0)
		for _, v := range want[:max(n-1, 0)] {
			size += int64(len(v))
		}
		if l.Size() != size {
			t.Fatalf("size %d, want %d", l.Size(), size)
		}
	}
	files := mem.New()
	l, _ := mustOpen(t, files, cfg)
	want := fill(t, l, 5)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, _ = mustOpen(t, files, cfg)
	sameBatches(t, readAll(t, l, 500), want)
}

func TestDelete(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 30)
	other, err := files.Create(dir + "/partition.metadata")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	held, err := l.Read(0, l.EndOffset(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	point := l.BeginSync()
	if err := l.Delete(); err != nil {
		t.Fatal(err)
	}
	if names, err := files.List("."); err != nil || len(names) != 0 {
		t.Fatalf("left: %v, %v", names, err)
	}
	got, err := held.AppendTo(nil)
	held.Release()
	if err != nil || len(got) == 0 || string(got[:len(want[0])]) != string(want[0]) {
		t.Fatalf("a slice from before the deletion gives %d bytes, %v", len(got), err)
	}
	// A node that takes the error of a sync for a disk that fails would stop: see server.Stop.
	if err := point.Run(); err != nil {
		t.Errorf("nothing is left to sync, and a sync says %v", err)
	}
	if names, err := files.List("."); err != nil || len(names) != 0 {
		t.Fatalf("a sync after the deletion made %v, %v", names, err)
	}
}

// Closing a log that is synced already syncs what is left: the marker, its entry, changed indexes.
func TestCloseSyncsWhatIsLeft(t *testing.T) {
	files := watch(mem.New())
	closing := func(l *Log, syncs, dirs int) {
		t.Helper()
		before, beforeDirs := files.count["sync"], files.count["syncdir"]
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got, gotDirs := files.count["sync"]-before, files.count["syncdir"]-beforeDirs; got != syncs || gotDirs != dirs {
			t.Errorf("%d syncs of files and %d of directories, want %d and %d", got, gotDirs, syncs, dirs)
		}
	}
	l, _ := mustOpen(t, files, Config{})
	fill(t, l, 5)
	syncLog(t, l)
	closing(l, 3, 1) // marker and two indexes
	l, _ = mustOpen(t, files, Config{})
	closing(l, 1, 1)
	l, _ = mustOpen(t, files, Config{})
	appendIn(t, l, 6, 1)
	closing(l, 3, 2) // the log and its checkpoint, too; no index has a new entry
	if l, r := mustOpen(t, files.FS.(*mem.FS).Crash(nil), Config{}); !r.Clean || l.LatestEpoch() != 6 {
		t.Errorf("epoch %d, %+v", l.LatestEpoch(), r)
	}
}

// Index entries that were added since a clean start are on stable storage after a clean end.
func TestCloseSyncsNewIndexEntries(t *testing.T) {
	files, cfg := mem.New(), Config{IndexIntervalBytes: 200}
	for round := range 4 {
		l, r := mustOpen(t, files, cfg)
		if round > 0 && !r.Clean {
			t.Fatalf("round %d: %+v", round, r)
		}
		before := l.active().offsets.size()
		fill(t, l, 10)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l.active().offsets.size() == before {
			t.Fatal("no new entry: the test tests nothing")
		}
		files = files.Crash(nil)
	}
}
