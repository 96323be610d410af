package log

import (
	"bytes"
	"errors"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// Cut at every offset, with and without readers, with and without a sync before; then go on, and
// open it again after a power cut.
func TestTruncateEverywhere(t *testing.T) {
	for mode := range 4 {
		reading, synced := mode&1 != 0, mode&2 != 0
		for offset := int64(0); offset < 60; offset += 1 + int64(mode) {
			truncateAt(t, offset, reading, synced)
		}
	}
}

func truncateAt(t *testing.T, offset int64, reading, synced bool) {
	t.Helper()
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 30)
	if synced {
		syncLog(t, l)
	}
	var held []Slice
	var before [][]byte
	for from := int64(0); reading && from < l.EndOffset(); from += 9 {
		s, err := l.Read(from, l.EndOffset(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		held, before = append(held, s), append(before, readAt(t, l, from, l.EndOffset(), 1<<20))
	}
	if err := l.TruncateTo(offset); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for kept < len(want) && want[kept].LastOffset() < offset {
		kept++
	}
	sameBatches(t, readAll(t, l, 500), want[:kept])
	more := fill(t, l, 20)
	want = append(append([]batch.View{}, want[:kept]...), more...)
	sameBatches(t, readAll(t, l, 500), want)
	for from := range l.EndOffset() {
		checkRead(t, l, want, from, l.EndOffset()-1, 400)
	}
	for i, s := range held {
		got, err := s.AppendTo(nil)
		s.Release()
		if err != nil || !bytes.Equal(got, before[i]) {
			t.Fatalf("truncated to %d: a slice from before gives %d bytes, %v; want %d", offset, len(got), err, len(before[i]))
		}
	}
	syncLog(t, l)
	again, r := mustOpen(t, files.Crash(nil), small)
	if r.TruncatedBytes != 0 {
		t.Fatalf("truncated to %d: recovery cut %d bytes: %s", offset, r.TruncatedBytes, r.Reason)
	}
	sameBatches(t, readAll(t, again, 500), want)
}

// A truncation is durable when it returns: the next Open, after a power cut, does not see more.
func TestTruncateIsDurable(t *testing.T) {
	for offset := int64(0); offset < 50; offset += 3 {
		files := mem.New()
		l, _ := mustOpen(t, files, small)
		want := fill(t, l, 30)
		syncLog(t, l)
		if offset%2 == 0 { // a reader holds the file that is cut
			s, err := l.Read(offset, l.EndOffset(), 100)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Release()
		}
		if err := l.TruncateTo(offset); err != nil {
			t.Fatal(err)
		}
		again, _ := mustOpen(t, files.Crash(nil), small)
		kept := 0
		for want[kept].LastOffset() < offset {
			kept++
		}
		sameBatches(t, readAll(t, again, 500), want[:kept])
	}
}

// The places of batches that were cut are forgotten.
func TestTruncateForgetsPlaces(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	for range 3 {
		mustAppend(t, l, made(-1, 0, 1, 0, 10))
	}
	if err := l.TruncateTo(1); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, made(-1, 0, 1, 0, 500))
	last := made(-1, 0, 1, 0, 10)
	mustAppend(t, l, last)
	if got := readAt(t, l, 2, 3, 1<<20); !bytes.Equal(got, last) {
		t.Fatalf("%d bytes, want %d", len(got), len(last))
	}
}

func TestTruncateRange(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	want := fill(t, l, 4)
	for _, offset := range []int64{l.EndOffset(), l.EndOffset() + 5} {
		if err := l.TruncateTo(offset); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.TruncateTo(-1); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Fatal(err)
	}
	sameBatches(t, readAll(t, l, 500), want)
}

// Segments that were removed do not come back after a power cut, not even when the log has reached
// the offset where they began.
func TestTruncatedSegmentsStayAway(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	want := fill(t, l, 30)
	syncLog(t, l)
	second := l.segments[2].base
	again := -1 // the last batch of the second segment
	for i, v := range want {
		if v.LastOffset()+1 == second {
			again = i
		}
	}
	if err := l.TruncateTo(want[again].BaseOffset()); err != nil {
		t.Fatal(err)
	}
	if l.SyncedOffset() != want[again].BaseOffset() {
		t.Fatalf("synced to %d, cut at %d", l.SyncedOffset(), want[again].BaseOffset())
	}
	mustAppend(t, l, want[again])
	if l.EndOffset() != second || len(l.segments) != 2 {
		t.Fatalf("end %d in %d segments, want %d in 2", l.EndOffset(), len(l.segments), second)
	}
	syncLog(t, l)
	after, _ := mustOpen(t, files.Crash(nil), small)
	sameBatches(t, readAll(t, after, 500), want[:again+1])
}

// What a sync covered is not safe any more once it was truncated and written anew.
func TestSyncAcrossTruncation(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	fill(t, l, 5)
	p := l.BeginSync()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if err := l.TruncateTo(3); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 5)
	l.Synced(p.End)
	if l.SyncedOffset() > 3 || !l.Dirty() {
		t.Fatalf("synced offset %d after a truncation to 3", l.SyncedOffset())
	}
}
