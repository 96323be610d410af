package history

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func produced(first int64) Operation {
	return Operation{
		Process: "producer-0", Kind: Produce, Outcome: OK, Invoke: 1,
		Runs: []Run{{Partition: Partition{Topic: "orders"}, FirstOffset: first, FirstSequence: first, Count: 3}},
	}
}

// Many goroutines record; every entry is in the file once, in order of return, and the observer saw
// the same.
func TestRecorderIsSafeForManyGoroutines(t *testing.T) {
	const goroutines, each = 8, 500
	var file bytes.Buffer
	var now atomic.Int64
	r, err := NewRecorder(&file, testMeta, func() Time { return Time(now.Add(1)) })
	if err != nil {
		t.Fatal(err)
	}
	observed := 0
	r.Observer = func(Entry) { observed++ }
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range int64(each) {
				r.Operation(produced(i))
				r.Attempt(Attempt{Process: "producer-0", Answered: Never, BaseOffset: Unset})
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := readAll(reader)
	if err != io.EOF || len(entries) != 2*goroutines*each || observed != len(entries) {
		t.Fatalf("%d entries in the file, %d observed, %v; want %d", len(entries), observed, err, 2*goroutines*each)
	}
	last := Time(0)
	for i, e := range entries {
		if e.Operation == nil {
			continue
		}
		if e.Operation.Return <= last {
			t.Fatalf("entry %d returns at %d, after one that returned at %d", i, e.Operation.Return, last)
		}
		last = e.Operation.Return
	}
}

func TestRecorderRaisesAnOlderReturn(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, testMeta, func() Time { return 100 })
	if err != nil {
		t.Fatal(err)
	}
	r.Operation(produced(0))
	late := produced(3)
	late.Return = 60
	r.Operation(late)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := readAll(reader)
	if got := entries[1].Operation.Return; got != 100 {
		t.Errorf("the older return stands as %d, want 100", got)
	}
}

// Flush makes what was recorded readable while the recorder goes on.
func TestFlushMakesEntriesReadable(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, testMeta, stepClock())
	if err != nil {
		t.Fatal(err)
	}
	r.Operation(produced(0))
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	reader, err := NewReader(bytes.NewReader(bytes.Clone(file.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := readAll(reader)
	if len(entries) != 1 || !isTorn(err) {
		t.Errorf("read %d entries and %v, want 1 and a TornError", len(entries), err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// fullDisk takes a number of bytes, then none.
type fullDisk struct{ room int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return d.room, errFull
	}
	d.room -= len(p)
	return len(p), nil
}

// A full disk is reported by Flush, Err and Close, and stalls nobody.
func TestRecorderKeepsWriteErrors(t *testing.T) {
	r, err := NewRecorder(&fullDisk{room: 2000}, testMeta, stepClock())
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(100 * blockTarget / 8) { // far more than the queue holds
		r.Operation(produced(i * 1000))
	}
	if err := r.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush gives %v, want the disk's error", err)
	}
	if err := r.Err(); !errors.Is(err, errFull) {
		t.Errorf("Err gives %v, want the disk's error", err)
	}
	if err := r.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close gives %v, want the disk's error", err)
	}
	if _, err := NewRecorder(&fullDisk{}, testMeta, stepClock()); !errors.Is(err, errFull) {
		t.Errorf("NewRecorder gives %v, want the disk's error", err)
	}
}

// syncer counts syncs and can fail them.
type syncer struct {
	bytes.Buffer
	syncs int
	err   error
}

func (s *syncer) Sync() error { s.syncs++; return s.err }

func TestCloseSyncs(t *testing.T) {
	for _, want := range []error{nil, errFull} {
		w := &syncer{err: want}
		r, err := NewRecorder(w, testMeta, stepClock())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); !errors.Is(err, want) || w.syncs != 1 {
			t.Errorf("Close gives %v after %d syncs, want %v after 1", err, w.syncs, want)
		}
		if err := r.Close(); !errors.Is(err, want) || w.syncs != 1 {
			t.Errorf("a second Close gives %v after %d syncs, want %v after 1", err, w.syncs, want)
		}
	}
}

func TestRecorderRefusesWhatNoReaderWouldTake(t *testing.T) {
	for _, c := range []struct {
		spoil func(*Operation)
		want  string
	}{
		{func(op *Operation) { op.Kind = 0 }, "kind"},
		{func(op *Operation) { op.Outcome = 9 }, "outcome"},
		{func(op *Operation) { op.Runs[0].Count = 0 }, "0 records"},
		{func(op *Operation) { op.Runs[0].FirstOffset = -5 }, "offset -5"},
		{func(op *Operation) { op.Runs[0].FirstSequence = -5 }, "sequence -5"},
		{func(op *Operation) { op.Kind = Fault }, "fault stage"},
		{func(op *Operation) { op.Watermarks = make([]Watermark, 1) }, "only fetch and scan"},
		{func(op *Operation) { op.Kind, op.Watermarks = Fetch, []Watermark{{HighWatermark: Unset}} }, "high watermark"},
		{func(op *Operation) { op.Kind, op.Fault = Fault, &FaultStage{} }, "stage"},
		{func(op *Operation) { op.Kind = Transact + 1 }, "kind"},
		{func(op *Operation) { op.Kind = Own }, "group part"},
		{func(op *Operation) { op.Group = &GroupPart{Group: "g"} }, "group part"},
		{func(op *Operation) { op.Kind, op.Group = Own, &GroupPart{} }, "no name"},
		{func(op *Operation) { op.Kind, op.Group = Own, &GroupPart{Group: "g", Generation: -2} }, "generation -2"},
	} {
		r, err := NewRecorder(io.Discard, testMeta, stepClock())
		if err != nil {
			t.Fatal(err)
		}
		op := produced(0)
		c.spoil(&op)
		r.Operation(op)
		if err := r.Close(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q in it", err, c.want)
		}
	}
}

func TestEntriesAfterCloseAreAnError(t *testing.T) {
	r, err := NewRecorder(io.Discard, testMeta, stepClock())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.Operation(produced(0))
	if r.Err() == nil {
		t.Error("an operation recorded after Close was lost without an error")
	}
}

func BenchmarkRecorder(b *testing.B) {
	var now atomic.Int64
	r, err := NewRecorder(io.Discard, testMeta, func() Time { return Time(now.Add(1000)) })
	if err != nil {
		b.Fatal(err)
	}
	op := produced(0)
	b.ReportAllocs()
	for b.Loop() {
		r.Operation(op)
		op.Runs[0].FirstOffset += 3
		op.Runs[0].FirstSequence += 3
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}
