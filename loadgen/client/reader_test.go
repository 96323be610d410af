package client

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/loadgen/client/clienttest"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

func (s *stage) reader(t *testing.T, kind history.Kind, received func(Received)) *Reader {
	t.Helper()
	r, err := NewReader(ReaderConfig{Shared: s.shared, Process: "reader-0", Kind: kind, Targets: s.targets, Received: received})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func (s *stage) barriers(t *testing.T) map[history.Partition]Mark {
	t.Helper()
	marks, err := WriteBarriers(testContext(t), BarrierConfig{Shared: s.shared, Targets: s.targets, RecordSize: testSize})
	if err != nil {
		t.Fatal(err)
	}
	return marks
}

// load is a stage with 20 records in each of two partitions, in batches of one, and a barrier.
func load(t *testing.T) (*stage, map[history.Partition]Mark) {
	s := newStage(t, 2, clienttest.Options{})
	p := s.producer(t, DefaultProducerSpec(), nil)
	for range 20 {
		s.send(t, p, 2)
	}
	return s, s.barriers(t)
}

func corrupt(ops []history.Operation) (found []history.Corrupt) {
	for _, op := range ops {
		found = append(found, op.Corrupt...)
	}
	return found
}

func TestReadersReadToTheBarrier(t *testing.T) {
	s, marks := load(t)
	barriers := s.memory.of(history.Barrier)
	if got := describe(barriers); !slices.Equal(got, []string{"0 ok 0+1@20", "1 ok 0+1@20"}) {
		t.Errorf("barriers %q", got)
	}
	for _, kind := range []history.Kind{history.Fetch, history.Scan} {
		got, barrierRecords := 0, 0
		r := s.reader(t, kind, func(x Received) {
			got++
			if x.Header.Barrier {
				barrierRecords++
			}
		})
		r.Until(marks)
		if err := r.Run(testContext(t)); err != nil {
			t.Fatal(err)
		}
		ops := s.memory.of(kind)
		if got != 42 || barrierRecords != 2 || records(ops, history.OK) != 42 || len(corrupt(ops)) != 0 {
			t.Errorf("%v: %d records, %d barriers, %d in the history; want 42, 2, 42", kind, got, barrierRecords, records(ops, history.OK))
		}
		for _, op := range ops {
			if op.Invoke > op.Return || op.Process != "reader-0" {
				t.Errorf("%v: operation %+v", kind, op)
			}
		}
	}
}

// What brokers say beside the records is in the history with the times of the wire, and an answer never
// comes after the poll that returns its records.
func TestReadersRecordWhatTheyWereTold(t *testing.T) {
	s, marks := load(t)
	for _, kind := range []history.Kind{history.Fetch, history.Scan} {
		r := s.reader(t, kind, nil)
		r.Until(marks)
		if err := r.Run(testContext(t)); err != nil {
			t.Fatal(err)
		}
		told, read := map[history.Partition]int64{}, 0
		for _, op := range s.memory.of(kind) {
			for _, m := range op.Watermarks {
				if op.Process != "reader-0" || op.Invoke > op.Return || len(op.Runs) > 0 || m.HighWatermark != 21 || m.LastStable != 21 || m.LogStart != 0 {
					t.Errorf("%v: told %+v", kind, op)
				}
				told[m.Partition] = max(told[m.Partition], m.Next)
			}
			for _, run := range op.Runs {
				if read++; told[run.Partition] < run.FirstOffset+int64(run.Count) {
					t.Errorf("%v: %+v was read when records were told to offset %d", kind, run, told[run.Partition])
				}
			}
		}
		if len(told) != 2 || read == 0 {
			t.Errorf("%v: told about %d partitions, want 2", kind, len(told))
		}
	}
}

func TestUntilEndsAPollThatWaits(t *testing.T) {
	s, marks := load(t)
	all := make(chan struct{})
	got := 0
	r := s.reader(t, history.Fetch, func(Received) {
		if got++; got == 42 {
			close(all)
		}
	})
	ended := make(chan error)
	go func() { ended <- r.Run(testContext(t)) }()
	<-all // everything is read: the reader waits in a poll for more, or soon will
	r.Until(marks)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestReaderStopsWithItsContext(t *testing.T) {
	s := newStage(t, 1, clienttest.Options{})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.reader(t, history.Fetch, nil).Run(ended); err != nil {
		t.Errorf("a reader without marks that was stopped: %v", err)
	}
	r := s.reader(t, history.Scan, nil)
	r.Until(map[history.Partition]Mark{{Topic: "orders"}: {Offset: 5}})
	if err := r.Run(ended); err == nil || !strings.Contains(err.Error(), "orders/0 is read to offset 0, not to its barrier at offset 5") {
		t.Errorf("%v; want what was not read", err)
	}
}

func TestScanFindsACorruptPayload(t *testing.T) {
	for _, restamp := range []bool{true, false} {
		s, marks := load(t)
		s.broker.Damage("orders", 1, 4, restamp)
		r := s.reader(t, history.Scan, nil)
		r.Until(marks)
		if err := r.Run(testContext(t)); err != nil {
			t.Fatal(err)
		}
		ops := s.memory.of(history.Scan)
		want := []history.Corrupt{{Partition: history.Partition{Topic: "orders", Index: 1}, Offset: 4, Reason: payload.ErrChecksum.Error()}}
		if got := corrupt(ops); !slices.Equal(got, want) || records(ops, history.OK) != 41 {
			t.Errorf("restamped %v: corrupt %+v and %d records; want %+v and 41", restamp, got, records(ops, history.OK), want)
		}
	}
}

func TestLiveReaderGivesUpABatchWithAWrongChecksum(t *testing.T) {
	s, marks := load(t)
	s.broker.Damage("orders", 1, 4, false)
	r := s.reader(t, history.Fetch, nil)
	r.Until(marks)
	err := r.Run(testContext(t))
	if err == nil || !strings.Contains(err.Error(), "orders/1 is unreadable from offset 4 on") {
		t.Errorf("%v; want the partition and where it ends", err)
	}
	got := corrupt(s.memory.of(history.Fetch))
	if len(got) != 1 || got[0].Offset != 4 || !strings.HasPrefix(got[0].Reason, "unreadable") {
		t.Errorf("corrupt %+v; want one at offset 4", got)
	}
}

func TestForeignRecordsAreCorrupt(t *testing.T) {
	s := newStage(t, 2, clienttest.Options{})
	r := s.reader(t, history.Scan, nil)
	value := func(h payload.Header) []byte { return payload.Encode(nil, testSize, h) }
	f := func(value []byte, want string) {
		t.Helper()
		p := s.targets[1].Partition
		if got := r.record(p, r.places[p], recordOf(p, value), 1); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("reason %q; want %q", got, want)
		}
	}
	f(value(payload.Header{Run: 7, Partition: 1}), "")
	f([]byte("somebody else's record, which is long enough to be ours"), "magic")
	f(value(payload.Header{Run: 8, Partition: 1}), "run 8")
	f(value(payload.Header{Run: 7, Partition: 0}), "partition 0")
	f(value(payload.Header{Run: 7, Partition: 1, Topic: 1}), "topic number 1")
}

func TestMarks(t *testing.T) {
	p := history.Partition{Topic: "orders", Index: 2}
	f := func(at place, m Mark, reached bool, problem string) {
		t.Helper()
		places := map[history.Partition]*place{p: &at}
		marks := map[history.Partition]Mark{p: m}
		if got := len(pending(marks, places)) == 0; got != reached {
			t.Errorf("%+v to %+v: reached %v; want %v", at, m, got, reached)
		}
		err := unread("scan", marks, places)
		if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%+v to %+v: %v; want %q", at, m, err, problem)
		}
	}
	f(place{position: 8, barrier: 1}, Mark{Offset: 7}, true, "")
	f(place{position: 8, barrier: 1}, Mark{Offset: history.Unset}, true, "")
	f(place{position: 7}, Mark{Offset: 7}, false, "read to offset 7, not to its barrier at offset 7")
	f(place{position: 7, lastError: "boom"}, Mark{Offset: history.Unset}, false, "last error: boom")
	f(place{position: 8}, Mark{Offset: 7}, true, "no barrier record at or before offset 7")
	f(place{position: 9, barrier: 1}, Mark{Offset: history.Unset, Sequence: 1}, false, "not to its barrier")
	f(place{position: 3, unreadable: "rotten"}, Mark{Offset: 7}, true, "unreadable from offset 3 on: rotten")
}

func TestTruncatedLogIsReadAgain(t *testing.T) {
	s, _ := load(t)
	first, second := make(chan struct{}), make(chan struct{})
	got := 0
	r := s.reader(t, history.Fetch, func(x Received) {
		switch got++; got {
		case 42:
			close(first)
		case 43:
			close(second)
		}
	})
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	<-first
	s.broker.Truncate("orders", 0)
	p := s.producer(t, DefaultProducerSpec(), nil)
	s.send(t, p, 1)
	<-second // the reader went back to where the log now ends
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	lost := slices.ContainsFunc(s.memory.of(history.Fetch), func(op history.Operation) bool {
		return op.Outcome == history.Unknown && strings.Contains(op.Error, "orders/0 at offset 21")
	})
	if !lost {
		t.Error("the history does not say that the reader lost its place")
	}
}
