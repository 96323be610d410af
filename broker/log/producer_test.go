package log

import (
	"errors"
	"math"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// sent is a batch of count records with the given epoch and first sequence.
func sent(id int64, epoch int16, sequence int32, count int) batch.View {
	var b batch.Builder
	b.Producer(id, epoch, sequence)
	for range count {
		b.Add(nil, []byte("v"), 0)
	}
	return b.Build()
}

// Kafka's rules, one by one, on a log that has sequences 0-2, 3-3, ... of producer 7.
func TestCheckSequence(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	bases := map[int32]int64{}
	for _, v := range []batch.View{
		sent(7, 2, 0, 3), sent(7, 2, 3, 1), sent(8, 0, 0, 1), sent(7, 2, 4, 2), sent(7, 2, 6, 1), sent(7, 2, 7, 1), sent(7, 2, 8, 2),
	} {
		if err := l.CheckSequence(v); err != nil {
			t.Fatal(err)
		}
		a := mustAppend(t, l, v)
		if v.ProducerID() == 7 {
			bases[v.BaseSequence()] = a.BaseOffset
		}
	}
	for what, c := range map[string]struct {
		v    batch.View
		want error
		dup  int32
	}{
		"next":                       {sent(7, 2, 10, 5), nil, -1},
		"a gap":                      {sent(7, 2, 11, 1), ErrOutOfOrderSequence, -1},
		"the last again":             {sent(7, 2, 8, 2), nil, 8},
		"the fifth last again":       {sent(7, 2, 3, 1), nil, 3},
		"the sixth last again":       {sent(7, 2, 0, 3), ErrOutOfOrderSequence, -1},
		"part of the last":           {sent(7, 2, 9, 1), ErrOutOfOrderSequence, -1},
		"more than the last":         {sent(7, 2, 8, 3), ErrOutOfOrderSequence, -1},
		"new epoch":                  {sent(7, 3, 0, 1), nil, -1},
		"new epoch, not from 0":      {sent(7, 3, 10, 1), ErrOutOfOrderSequence, -1},
		"old epoch":                  {sent(7, 1, 10, 1), ErrInvalidProducerEpoch, -1},
		"old epoch, known sequence":  {sent(7, 1, 8, 2), ErrInvalidProducerEpoch, -1},
		"unknown producer":           {sent(9, 0, 0, 1), nil, -1},
		"unknown producer, sequence": {sent(9, 4, 1000, 1), ErrOutOfOrderSequence, -1},
		"another producer":           {sent(8, 0, 1, 1), nil, -1},
		"another producer's":         {sent(8, 0, 10, 1), ErrOutOfOrderSequence, -1},
		"not idempotent":             {made(-1, -1, 3, 0, 0), nil, -1},
	} {
		err := l.CheckSequence(c.v)
		var duplicate *Duplicate
		switch {
		case c.dup >= 0:
			if !errors.As(err, &duplicate) || duplicate.BaseOffset != bases[c.dup] || duplicate.LastOffset != bases[c.dup]+int64(c.v.LastOffsetDelta()) {
				t.Errorf("%s: %v, want a duplicate of offset %d", what, err, bases[c.dup])
			}
		case !errors.Is(err, c.want) || c.want == nil && err != nil:
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	mustAppend(t, l, sent(7, 3, 0, 1))
	if err := l.CheckSequence(sent(7, 3, 1, 1)); err != nil {
		t.Errorf("second batch of the new epoch: %v", err)
	}
	if err := l.CheckSequence(sent(7, 2, 8, 2)); !errors.Is(err, ErrInvalidProducerEpoch) {
		t.Errorf("a batch of the epoch before: %v", err)
	}
}

// A producer that is not known begins with 0, or the first of two batches that are on their way could be refused for
// a moment's reason and never be appended again (KAFKA-14359). Where producers may have been forgotten it may go on
// where it is.
func TestUnknownProducerGoesOn(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	mustAppend(t, l, sent(1, 0, 0, 1))
	mustAppend(t, l, sent(1, 0, 1, 1))
	if err := l.CheckSequence(sent(9, 0, 5, 1)); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("nothing is forgotten: %v", err)
	}
	if _, err := l.RaiseStart(1); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckSequence(sent(9, 0, 5, 1)); err != nil {
		t.Errorf("records were deleted: %v", err)
	}

	files := mem.New()
	few := Config{MaxProducers: 2}
	l, _ = mustOpen(t, files, few)
	for id := range int64(3) {
		mustAppend(t, l, sent(id, 0, 0, 1))
	}
	if err := l.CheckSequence(sent(0, 0, 1, 1)); err != nil {
		t.Errorf("there were too many producers: %v", err)
	}
	again, _ := mustOpen(t, files, few)
	if err := again.CheckSequence(sent(0, 0, 1, 1)); err != nil {
		t.Errorf("there were too many producers before the crash: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ = mustOpen(t, files, few)
	if err := again.CheckSequence(sent(0, 0, 1, 1)); err != nil {
		t.Errorf("there were too many producers before the clean stop: %v", err)
	}
}

func TestSequenceWraps(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	mustAppend(t, l, sent(1, 0, math.MaxInt32-1, 1))
	around := sent(1, 0, math.MaxInt32, 3) // 2147483647, 0, 1
	if err := l.CheckSequence(around); err != nil {
		t.Fatal(err)
	}
	a := mustAppend(t, l, around)
	var duplicate *Duplicate
	if err := l.CheckSequence(around); !errors.As(err, &duplicate) || duplicate.BaseOffset != a.BaseOffset {
		t.Errorf("again: %v", err)
	}
	if err := l.CheckSequence(sent(1, 0, 2, 1)); err != nil {
		t.Errorf("after the wrap: %v", err)
	}
	mustAppend(t, l, sent(2, 0, math.MaxInt32, 1))
	if err := l.CheckSequence(sent(2, 0, 0, 1)); err != nil {
		t.Errorf("0 after the largest: %v", err)
	}
}

// What is known of producers is the same after a clean stop, a kill and a truncation.
func TestProducersSurvive(t *testing.T) {
	build := func() (*mem.FS, *Log) {
		files := mem.New()
		l, _ := mustOpen(t, files, small)
		for i := range int32(40) {
			mustAppend(t, l, sent(int64(i%3), 0, i/3*2, 2))
		}
		return files, l
	}
	same := func(how string, l *Log, n int32) {
		t.Helper()
		for i := range n {
			var duplicate *Duplicate
			err := l.CheckSequence(sent(int64(i%3), 0, i/3*2, 2))
			if recent := i >= n-15; recent != errors.As(err, &duplicate) || recent && duplicate.BaseOffset != 2*int64(i) {
				t.Errorf("%s: batch %d of %d again: %v", how, i, n, err)
			}
		}
	}
	files, l := build()
	same("running", l, 40)
	killedLog, r := mustOpen(t, killed(files), small)
	if r.Producers != 3 {
		t.Errorf("%d producers, want 3", r.Producers)
	}
	same("killed", killedLog, 40)
	if err := killedLog.TruncateTo(40); err != nil {
		t.Fatal(err)
	}
	same("truncated", killedLog, 20)

	files, l = build()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, r = mustOpen(t, files, small)
	if !r.Clean || r.Producers != 3 {
		t.Errorf("%+v", r)
	}
	same("closed", l, 40)
}

// The producer that has not appended for the longest time is forgotten, in a restarted log too.
func TestProducersAreBounded(t *testing.T) {
	cfg := Config{MaxProducers: 3}
	files := mem.New()
	l, _ := mustOpen(t, files, cfg)
	for _, id := range []int64{1, 2, 3, 1, 4, 1, 5} {
		p := l.producers.byID[id]
		sequence := int32(0)
		if p != nil {
			sequence = p.lastSequence() + 1
		}
		mustAppend(t, l, sent(id, 0, sequence, 1))
	}
	known := func(how string, l *Log) {
		t.Helper()
		for id, want := range map[int64]bool{1: true, 2: false, 3: false, 4: true, 5: true} {
			if _, ok := l.producers.byID[id]; ok != want {
				t.Errorf("%s: producer %d known: %v", how, id, ok)
			}
		}
		var order []int64
		for p := l.producers.oldest; p != nil; p = p.newer {
			order = append(order, p.id)
		}
		if len(order) != 3 || order[0] != 4 || order[1] != 1 || order[2] != 5 {
			t.Errorf("%s: order %v, want 4 1 5", how, order)
		}
	}
	known("running", l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, _ = mustOpen(t, files, cfg)
	known("closed", l)
	l, _ = mustOpen(t, killed(files), cfg)
	known("killed", l)
}

// A marker of the broker has no sequence; it may begin a new epoch.
func TestControlBatch(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	mustAppend(t, l, sent(1, 0, 0, 2))
	marker := sent(1, 1, -1, 1)
	marker[22] |= 0x20
	marker.Stamp()
	mustAppend(t, l, marker)
	if err := l.CheckSequence(sent(1, 1, 0, 1)); err != nil {
		t.Errorf("first batch after the marker: %v", err)
	}
	if err := l.CheckSequence(sent(1, 0, 2, 1)); !errors.Is(err, ErrInvalidProducerEpoch) {
		t.Errorf("the epoch before the marker: %v", err)
	}
}
