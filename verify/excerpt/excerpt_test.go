package excerpt

import (
	"testing"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

var (
	orders = history.Partition{Topic: "orders", Index: 0}
	other  = history.Partition{Topic: "orders", Index: 1}
)

// operation of one run at a time, 10 ns long.
func operation(process string, kind history.Kind, p history.Partition, at history.Time, offset int64, n int32) *history.Operation {
	return &history.Operation{
		Process: process, Kind: kind, Outcome: history.OK, Invoke: at - 10, Return: at,
		Runs: []history.Run{{Partition: p, FirstOffset: offset, FirstSequence: offset, Count: n}},
	}
}

// lost is an anomaly about offsets 100 to 199 whose evidence is the first write of them, at 1000.
func lost() verify.Anomaly {
	return verify.Anomaly{
		Rule: verify.Loss, Class: verify.LostWrite, Partition: orders, FirstSequence: 100, Offset: 100, Count: 100, Text: "lost",
		Evidence: []history.Operation{*operation("producer-0", history.Produce, orders, 1000, 100, 1)},
	}
}

// A run of 400 writes, one each 10 ns; every one is read at once, and what is lost by nobody.
func long(c *Collector) {
	for i := range int64(400) {
		at := history.Time(10 * i)
		c.Observe(operation("producer-0", history.Produce, orders, at, i, 1))
		c.Observe(operation("producer-0", history.Produce, other, at, i, 1))
		if i < 100 || i >= 200 {
			c.Observe(operation("reader-0", history.Fetch, orders, at+5, i, 1))
		}
	}
	c.Observe(&history.Operation{Process: "nemesis", Kind: history.Fault, Fault: &history.FaultStage{}})
	barrier := operation("barrier", history.Barrier, orders, 5000, 400, 1)
	barrier.Runs[0].Producer = history.BarrierProducer
	c.Observe(barrier)
}

func TestExcerpt(t *testing.T) {
	c := New([]verify.Anomaly{lost(), {Rule: "invariants", Text: "without evidence"}})
	long(c)
	all := c.Excerpts()
	if len(all) != 1 || all[0].Anomaly.Text != "lost" {
		t.Fatalf("%d excerpts, want that of the anomaly with evidence", len(all))
	}
	e := all[0]
	if len(e.Operations) != OperationsMax || e.Touching != 100 {
		t.Fatalf("%d operations, %d touch the records; want %d and 100", len(e.Operations), e.Touching, OperationsMax)
	}
	touching, barrier, before := 0, false, false
	var last history.Time
	offsets := map[int64]bool{}
	for _, op := range e.Operations {
		if op.Invoke < last {
			t.Errorf("%+v is out of order", op)
		}
		last = op.Invoke
		if op.Touches != (op.Kind == history.Produce && op.Runs[0].FirstOffset >= 100 && op.Runs[0].FirstOffset < 200) {
			t.Errorf("touches is %v: %+v", op.Touches, op)
		}
		if op.Touches {
			touching++
			offsets[op.Runs[0].FirstOffset] = true
		}
		barrier = barrier || op.Kind == history.Barrier
		before = before || op.Kind == history.Fetch && op.Runs[0].FirstOffset == 99
		if op.Runs[0].Partition != orders {
			t.Errorf("it is about another partition: %+v", op)
		}
	}
	if touching != 1+2*touchingMax || !offsets[100] || !offsets[199] {
		t.Errorf("%d operations touch the records, want both ends of them: %v", touching, offsets)
	}
	if !barrier || !before {
		t.Errorf("the barrier is there: %v; the last record that was read before: %v", barrier, before)
	}
}

// What is told in watermarks is around an anomaly about watermarks, and noise around every other.
func TestWatermarksAreContext(t *testing.T) {
	told := &history.Operation{
		Process: "reader-0", Kind: history.Fetch, Invoke: 990, Return: 999, Watermarks: []history.Watermark{{Partition: orders, HighWatermark: 5}},
	}
	stale := lost()
	stale.Evidence = []history.Operation{{Process: "reader-1", Kind: history.Fetch, Invoke: 1, Return: 1000, Watermarks: told.Watermarks}}
	for want, a := range map[int]verify.Anomaly{1: stale, 0: lost()} {
		c := New([]verify.Anomaly{a})
		c.Observe(told)
		if got := len(c.Excerpts()[0].Operations); got != want {
			t.Errorf("%d operations around %v, want %d", got, a.Evidence, want)
		}
	}
}

// An operation with more than one partition is cut down to the one in question; one alone is enough.
func TestCut(t *testing.T) {
	c := New([]verify.Anomaly{lost()})
	op := operation("scan", history.Scan, orders, 2000, 0, 150)
	op.Runs = append(op.Runs, history.Run{Partition: other, Count: 7})
	c.Observe(op)
	got := c.Excerpts()[0].Operations
	if len(got) != 1 || len(got[0].Runs) != 1 || !got[0].Touches {
		t.Errorf("got %+v", got)
	}
	if !New(nil).Empty() || New([]verify.Anomaly{lost()}).Empty() {
		t.Error("empty is what has nothing to collect")
	}
}
