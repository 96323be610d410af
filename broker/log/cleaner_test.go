package log

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/log/clean"
)

// always cleans whatever is dirty; tombstones stay for a second.
var always = clean.Policy{MaxLag: math.MaxInt64, DeleteRetention: 1000}

// pass runs one pass to its end, with something in between its steps.
func pass(t testing.TB, l *Log, now, highWatermark, mapBytes int64, between func()) Cleaned {
	t.Helper()
	n := l.Dirt(always, now, highWatermark)
	if !n.Due {
		return Cleaned{From: n.From, To: n.From}
	}
	c := l.BeginClean(n, always, now, mapBytes)
	for {
		if err := c.Step(); err != nil {
			t.Fatal(err)
		}
		r, done, err := l.Advance(c)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return r
		}
		between()
	}
}

func nothing() {}

// keyed is a batch of records, "a1 b-" in short: a is written with 1, b deleted.
func keyed(text string, producer int64, sequence int32, transactional bool) batch.View {
	var b batch.Builder
	if producer >= 0 {
		b.Producer(producer, 0, sequence)
	}
	if transactional {
		b.Transactional()
	}
	for _, r := range strings.Fields(text) {
		if key, _, deleted := strings.Cut(r, "-"); deleted {
			b.Add([]byte(key), nil, 1000)
			continue
		}
		key, value, _ := strings.Cut(r, "=")
		b.Add([]byte(key), []byte(value), 1000)
	}
	return b.Build()
}

// tableOf is what a reader of committed records makes of a log: the last value of every key, and where it stands.
func tableOf(t testing.TB, l *Log) map[string]string {
	t.Helper()
	all, aborted := map[string]string{}, l.abortedByProducer()
	c := Cleaning{aborted: aborted}
	for _, v := range allFrom(t, l) {
		if v.IsControl() || c.isAborted(v) {
			continue
		}
		plain, err := l.codecs().Recompress(v, batch.Uncompressed, 0)
		if err != nil {
			t.Fatal(err)
		}
		records, err := batch.Records(plain)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Offset < l.StartOffset() {
				continue
			}
			if all[string(r.Key)] = fmt.Sprint(string(r.Value), " at ", r.Offset); r.Value == nil {
				delete(all, string(r.Key))
			}
		}
	}
	return all
}

// written is a log of several segments in which a few keys are written again and again.
func written(t testing.TB, files env.FS, n int) *Log {
	t.Helper()
	l, _ := mustOpen(t, files, small)
	for i := range n {
		text := fmt.Sprintf("k%d=%d k%d=%d once%d=%d", i%7, i, i%3, i, i/10*10, i)
		if i%10 == 9 {
			text = fmt.Sprintf("k%d- k%d- once%d-", i%7, (i+1)%7, i/20*10)
		}
		v := keyed(text, int64(i%3), int32(i/3*3), false)
		v, err := l.codecs().Recompress(v, batch.Codec(i%5), batch.DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, v)
	}
	syncLog(t, l)
	return l
}

// Compaction keeps what a reader makes of a log, and every offset; the log becomes smaller, its segments fewer, and what
// is opened again is the same.
func TestClean(t *testing.T) {
	files := mem.New()
	l := written(t, files, 200)
	want, size, segments, epochs := tableOf(t, l), l.Size(), len(l.segments), slices.Clone(l.epochs.starts)
	r := pass(t, l, 5000, l.EndOffset(), 1<<20, nothing)
	if r.From != 0 || r.To != l.active().base || r.Full || r.Before.Segments != int64(segments-1) || r.Before.Bytes-r.After.Bytes != size-l.Size() {
		t.Errorf("%+v", r)
	}
	if r.After.Segments > r.Before.Segments || r.After.Bytes*2 > r.Before.Bytes || int(r.After.Segments) != len(l.segments)-1 {
		t.Errorf("%+v: less than half went", r)
	}
	same := func(l *Log, what string) {
		t.Helper()
		if got := tableOf(t, l); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
		if got := l.epochs.starts; !slices.Equal(got, epochs) {
			t.Errorf("%s: epochs %v, want %v", what, got, epochs)
		}
	}
	same(l, "cleaned")
	if n := l.Dirt(always, 5000, l.EndOffset()); n.Due {
		t.Errorf("there is more to clean: %+v", n)
	}
	l2, recovery := mustOpen(t, unclean(t, files), small)
	if recovery.Clean || recovery.TruncatedBytes > 0 || l2.EndOffset() != l.EndOffset() {
		t.Errorf("%+v", recovery)
	}
	same(l2, "recovered")
	if n := l2.Dirt(always, 5000, l.EndOffset()); n.Due {
		t.Errorf("after recovery there is more to clean: %+v", n)
	}
	for id := range int64(3) {
		before, after := l.producers.byID[id], l2.producers.byID[id]
		if before.batches != after.batches || before.count != batchesKept {
			t.Errorf("producer %d is remembered by %v, was by %v", id, after.batches, before.batches)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l3, recovery := mustOpen(t, files, small)
	if !recovery.Clean {
		t.Error("it is recovered after a clean shutdown")
	}
	same(l3, "opened")
	// A second later the tombstones go, once there is something to clean again.
	for i := range 30 {
		mustAppend(t, l3, keyed(fmt.Sprintf("other%d=1", i), -1, 0, false))
	}
	syncLog(t, l3)
	want = tableOf(t, l3)
	before := tombstones(t, l3)
	pass(t, l3, 5999, l3.EndOffset(), 1<<20, nothing)
	if kept := tombstones(t, l3); kept == 0 || kept > before {
		t.Errorf("%d tombstones before the horizon, were %d", kept, before)
	}
	for i := range 30 {
		mustAppend(t, l3, keyed(fmt.Sprintf("more%d=1", i), -1, 0, false))
	}
	syncLog(t, l3)
	pass(t, l3, 6000, l3.EndOffset(), 1<<20, nothing)
	if after := tombstones(t, l3); after >= before/2 {
		t.Errorf("%d tombstones after the horizon, were %d", after, before)
	}
	want = tableOf(t, l3)
	same(l3, "after the horizon")
}

// unclean is a copy of what a process would find that starts now.
func unclean(t testing.TB, files env.FS) env.FS { return restore(t, contents(t, files)) }

func tombstones(t testing.TB, l *Log) (n int) {
	t.Helper()
	for _, v := range allFrom(t, l) {
		if err := l.codecs().Entries(v, func(e batch.Entry) bool {
			if e.Tombstone {
				n++
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// A map that is too small for the keys takes several passes, and ends at the same.
func TestCleanInSeveralPasses(t *testing.T) {
	once, often := written(t, mem.New(), 300), written(t, mem.New(), 300)
	pass(t, once, 0, once.EndOffset(), 1<<20, nothing)
	passes := 0
	for often.Dirt(always, 0, often.EndOffset()).Due {
		r := pass(t, often, 0, often.EndOffset(), 20*24, nothing)
		if passes++; r.To <= r.From || passes > 100 {
			t.Fatalf("pass %d: %+v", passes, r)
		}
	}
	if passes < 3 || !maps.Equal(tableOf(t, once), tableOf(t, often)) || once.Size() < often.Size()*9/10 || often.Size() < once.Size()*9/10 {
		t.Errorf("%d passes: %d bytes, in one pass %d", passes, often.Size(), once.Size())
	}
}

// What is not committed, or younger than an open transaction, is not touched; the planted bug does it.
func TestCleanBound(t *testing.T) {
	build := func(bugs bug.Set) *Log {
		l, _ := mustOpen(t, mem.New(), Config{SegmentBytes: 400, Bugs: bugs})
		for i := range 20 {
			mustAppend(t, l, keyed(fmt.Sprintf("a=%d", i), -1, 0, false))
		}
		mustAppend(t, l, keyed("a=open", 7, 0, true))
		for i := range 20 {
			mustAppend(t, l, keyed(fmt.Sprintf("a=%d", 100+i), -1, 0, false))
		}
		syncLog(t, l)
		return l
	}
	l := build(nil)
	for _, hw := range []int64{0, 10, l.EndOffset()} {
		want := min(hw, 20)
		if n := l.Dirt(always, 0, hw); n.To > want || n.To < want-6 {
			t.Errorf("with a high watermark of %d: %+v", hw, n)
		}
	}
	l = build(bug.Set{bug.CompactTooFar: true})
	if n := l.Dirt(always, 0, 10); n.To <= 20 {
		t.Errorf("planted: %+v", n)
	}
	l = build(nil)
	mustAppend(t, l, batch.BuildMarker(7, 0, batch.Marker{}, 5))
	for i := range 10 {
		mustAppend(t, l, keyed(fmt.Sprintf("b=%d", i), -1, 0, false))
	}
	syncLog(t, l)
	if n := l.Dirt(always, 0, l.EndOffset()); n.To <= 41 {
		t.Errorf("the transaction has ended: %+v", n)
	}
	pass(t, l, 0, l.EndOffset(), 1<<20, nothing)
	if got := tableOf(t, l)["a"]; got != "119 at 40" {
		t.Errorf("a is %s", got)
	}
	for _, v := range allFrom(t, l) {
		if v.IsTransactional() && !v.IsControl() && v.Count() > 0 {
			t.Error("an aborted record is still there")
		}
	}
}

// What cuts the log gives a pass up: nothing is left of it, and the next one begins.
func TestCleanIsAborted(t *testing.T) {
	for name, cut := range map[string]func(*Log) error{
		"truncated": func(l *Log) error { return l.TruncateTo(l.EndOffset() - 150) },
		"restarted": func(l *Log) error { _, err := l.StartAt(l.EndOffset() + 5); return err },
		"damaged": func(l *Log) error {
			l.Damaged(&CorruptError{Segment: l.segments[2].name})
			_, err := l.Quarantine()
			return err
		},
		"retained": func(l *Log) error { _, err := l.RaiseStart(l.segments[3].base); return err },
	} {
		files := mem.New()
		l := written(t, files, 200)
		c := l.BeginClean(l.Dirt(always, 0, l.EndOffset()), always, 0, 1<<20)
		for len(c.groups) > 0 && (c.groups[0].out == nil || c.groups[0].out.size == 0) {
			if err := c.Step(); err != nil {
				t.Fatal(err)
			}
			if _, done, err := l.Advance(c); done || err != nil {
				t.Fatalf("%s: %v, %v", name, done, err)
			}
		}
		if err := cut(l); err != nil {
			t.Fatal(name, err)
		}
		for done := false; !done; {
			if err := c.Step(); err != nil {
				t.Fatal(name, err)
			}
			var r Cleaned
			var err error
			if r, done, err = l.Advance(c); err != nil || done && r.To != r.From {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
		}
		for file := range contents(t, files) {
			if isCleaned(file) || strings.HasSuffix(file, swapSuffix) {
				t.Errorf("%s: %s is left", name, file)
			}
		}
		for range 40 {
			mustAppend(t, l, keyed("a=1", -1, 0, false))
		}
		syncLog(t, l)
		want := tableOf(t, l)
		if r := pass(t, l, 0, l.EndOffset(), 1<<20, nothing); r.To <= r.From || !maps.Equal(tableOf(t, l), want) {
			t.Errorf("%s: the next pass: %+v", name, r)
		}
	}
}

// A pass is interrupted at every operation on the disk: the process is killed there, or the power is cut with whatever
// the disk has kept of what was not synced. What is opened then is what was there before.
func TestCleanIsInterrupted(t *testing.T) {
	build := func() (*mem.FS, *Log) {
		files := mem.New()
		return files, written(t, files, 60)
	}
	_, l := build()
	want := tableOf(t, l)
	interrupted := 0
	for stop := 1; ; stop++ {
		for draw := range uint64(6) {
			files, l := build()
			w := watch(files)
			n := 0
			errStop := errors.New("stop")
			w.before = func(op, name string) error {
				if op != "read" && op != "open" {
					n++
				}
				if n >= stop {
					return errStop
				}
				return nil
			}
			l.fs = w
			err := passUntil(l, errStop)
			if err == nil {
				if interrupted < 15 {
					t.Fatalf("a pass takes %d operations", interrupted)
				}
				return
			}
			rng := seeded(uint64(stop)*100 + draw)
			draws := func() uint64 { return 1 } // the process is killed
			if draw > 0 {
				draws = rng.Uint64
			}
			after := files.Crash(draws)
			l2, recovery, err := Open(after, dir, small)
			if err != nil {
				t.Fatalf("stopped at operation %d, draw %d: %v", stop, draw, err)
			}
			if got := tableOf(t, l2); !maps.Equal(got, want) || recovery.TruncatedBytes > 0 {
				t.Fatalf("stopped at operation %d, draw %d: %+v\n%v, want\n%v", stop, draw, recovery, got, want)
			}
			for file := range contents(t, after) {
				if isCleaned(file) || strings.HasSuffix(file, swapSuffix) {
					t.Errorf("stopped at operation %d: %s is left", stop, file)
				}
			}
			pass(t, l2, 0, l2.EndOffset(), 1<<20, nothing)
			if got := tableOf(t, l2); !maps.Equal(got, want) {
				t.Fatalf("stopped at operation %d, draw %d, and cleaned again: %v", stop, draw, got)
			}
		}
		interrupted++
	}
}

func passUntil(l *Log, stop error) error {
	c := l.BeginClean(l.Dirt(always, 0, l.EndOffset()), always, 0, 1<<20)
	for {
		if err := c.Step(); err != nil {
			return err
		}
		if _, done, err := l.Advance(c); done || err != nil {
			return err
		}
	}
}

// Random histories: keys are written and deleted, by producers and in transactions that commit or abort, the log is
// compacted step by step meanwhile, its start rises, its tail is cut, the process is killed and the power fails. What a
// reader makes of it is what a list of everything that was written says, whatever has gone.
func TestCompactedHistories(t *testing.T) {
	passes, crashes, gone := 0, 0, int64(0)
	for seed := range uint64(60) {
		h := newHistory(t, seed)
		for range 150 {
			h.move()
		}
		h.compare("at the end")
		passes, crashes, gone = passes+h.passes, crashes+h.crashes, gone+h.gone
	}
	if passes < 300 || crashes < 200 || gone < 5000 {
		t.Errorf("%d passes, %d crashes, %d records went: too little to say anything", passes, crashes, gone)
	}
}

// A disk that refuses one operation of a pass leaves the log as it was, and the next pass does it; or, where a segment
// was just taking the place of others, the log says so and refuses everything until it is opened again.
func TestCleanGoesOnAfterAnError(t *testing.T) {
	doubts := 0
	for stop := 1; ; stop++ {
		files := mem.New()
		l := written(t, files, 60)
		want, n := tableOf(t, l), 0
		w := watch(files)
		errStop := errors.New("stop")
		w.before = func(op, name string) error {
			if op != "read" && op != "open" {
				n++
			}
			if n == stop {
				n++
				return errStop
			}
			return nil
		}
		l.fs = w
		err := passAndGiveUp(l)
		var doubt *SwapError
		switch {
		case err == nil:
			if stop < 15 || doubts == 0 {
				t.Errorf("a pass takes %d operations, %d of them leave doubt", stop-1, doubts)
			}
			return
		case errors.As(err, &doubt):
			doubts++
			if _, err := l.Append(keyed("a=1", -1, 0, false), 5); !errors.As(err, &doubt) {
				t.Errorf("stopped at operation %d: an append is %v", stop, err)
			}
			l.releaseAll()
			l, _ = mustOpen(t, files, small)
		}
		if got := tableOf(t, l); !maps.Equal(got, want) {
			t.Fatalf("stopped at operation %d, %v: %v, want %v", stop, err, got, want)
		}
		for file := range contents(t, files) {
			if isCleaned(file) || strings.HasSuffix(file, swapSuffix) {
				t.Errorf("stopped at operation %d: %s is left", stop, file)
			}
		}
		pass(t, l, 0, l.EndOffset(), 1<<20, nothing)
		if got := tableOf(t, l); !maps.Equal(got, want) {
			t.Fatalf("stopped at operation %d, and cleaned again: %v", stop, got)
		}
	}
}

func passAndGiveUp(l *Log) error {
	c := l.BeginClean(l.Dirt(always, 0, l.EndOffset()), always, 0, 1<<20)
	for {
		if err := c.Step(); err != nil {
			l.StopClean(c)
			return err
		}
		if _, done, err := l.Advance(c); done || err != nil {
			return err
		}
	}
}
