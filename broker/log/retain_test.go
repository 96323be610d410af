package log

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// What goes is decided by sizes, timestamps and the high watermark alone.
func TestExpired(t *testing.T) {
	log := []extent{{10, 100, 1000}, {20, 100, 5000}, {30, 100, 2000}, {40, 50, 9000}}
	empty := append(slices.Clone(log[:3]), extent{30, 0, -1})
	for _, c := range []struct {
		name       string
		segments   []extent
		r          Retention
		now, bound int64
		want       int
	}{
		{"nothing is limited", log, KeepAll, 1 << 60, 40, 0},
		{"as large as allowed", log, Retention{-1, 350}, 0, 40, 0},
		{"a segment less would be too small", log, Retention{-1, 251}, 0, 40, 0},
		{"exactly one is too much", log, Retention{-1, 250}, 0, 40, 1},
		{"three are too much", log, Retention{-1, 50}, 0, 40, 3},
		{"no byte is kept", log, Retention{-1, 0}, 0, 40, 4},
		{"no byte is kept, the active segment is empty", empty, Retention{-1, 0}, 0, 30, 3},
		{"not above the high watermark", log, Retention{-1, 50}, 0, 29, 2},
		{"not at all above it", log, Retention{-1, 50}, 0, 9, 0},
		{"not yet old", log, Retention{100, -1}, 1100, 40, 0},
		{"old", log, Retention{100, -1}, 1101, 40, 1},
		{"an old one behind a young one stays", log, Retention{100, -1}, 5100, 40, 1},
		{"all are old, the active one too", log, Retention{100, -1}, 9101, 40, 4},
		{"all are old and committed in part", log, Retention{100, -1}, 9101, 30, 3},
		{"the larger number counts", log, Retention{100, 50}, 1101, 40, 3},
		{"without a timestamp nothing is old", []extent{{10, 100, -1}, {20, 10, -1}}, Retention{0, -1}, 1 << 60, 20, 0},
		{"an empty active segment stays", empty, Retention{0, -1}, 1 << 60, 30, 3},
	} {
		if got, reason := expired(c.segments, c.r, c.now, c.bound); got != c.want || (reason != "") != (c.want > 0) {
			t.Errorf("%s: %d segments go (%q), want %d", c.name, got, reason, c.want)
		}
	}
}

// files lists the directory's segments.
func segmentFiles(t *testing.T, l *Log) (names []string) {
	t.Helper()
	all, err := l.fs.List(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, logSuffix) {
			names = append(names, name)
		}
	}
	return names
}

// The front of the log goes, a reader of it goes on, and what is left is the same after a clean stop and a kill.
func TestRetain(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 60)
	syncLog(t, l)
	reader, err := l.Read(0, l.EndOffset(), 500)
	if err != nil {
		t.Fatal(err)
	}
	keep := l.Size() / 2
	d, err := l.Retain(Retention{-1, keep}, 0, l.EndOffset())
	if err != nil || d.Segments == 0 || d.Start != l.StartOffset() || d.Start != l.segments[0].base || d.From != 0 || d.Reason != ReasonSize {
		t.Fatalf("%+v, %v; the log starts at %d", d, err, l.StartOffset())
	}
	if l.Size() < keep || l.Size()-l.segments[0].size >= keep || d.Bytes+l.Size() != sum(want) {
		t.Fatalf("%d bytes are left, want at least %d, and not so with a segment less", l.Size(), keep)
	}
	if n := len(segmentFiles(t, l)); n != len(l.segments) {
		t.Fatalf("%d segments have files, want %d", n, len(l.segments))
	}
	if b, err := reader.AppendTo(nil); err != nil || len(b) == 0 {
		t.Fatalf("a reader of what went: %d bytes, %v", len(b), err)
	}
	reader.Release()
	if _, err := l.Read(d.Start-1, l.EndOffset(), 100); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Fatalf("read below the start: %v", err)
	}
	left := from(want, d.Start)
	sameBatches(t, readAll(t, l, 1000), left)
	if epoch, end := l.EndOffsetForEpoch(4); epoch != 4 || end != d.Start {
		t.Fatalf("epoch 4 ends at %d of epoch %d; the first one begins at %d now", end, epoch, d.Start)
	}
	files = killed(files)
	again, _ := mustOpen(t, files, small)
	sameBatches(t, readAll(t, again, 1000), left)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	again, r := mustOpen(t, files, small)
	if sameBatches(t, readAll(t, again, 1000), left); !r.Clean || again.StartOffset() != d.Start {
		t.Fatalf("%+v, the log starts at %d, want %d", r, again.StartOffset(), d.Start)
	}
}

func sum(batches []batch.View) (bytes int64) {
	for _, v := range batches {
		bytes += int64(len(v))
	}
	return bytes
}

// from gives the batches with records from an offset on.
func from(batches []batch.View, start int64) []batch.View {
	i := slices.IndexFunc(batches, func(v batch.View) bool { return v.LastOffset() >= start })
	if i < 0 {
		return nil
	}
	return batches[i:]
}

// All is old: the active segment is rolled and goes as well, and the log goes on where it ended. While records are
// not committed they stay.
func TestRetainByTimeTakesTheActiveSegment(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	fill(t, l, 20)
	end, old := l.EndOffset(), int64(1)<<40
	d, err := l.Retain(Retention{1000, -1}, old, end-1)
	if err != nil || l.StartOffset() >= end || l.StartOffset() != l.active().base {
		t.Fatalf("%+v, %v: the log starts at %d", d, err, l.StartOffset())
	}
	if d, err = l.Retain(Retention{1000, -1}, old, end); err != nil || l.StartOffset() != end || l.Size() != 0 || d.Segments != 1 {
		t.Fatalf("%+v, %v: the log starts at %d with %d bytes, it ends at %d", d, err, l.StartOffset(), l.Size(), end)
	}
	if d, err = l.Retain(Retention{1000, -1}, old, end); err != nil || d.Segments != 0 {
		t.Fatalf("an empty log: %+v, %v", d, err)
	}
	syncLog(t, l)
	if a := mustAppend(t, l, made(-1, 0, 1, 5, 0)); a.BaseOffset != end {
		t.Fatalf("the next record has offset %d, want %d", a.BaseOffset, end)
	}
	if l, _ = mustOpen(t, killed(files), small); l.StartOffset() != end || l.EndOffset() != end+1 {
		t.Fatalf("after a kill: %d to %d", l.StartOffset(), l.EndOffset())
	}
}

// DeleteRecords may end within a batch: it is read whole, by whoever begins at the start or after it, and found in
// time only from the start on.
func TestStartWithinABatch(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	var want []batch.View
	for i := range 30 {
		v := made(-1, 0, 4, 1000+int64(i)*10, 50)
		mustAppend(t, l, v)
		want = append(want, v)
	}
	sealed := l.segments[1]
	start := sealed.base + 6 // the second batch of a sealed segment, its third record
	d, err := l.RaiseStart(start)
	if err != nil || d.Start != start || d.Segments != 1 || l.segments[0] != sealed {
		t.Fatalf("%+v, %v", d, err)
	}
	check := func(l *Log) {
		t.Helper()
		if l.StartOffset() != start || l.EpochForOffset(start) != 5 || l.EpochForOffset(start-1) != UndefinedEpoch {
			t.Fatalf("the log starts at %d in epoch %d, want %d in epoch 5", l.StartOffset(), l.EpochForOffset(start), start)
		}
		b := readAt(t, l, start, l.EndOffset(), 1000)
		if v := firstOf(b); v.BaseOffset() != start-2 {
			t.Fatalf("the first batch begins at %d, want %d", v.BaseOffset(), start-2)
		}
		offset, timestamp, ok, err := l.OffsetForTimestamp(0)
		if err != nil || !ok || offset != start || timestamp != want[start/4].BaseTimestamp()+2 {
			t.Fatalf("the first record is at %d with timestamp %d: %v, %v", offset, timestamp, ok, err)
		}
	}
	check(l)
	l, _ = mustOpen(t, killed(files), small)
	check(l)
	if err := l.TruncateTo(start); err != nil || l.StartOffset() != start || l.EndOffset() != start || l.Size() != 0 {
		t.Fatalf("cut at the start: %v, %d to %d, %d bytes", err, l.StartOffset(), l.EndOffset(), l.Size())
	}
	for _, bad := range []int64{l.EndOffset() + 1, 1 << 60} {
		if _, err := l.RaiseStart(bad); !errors.Is(err, ErrOffsetOutOfRange) {
			t.Errorf("start at %d: %v", bad, err)
		}
	}
}

// The largest timestamp is that of a record which is still there.
func TestMaxTimestampAfterTheStartHasRisen(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	for _, timestamp := range []int64{9000, 1000, 3000, 2000} {
		mustAppend(t, l, made(-1, 0, 1, timestamp, 0))
	}
	if _, err := l.RaiseStart(1); err != nil {
		t.Fatal(err)
	}
	if offset, timestamp := l.MaxTimestamp(); offset != 2 || timestamp != 3000 {
		t.Fatalf("offset %d, timestamp %d, want 2 and 3000", offset, timestamp)
	}
	if _, err := l.RaiseStart(4); err != nil {
		t.Fatal(err)
	}
	if offset, timestamp := l.MaxTimestamp(); offset != -1 || timestamp != -1 {
		t.Fatalf("offset %d, timestamp %d, want none", offset, timestamp)
	}
}

// A follower behind its leader's start begins again there; where that start lies within a batch, the batch is
// taken whole.
func TestFollowerStartsWithItsLeader(t *testing.T) {
	leader, _ := mustOpen(t, mem.New(), small)
	for range 30 {
		mustAppend(t, leader, made(-1, 0, 4, 1000, 50))
	}
	start := leader.segments[2].base + 6
	if _, err := leader.RaiseStart(start); err != nil {
		t.Fatal(err)
	}
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	fill(t, l, 15)
	syncLog(t, l)
	if l.EndOffset() >= start || l.sync.point.base == 0 {
		t.Fatalf("the follower has %d records, the leader starts at %d", l.EndOffset(), start)
	}
	if d, err := l.StartAt(start); err != nil || d.Segments < 2 || l.StartOffset() != start || l.EndOffset() != start || l.LatestEpoch() != UndefinedEpoch || l.SyncedOffset() != start {
		t.Fatalf("%v: %d to %d, epoch %d", err, l.StartOffset(), l.EndOffset(), l.LatestEpoch())
	}
	b := readAt(t, leader, start, leader.EndOffset(), 1000)
	if _, err := l.AppendAsFollower(b); err != nil {
		t.Fatal(err)
	}
	if l.StartOffset() != start || l.segments[0].base != start-2 || l.EpochForOffset(start) != 5 {
		t.Fatalf("the log starts at %d, its first segment at %d", l.StartOffset(), l.segments[0].base)
	}
	for l.EndOffset() < leader.EndOffset() {
		if _, err := l.AppendAsFollower(readAt(t, leader, l.EndOffset(), leader.EndOffset(), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	sameBatches(t, allFrom(t, l), allFrom(t, leader))
	l, _ = mustOpen(t, killed(files), small)
	if sameBatches(t, allFrom(t, l), allFrom(t, leader)); l.StartOffset() != start {
		t.Fatalf("after a kill the log starts at %d, want %d", l.StartOffset(), start)
	}
}

// allFrom reads everything from the start on, which may lie within a batch.
func allFrom(t testing.TB, l *Log) (all []batch.View) {
	t.Helper()
	for offset := l.StartOffset(); offset < l.EndOffset(); {
		b := readAt(t, l, offset, l.EndOffset(), 1000)
		for len(b) > 0 {
			v := firstOf(b)
			all, offset, b = append(all, slices.Clone(v)), v.LastOffset()+1, b[len(v):]
		}
	}
	return all
}

// On a full disk nothing can be written: retention makes room all the same, and the start is not behind after the
// power goes.
func TestRetainOnAFullDisk(t *testing.T) {
	disk := mem.New()
	files := watch(disk)
	l, _ := mustOpen(t, files, small)
	fill(t, l, 60)
	syncLog(t, l)
	files.before = func(op, name string) error {
		if op == "create" || op == "write" {
			return &fs.PathError{Op: op, Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}
	d, err := l.Retain(Retention{-1, 2000}, 0, l.EndOffset())
	if d.Segments < 3 || l.StartOffset() != l.segments[0].base || d.Start != l.StartOffset() {
		t.Fatalf("%+v, %v: the log starts at %d", d, err, l.StartOffset())
	}
	told := l.StartOffset()
	if d, err = l.Retain(Retention{0, -1}, 1<<50, l.EndOffset()); !errors.Is(err, syscall.ENOSPC) || len(l.segments) != 1 {
		t.Fatalf("%+v, %v: there is no room for another active segment, %d are left", d, err, len(l.segments))
	}
	if again, _ := mustOpen(t, disk.Crash(nil), small); again.StartOffset() < told || again.EndOffset() != l.EndOffset() {
		t.Fatalf("after the power went: %d to %d, want %d to %d", again.StartOffset(), again.EndOffset(), told, l.EndOffset())
	}
}

// A batch that is younger than the first of the segment by more than segment.ms begins another one; so it does for
// a follower, and in a log that was closed in between.
func TestRollByTime(t *testing.T) {
	cfg := Config{SegmentMillis: 1000}
	files := mem.New()
	l, _ := mustOpen(t, files, cfg)
	follower, _ := mustOpen(t, mem.New(), cfg)
	var all []byte
	add := func(timestamp int64, want int) {
		t.Helper()
		v := made(-1, 0, 1, timestamp, 0)
		mustAppend(t, l, v)
		if all = append(all, v...); len(l.segments) != want {
			t.Fatalf("timestamp %d: %d segments, want %d", timestamp, len(l.segments), want)
		}
	}
	add(5000, 1)
	add(6000, 1)
	add(6001, 2)
	add(2000, 2) // as old as it is, it does not count
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, _ = mustOpen(t, files, cfg)
	add(7001, 2)
	add(7002, 3)
	if err := l.Configure(Config{SegmentMillis: 10}); err != nil {
		t.Fatal(err)
	}
	add(7012, 3)
	add(7013, 4)
	if _, err := follower.AppendAsFollower(all); err != nil || len(follower.segments) != 3 {
		t.Fatalf("%v: the follower has %d segments, want 3", err, len(follower.segments))
	}
	if err := l.Configure(Config{SegmentBytes: -1}); err == nil {
		t.Fatal("segments of -1 byte")
	}
}

// The power goes before each operation in turn, and each time what was told of the start holds.
func TestStartNeverFallsBehind(t *testing.T) {
	for _, total := range []bool{true, false} {
		cuts := 0
		for n := 1; ; n++ {
			w := &life{t: t, rng: seeded(uint64(n)), disk: mem.New(), cfg: small}
			told, end, over := w.deletes(n, total)
			if over {
				break
			}
			cuts++
			l, _ := mustOpen(t, w.disk.Crash(nil), small)
			if l.StartOffset() < told || l.EndOffset() < end {
				t.Fatalf("cut before operation %d: %d to %d, it was known to start at %d and to end at %d", n, l.StartOffset(), l.EndOffset(), told, end)
			}
			for i, v := range allFrom(t, l) {
				if v.Checksum() != v.CRC() || i == 0 && v.LastOffset() < l.StartOffset() {
					t.Fatalf("cut before operation %d: batch %d is %v", n, i, v[:61])
				}
			}
			mustAppend(t, l, made(-1, 0, 1, 1, 0))
		}
		if cuts < 100 {
			t.Fatalf("%d cuts: nothing was tried", cuts)
		}
	}
}

// deletes goes through all that moves the start, and gives what it was known to be when the power went.
func (w *life) deletes(n int, total bool) (told, end int64, over bool) {
	l, _, err := Open(w.powered(n, total), dir, small)
	if err != nil {
		return 0, 0, false
	}
	for _, step := range []func() error{
		func() error { return w.appendSome(l, 25, &end) },
		func() error { _, err := l.RaiseStart(13); return err },
		func() error { return w.appendSome(l, 10, &end) },
		func() error { _, err := l.Retain(Retention{-1, 3000}, 0, l.EndOffset()); return err },
		func() error { return l.TruncateTo(l.EndOffset() - 5) },
		func() error { _, err := l.StartAt(l.EndOffset() + 100); return err },
		func() error { return w.appendSome(l, 20, &end) },
		func() error { _, err := l.Retain(Retention{0, -1}, 1<<50, l.EndOffset()); return err },
		func() error { return w.appendSome(l, 5, &end) },
		func() error { _, err := l.RaiseStart(l.EndOffset()); return err },
		l.Close,
	} {
		end = min(end, l.EndOffset()-8) // a cut takes no more, and is told of when it begins
		if err := step(); err != nil {
			return told, end, false
		}
		told, end = l.StartOffset(), min(l.SyncedOffset(), l.EndOffset())
	}
	return told, end, true
}

func (w *life) appendSome(l *Log, n int, end *int64) error {
	for i := range n {
		if _, err := l.Append(made(-1, 0, 1+i%3, 1000, 30*(i%5)), 5); err != nil {
			return fmt.Errorf("append: %w", err)
		}
	}
	p := l.BeginSync()
	if err := p.Run(); err != nil {
		return err
	}
	l.Synced(p.End)
	*end = p.End
	return nil
}
