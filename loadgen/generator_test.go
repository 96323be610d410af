package loadgen

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/client/clienttest"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// tally counts the records of a history by kind and outcome while it is recorded.
type tally struct {
	*history.Recorder
	mu       sync.Mutex
	records  map[history.Kind]map[history.Outcome]uint64
	attempts uint64
}

func newTally(t *testing.T) *tally {
	t.Helper()
	base := time.Now()
	recorder, err := history.NewRecorder(&bytes.Buffer{}, history.Meta{}, func() history.Time { return history.Time(time.Since(base)) })
	if err != nil {
		t.Fatal(err)
	}
	c := &tally{Recorder: recorder, records: map[history.Kind]map[history.Outcome]uint64{}}
	recorder.Observer = func(e history.Entry) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.Attempt != nil {
			c.attempts++
			return
		}
		op := e.Operation
		if c.records[op.Kind] == nil {
			c.records[op.Kind] = map[history.Outcome]uint64{}
		}
		for _, run := range op.Runs {
			c.records[op.Kind][op.Outcome] += uint64(run.Count)
		}
	}
	t.Cleanup(func() {
		if err := recorder.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *tally) count(kind history.Kind, outcome history.Outcome) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records[kind][outcome]
}

// until polls a counter that another goroutine moves.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !reached() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("never came: %s", what)
		}
	}
}

func newRun(t *testing.T, options clienttest.Options, change func(*Config)) (*Generator, *clienttest.Broker, *tally) {
	t.Helper()
	broker, err := clienttest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	c := validConfig()
	counts := newTally(t)
	c.Brokers, c.Recorder = []string{broker.Addr()}, counts
	c.Client = client.Options{MetadataMinAge: 10 * time.Millisecond, RetryBackoff: 5 * time.Millisecond}
	change(&c)
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g, broker, counts
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWholeRun(t *testing.T) {
	g, broker, counts := newRun(t, clienttest.Options{}, func(*Config) {})
	ctx := testContext(t)
	step := func(what string, f func(context.Context) error) {
		t.Helper()
		if err := f(ctx); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	step("Setup", g.Setup)
	step("Start", g.Start)
	until(t, "200 records acknowledged and received by both readers", func() bool {
		s := g.Snapshot()
		return s.Acked >= 200 && s.Received >= 400
	})
	if s := g.Snapshot(); s.Intended < s.Acked || s.Sent < s.Acked || s.Response.Count() < 200 {
		t.Errorf("snapshot %+v", s)
	}
	broker.CutAll()
	until(t, "400 records acknowledged", func() bool { return g.Snapshot().Acked >= 400 })
	step("StopLoad", g.StopLoad)
	step("Barrier", g.Barrier)
	step("Scan", g.Scan)
	step("StopReaders", g.StopReaders)
	g.Close()

	r := g.Result()
	if err := r.Identity(); err != nil {
		t.Error(err)
	}
	a := r.Accounting
	if a.Acked != a.Sent || a.Acked != counts.count(history.Produce, history.OK) || a.Dropped != 0 || a.Intended < 400 {
		t.Errorf("accounting\n%v and %d records acknowledged in the history", a, counts.count(history.Produce, history.OK))
	}
	if len(a.Readers) != 3 {
		t.Fatalf("%d readers; want two and the scan", len(a.Readers))
	}
	for _, reader := range a.Readers {
		// The test's broker knows no duplicates: what was sent again after the cut is in its log twice.
		if reader.Unique != a.Acked || reader.Barriers != 3 {
			t.Errorf("%+v; want %d unique records and 3 barriers", reader, a.Acked)
		}
	}
	if scanned := counts.count(history.Scan, history.OK); scanned != a.Readers[2].Received+3 {
		t.Errorf("the history has %d scanned records, the accounting %d and 3 barriers", scanned, a.Readers[2].Received)
	}
	if counts.count(history.Barrier, history.OK) != 3 || counts.attempts != r.Attempts || r.Tap != nil {
		t.Errorf("%d barriers, %d attempts in the history and %d in the result, tap %v", counts.count(history.Barrier, history.OK), counts.attempts, r.Attempts, r.Tap)
	}
	if r.AckedOver() < time.Duration(r.LastAck-r.Started) || r.EndToEnd.Count() == 0 || r.Stopped <= r.Started || !r.StoppedAt.After(r.StartedAt) {
		t.Errorf("acknowledged over %v, %d end to end, from %v to %v", r.AckedOver(), r.EndToEnd.Count(), r.Started, r.Stopped)
	}
}

func TestRunOnAClusterThatDies(t *testing.T) {
	g, broker, counts := newRun(t, clienttest.Options{}, func(c *Config) {
		c.MaxBehind, c.MaxInFlightRecords = 20*time.Millisecond, 100
	})
	ctx := testContext(t)
	if err := g.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	if err := g.Start(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "records acknowledged", func() bool { return g.Snapshot().Acked > 0 })
	broker.Close()
	until(t, "records dropped", func() bool { return g.Snapshot().Dropped > 10 })
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := g.StopLoad(ended); err == nil || !strings.Contains(err.Error(), "were not answered") {
		t.Errorf("StopLoad: %v; want how many records were given up", err)
	}
	if err := g.Barrier(ended); err == nil {
		t.Error("a dead cluster took a barrier")
	}
	if err := g.Scan(ended); err == nil || !strings.Contains(err.Error(), "3 of 3 partitions have no acknowledged barrier") {
		t.Errorf("Scan: %v; want the partitions that have no end", err)
	}
	if err := g.StopReaders(ended); err == nil {
		t.Error("readers reached a barrier that does not exist")
	}
	g.Close()
	r := g.Result()
	if err := r.Identity(); err != nil {
		t.Error(err)
	}
	a := r.Accounting
	if a.Failed+a.Unknown == 0 || a.Failed != counts.count(history.Produce, history.Fail) || a.Unknown != counts.count(history.Produce, history.Unknown) {
		t.Errorf("accounting\n%v and %d failed, %d unknown in the history", a, counts.count(history.Produce, history.Fail), counts.count(history.Produce, history.Unknown))
	}
}

func TestStepsOutOfTurn(t *testing.T) {
	g, _, _ := newRun(t, clienttest.Options{}, func(*Config) {})
	ctx := testContext(t)
	for name, step := range map[string]func(context.Context) error{
		"Start": g.Start, "StopLoad": g.StopLoad, "Barrier": g.Barrier, "Scan": g.Scan, "StopReaders": g.StopReaders,
	} {
		if err := step(ctx); err == nil {
			t.Errorf("%s came before Setup and was taken", name)
		}
	}
	if s := g.Snapshot(); s.Intended != 0 || s.Sent != 0 {
		t.Errorf("nothing began and the snapshot is %+v", s)
	}
	if err := g.Result().Identity(); err != nil {
		t.Errorf("nothing began and the accounting does not add up: %v", err)
	}
	g.Close()
	g.Close()
}

func TestCloseInTheMiddleOfTheLoad(t *testing.T) {
	g, _, _ := newRun(t, clienttest.Options{}, func(*Config) {})
	ctx := testContext(t)
	if err := g.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	if err := g.Start(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "records acknowledged", func() bool { return g.Snapshot().Acked > 0 })
	g.Close()
	if err := g.Result().Identity(); err != nil {
		t.Error(err)
	}
}

func TestSetupRefusesATopicOfAnotherRun(t *testing.T) {
	g, _, _ := newRun(t, clienttest.Options{}, func(*Config) {})
	ctx := testContext(t)
	if err := g.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	other, err := New(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Setup(ctx); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("%v; want the topic to be refused", err)
	}
}

func TestHistogramsAreReadByTheFormatsReader(t *testing.T) {
	dir := t.TempDir()
	r := Result{StartedAt: time.UnixMilli(1_700_000_000_500), StoppedAt: time.UnixMilli(1_700_000_010_500)}
	for i := range 1000 {
		r.Response.record(0, history.Time(i)*history.Time(time.Millisecond))
	}
	if err := r.WriteHistograms(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"response": 1000, "service": 0, "slip": 0, "end_to_end": 0} {
		f, err := os.Open(filepath.Join(dir, name+".hlog"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := hdrhistogram.NewHistogramLogReader(f).NextIntervalHistogram()
		f.Close()
		if err != nil || h == nil || h.TotalCount() != want || h.Tag() != name {
			t.Fatalf("%s: %v, %v", name, h, err)
		}
		if got := h.EndTimeMs() - h.StartTimeMs(); got != 10_000 {
			t.Errorf("%s: an interval of %d ms; want 10000", name, got)
		}
		if name == "response" && !h.Equals(r.Response.Histogram()) {
			t.Error("the histogram came back changed")
		}
	}
	if err := r.WriteHistograms(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("histograms were written into a folder that does not exist")
	}
}

func TestRateIsKept(t *testing.T) {
	// The parts of the schedule are dealt out, so together they are the configured rate exactly.
	c := validConfig()
	c.Producers = 7
	var sum uint64
	for i := range c.Producers {
		sum += pace.Share(pace.Constant(c.Rate), i, c.Producers).Due(time.Minute)
	}
	if sum != 120_001 {
		t.Errorf("%d records in a minute; want 120001", sum)
	}
}
