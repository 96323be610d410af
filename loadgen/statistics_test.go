package loadgen

import (
	"testing"
	"testing/quick"
	"time"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

func TestSequencesAreASet(t *testing.T) {
	check := func(steps []uint8) bool {
		var s sequences
		model := map[int64]bool{}
		for _, step := range steps {
			sequence := int64(step % 40)
			if s.add(sequence) == model[sequence] {
				return false
			}
			model[sequence] = true
			for i, x := range s.spans {
				if x.first >= x.end || i > 0 && s.spans[i-1].end >= x.first {
					return false // spans must be sorted and must not touch
				}
			}
		}
		return s.size() == uint64(len(model))
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestSequencesInOrderAreOneSpan(t *testing.T) {
	var s sequences
	for i := range int64(10_000) {
		s.add(i)
	}
	if len(s.spans) != 1 || s.size() != 10_000 {
		t.Errorf("%d spans of %d sequences", len(s.spans), s.size())
	}
}

func TestPercentilesNeedSamplesAboveThem(t *testing.T) {
	var l Latency
	add := func(n int) {
		for range n {
			l.record(0, history.Time(time.Millisecond))
		}
	}
	f := func(p float64, want bool) {
		t.Helper()
		if _, ok := l.Percentile(p); ok != want {
			t.Errorf("p%v of %d samples is reported: %v; want %v", p, l.Count(), ok, want)
		}
	}
	f(50, false)
	add(19)
	f(50, false)
	add(1)
	f(50, true)
	add(979)
	f(99, false)
	add(1)
	f(99, true)
	add(9000)
	f(99.9, true)
	f(99.99, false)
	f(100, false)
	f(-1, false)
}

func TestLatency(t *testing.T) {
	var l, other Latency
	for i := range 1000 {
		l.record(0, history.Time(i+1)*history.Time(time.Millisecond))
	}
	l.record(5, 4)
	other.record(0, history.Time(2*time.Hour))
	l.merge(&other)
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if diff := got - want; diff < -want/500 || diff > want/500 {
			t.Errorf("%s is %v; want %v", what, got, want)
		}
	}
	p50, _ := l.Percentile(50)
	p99, _ := l.Percentile(99)
	near("p50", p50, 501*time.Millisecond)
	near("p99", p99, 991*time.Millisecond)
	near("max", l.Max(), time.Hour)
	near("min", l.Min(), time.Millisecond)
	if l.Count() != 1001 || l.Negative() != 1 || l.Capped() != 1 {
		t.Errorf("%d samples, %d negative, %d capped; want 1001, 1, 1", l.Count(), l.Negative(), l.Capped())
	}
	var empty Latency
	if empty.Count() != 0 || empty.Max() != 0 || empty.Min() != 0 || empty.Mean() != 0 || empty.Histogram().TotalCount() != 0 {
		t.Errorf("the zero Latency is %v", empty)
	}
}

func TestSeriesGetsCoarserAndLosesNothing(t *testing.T) {
	s := Series{Start: history.Time(time.Second)}
	s.add(0, 1) // before the start
	for i := range 2 * seriesMax {
		s.add(s.Start+history.Time(i)*history.Time(seriesWidth), 1)
	}
	if s.Total() != 2*seriesMax+1 || s.Width != 2*seriesWidth || len(s.Counts) != seriesMax {
		t.Errorf("%d events in %d buckets of %v", s.Total(), len(s.Counts), s.Width)
	}
	if s.Counts[0] != 3 || s.Counts[1] != 2 || s.Counts[seriesMax-1] != 2 {
		t.Errorf("buckets hold %d, %d, ..., %d; want 3, 2, ..., 2", s.Counts[0], s.Counts[1], s.Counts[seriesMax-1])
	}
	sum := Series{Start: s.Start}
	sum.merge(&s)
	sum.merge(&s)
	if sum.Total() != 2*s.Total() {
		t.Errorf("two series of %d events are merged to %d", s.Total(), sum.Total())
	}
}

// The time of the acknowledgements is that of the load, and what a slow cluster needs to catch up.
func TestAckedOver(t *testing.T) {
	for _, c := range []struct {
		r    Result
		want time.Duration
	}{
		{Result{Started: 1e9, Stopped: 3e9, LastAck: 2.5e9}, 2 * time.Second},
		{Result{Started: 1e9, Stopped: 3e9, LastAck: 5e9}, 4 * time.Second},
		{Result{Started: 1e9}, 0}, // it never got so far
	} {
		if got := c.r.AckedOver(); got != c.want {
			t.Errorf("from %v to %v, last acknowledged at %v: %v, want %v", c.r.Started, c.r.Stopped, c.r.LastAck, got, c.want)
		}
	}
}

func TestWindowIsTheLastSecond(t *testing.T) {
	var w window
	for i := range 50 {
		for range i {
			w.add(history.Time(i) * history.Time(seriesWidth))
		}
	}
	if got := w.sum(history.Time(50) * history.Time(seriesWidth)); got != 445 {
		t.Errorf("%d events in slots 40 to 49; want 445", got)
	}
	if got := w.sum(history.Time(54) * history.Time(seriesWidth)); got != 279 {
		t.Errorf("%d events in slots 44 to 53; want 279", got)
	}
	if got := w.sum(history.Time(time.Hour)); got != 0 {
		t.Errorf("%d events after an hour of silence", got)
	}
}

func TestReceivedCountsDuplicatesPerProducerAndPartition(t *testing.T) {
	r := newReceived("reader-0", true)
	add := func(producer uint32, topic uint16, partition int32, sequence int64, at history.Time, barrier bool) {
		r.receive(client.Received{At: at, Header: payload.Header{
			Producer: producer, Topic: topic, Partition: partition, Sequence: sequence, Intended: 1000, Barrier: barrier,
		}})
	}
	add(0, 0, 0, 0, 2000, false)
	add(0, 0, 1, 0, 2000, false)
	add(1, 0, 0, 0, 2000, false)
	add(0, 1, 0, 0, 2000, false)
	add(0, 0, 0, 0, 2000, false) // again
	add(0, 0, 0, 1, 999, false)  // received before it was due
	add(9, 0, 0, 0, 2000, true)
	want := ReaderAccount{Process: "reader-0", Live: true, Received: 6, Unique: 5, Duplicate: 1, Barriers: 1, Measured: 4, Negative: 1}
	if got := r.account(); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestIdentityFindsWhatDoesNotAddUp(t *testing.T) {
	right := Accounting{
		Intended: 10, Sent: 8, Dropped: 2, Acked: 5, Failed: 1, Unknown: 2,
		Readers: []ReaderAccount{{Process: "reader-0", Received: 7, Unique: 5, Duplicate: 2}},
	}
	if err := right.Identity(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Accounting){
		"intended": func(a *Accounting) { a.Intended++ },
		"dropped":  func(a *Accounting) { a.Dropped++ },
		"acked":    func(a *Accounting) { a.Acked-- },
		"unknown":  func(a *Accounting) { a.Unknown++ },
		"received": func(a *Accounting) { a.Readers = []ReaderAccount{{Received: 7, Unique: 5, Duplicate: 1}} },
	} {
		wrong := right
		change(&wrong)
		if wrong.Identity() == nil {
			t.Errorf("%s was changed and the accounting still adds up", name)
		}
	}
	unmeasured := Result{Accounting: Accounting{Intended: 1, Sent: 1, Acked: 1}}
	if unmeasured.Identity() == nil {
		t.Error("a record that was counted and not measured went unnoticed")
	}
}
