package course

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

func produce(from, to time.Duration, outcome history.Outcome, n int32) *history.Operation {
	return &history.Operation{
		Process: "producer-0", Kind: history.Produce, Outcome: outcome, Invoke: history.Time(from), Return: history.Time(to),
		Runs: []history.Run{{Partition: history.Partition{Topic: "orders"}, Count: n}},
	}
}

func fetch(process string, at time.Duration, n int32, producer uint32) *history.Operation {
	op := produce(at, at, history.OK, n)
	op.Process, op.Kind, op.Runs[0].Producer = process, history.Fetch, producer
	return op
}

// Records stand where their answer came, latencies where the call was made.
func TestBuckets(t *testing.T) {
	var m Meter
	for _, op := range []*history.Operation{
		produce(50*time.Millisecond, 60*time.Millisecond, history.OK, 3),
		produce(90*time.Millisecond, 710*time.Millisecond, history.OK, 5),
		produce(200*time.Millisecond, 250*time.Millisecond, history.Fail, 7),
		produce(200*time.Millisecond, 250*time.Millisecond, history.Unknown, 11),
		fetch("reader-0", 310*time.Millisecond, 13, 0), fetch("reader-1", 320*time.Millisecond, 17, 0),
		fetch("reader-1", 320*time.Millisecond, 19, history.BarrierProducer), // no record of the load
		{Process: "nemesis", Kind: history.Fault, Return: 99e9},
	} {
		m.Observe(op)
	}
	c := m.Course()
	if c.Width != 100*time.Millisecond || len(c.Buckets) != 8 || c.Readers != 2 || c.End != 710e6 {
		t.Fatalf("%d buckets of %v, %d readers, end %v", len(c.Buckets), c.Width, c.Readers, c.End)
	}
	for i, want := range []Bucket{0: {Acked: 3}, 2: {Failed: 7, Unknown: 11}, 3: {Read: 30}, 7: {Acked: 5}} {
		got := c.Buckets[i]
		got.Produce = nil
		if got != want {
			t.Errorf("bucket %d: got %+v, want %+v", i, got, want)
		}
	}
	if d := c.Buckets[0].Produce; d == nil || d.Count() != 8 || d.Max() != 620*time.Millisecond {
		t.Errorf("latency of bucket 0: %+v", d)
	}
	if c.Buckets[7].Produce != nil {
		t.Error("a latency stands where the answer came")
	}
	if c.Produce.Count() != 8 {
		t.Errorf("%d latencies in all, want 8: failures have none", c.Produce.Count())
	}
}

// A long run has wider buckets and not more, and loses nothing.
func TestLongRunCoarsens(t *testing.T) {
	var m Meter
	for s := range 3600 {
		at := time.Duration(s) * time.Second
		m.Observe(produce(at, at+5*time.Millisecond, history.OK, 2))
		m.Observe(fetch("reader-0", at, 1, 0))
	}
	c := m.Course()
	if len(c.Buckets) > BucketsMax || len(c.Buckets) < BucketsMax/2 || c.Width != 64*WidthMin {
		t.Errorf("%d buckets of %v", len(c.Buckets), c.Width)
	}
	var acked, read, measured int64
	for _, b := range c.Buckets {
		acked, read = acked+b.Acked, read+b.Read
		if b.Produce != nil {
			measured += b.Produce.Count()
		}
	}
	if acked != 7200 || read != 3600 || measured != 7200 {
		t.Errorf("%d acknowledged, %d read, %d measured", acked, read, measured)
	}
}

// A percentile is exact below 64 ns, and at most a 32nd too high above.
func TestPercentiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var d, first, second Distribution
	var all []time.Duration
	for i := range 20_000 {
		took := time.Duration(1) << random.IntN(40)
		took += time.Duration(random.Int64N(int64(took)))
		all = append(all, took)
		d.Add(took, 1)
		[]*Distribution{&first, &second}[i%2].Add(took, 1)
	}
	slices.Sort(all)
	first.Merge(&second)
	for _, percent := range []float64{0.1, 10, 50, 90, 99, 99.9, 100} {
		want := all[max(int(percent/100*float64(len(all))+0.999999)-1, 0)]
		got := d.Percentile(percent)
		if got < want || float64(got) > float64(want)*(1+1.0/parts) {
			t.Errorf("p%v is %v, want %v", percent, got, want)
		}
		if merged := first.Percentile(percent); merged != got {
			t.Errorf("p%v of the merged halves is %v, of the whole %v", percent, merged, got)
		}
	}
	if d.Max() != all[len(all)-1] {
		t.Errorf("max %v, want %v", d.Max(), all[len(all)-1])
	}
	if (&Distribution{}).Percentile(50) != 0 {
		t.Error("nothing has a median")
	}
}
