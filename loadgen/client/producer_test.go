package client

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/logproof/logproof/loadgen/client/clienttest"
	"github.com/logproof/logproof/verify/history"
)

func TestProducerRecordsWhatWasAcknowledged(t *testing.T) {
	for _, version := range []int16{9, 13} {
		s := newStage(t, 2, clienttest.Options{MaxProduce: version})
		var settled []Settlement
		p := s.producer(t, DefaultProducerSpec(), func(x Settlement) { settled = append(settled, x) })
		s.send(t, p, 100)
		ops := s.memory.of(history.Produce)
		if got := records(ops, history.OK); got != 100 || len(settled) != 100 {
			t.Errorf("v%d: %d records acknowledged in the history and %d settled; want 100", version, got, len(settled))
		}
		next := map[history.Partition]int64{}
		for _, op := range ops {
			run := op.Runs[0]
			if run.FirstSequence != next[run.Partition] || run.FirstOffset != run.FirstSequence || op.Invoke > op.Return {
				t.Errorf("v%d: operation %+v; want dense sequences that equal offsets", version, op)
			}
			next[run.Partition] += int64(run.Count)
		}
		for _, x := range settled {
			if x.Outcome != history.OK || x.Intended > x.Called || x.Called > x.Returned {
				t.Errorf("v%d: settlement %+v", version, x)
			}
		}
		attempted := 0
		for _, a := range s.memory.wire() {
			if a.Partition.Topic != "orders" || a.Error != 0 || a.Answered == history.Never || a.Version != version {
				t.Errorf("v%d: attempt %+v", version, a)
			}
			attempted += int(a.Count)
		}
		if attempted != 100 || s.shared.Tap.Broken() != nil || s.shared.Tap.Attempts() == 0 {
			t.Errorf("v%d: %d records attempted, %v", version, attempted, s.shared.Tap.Broken())
		}
	}
}

func TestRetryAfterACutIsOneOperationAndTwoAttempts(t *testing.T) {
	s := newStage(t, 1, clienttest.Options{Script: func(p clienttest.Produce) clienttest.Reply {
		return clienttest.Reply{Cut: p.Number == 1, Skip: p.Number > 1, Error: map[bool]int16{true: kerr.DuplicateSequenceNumber.Code}[p.Number > 1]}
	}})
	p := s.producer(t, DefaultProducerSpec(), nil)
	s.send(t, p, 1)
	if got := describe(s.memory.of(history.Produce)); !slices.Equal(got, []string{"0 ok 0+1@-1"}) {
		t.Errorf("operations %q; want the duplicate to be ok with its offset unknown", got)
	}
	attempts := s.memory.wire()
	if len(attempts) != 2 || attempts[0].Answered != history.Never || attempts[1].Error != kerr.DuplicateSequenceNumber.Code || attempts[1].BaseOffset != history.Unset {
		t.Errorf("attempts %+v; want one cut and one answered as a duplicate", attempts)
	}
}

func TestFailureThatWasWrittenIsUnknown(t *testing.T) {
	s := newStage(t, 1, clienttest.Options{Script: func(clienttest.Produce) clienttest.Reply {
		return clienttest.Reply{Error: kerr.MessageTooLarge.Code} // appended all the same
	}})
	p := s.producer(t, DefaultProducerSpec(), nil)
	s.send(t, p, 3)
	ops := s.memory.of(history.Produce)
	if got := records(ops, history.Unknown); got != 3 || !strings.Contains(ops[0].Error, "MESSAGE_TOO_LARGE") {
		t.Errorf("%d records unknown, %q; want 3 with the broker's error", got, ops[0].Error)
	}
}

func TestFailureThatNeverLeftIsFail(t *testing.T) {
	s := newStage(t, 1, clienttest.Options{})
	s.shared.Options.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") }
	p := s.producer(t, DefaultProducerSpec(), nil)
	for range 5 {
		p.Send(0, 0)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Drain(ended); err == nil || !strings.Contains(err.Error(), "5 records were not answered") {
		t.Errorf("%v; want the number of records that were given up", err)
	}
	if got := records(s.memory.of(history.Produce), history.Fail); got != 5 {
		t.Errorf("%d records failed for certain; want 5", got)
	}
	if err := p.Close(); err != nil || p.InFlight() != 0 {
		t.Errorf("the second Close: %v, %d in flight", err, p.InFlight())
	}
}

func TestNothingIsKnownWithoutAcks(t *testing.T) {
	s := newStage(t, 1, clienttest.Options{})
	p := s.producer(t, ProducerSpec{Acks: AcksNone, BatchMaxBytes: 1 << 20}, nil)
	s.send(t, p, 10)
	if got := records(s.memory.of(history.Produce), history.Unknown); got != 10 {
		t.Errorf("%d records unknown; want all 10", got)
	}
}

func TestProducerIsFullAndRecovers(t *testing.T) {
	release := make(chan struct{})
	s := newStage(t, 1, clienttest.Options{Script: func(clienttest.Produce) clienttest.Reply {
		<-release
		return clienttest.Reply{}
	}})
	p := s.producer(t, DefaultProducerSpec(), nil)
	sent := 0
	for p.Send(0, 0) {
		sent++
	}
	if sent != 1000 || p.InFlight() != 1000 {
		t.Errorf("%d records were taken, %d are in flight; want 1000", sent, p.InFlight())
	}
	close(release)
	if err := p.Drain(testContext(t)); err != nil {
		t.Fatal(err)
	}
	s.send(t, p, 1)
	if got := records(s.memory.of(history.Produce), history.OK); got != 1001 {
		t.Errorf("%d records acknowledged; want 1001: a refused record takes no sequence", got)
	}
}

func TestGroups(t *testing.T) {
	m := &memory{}
	g := &groups{recorder: m, process: "producer-0", producer: 3, age: time.Hour}
	add := func(partition int32, sequence, offset int64, outcome history.Outcome) {
		g.add(&promise{partition: history.Partition{Topic: "t", Index: partition}, sequence: sequence, offset: offset, invoke: history.Time(100 - sequence), outcome: outcome})
	}
	add(0, 0, 10, history.OK)
	add(0, 1, 11, history.OK)
	add(0, 2, 13, history.OK) // a foreign record lies between
	add(0, 4, 14, history.OK) // a sequence is missing
	add(1, 5, 15, history.OK)
	add(1, 6, -1, history.OK)
	add(1, 7, -1, history.OK)
	add(1, 8, -1, history.Fail)
	g.flush()
	g.flush()
	want := []string{"0 ok 0+2@10", "0 ok 2+1@13", "0 ok 4+1@14", "1 fail 8+1@-1", "1 ok 5+1@15", "1 ok 6+2@-1"}
	if got := describe(m.of(history.Produce)); !slices.Equal(got, want) {
		t.Errorf("operations %q\nwant %q", got, want)
	}
	if op := m.of(history.Produce)[0]; op.Invoke != 99 || op.Runs[0].Producer != 3 {
		t.Errorf("%+v; want the earliest call as the invoke", op)
	}
	for i := range int64(groupMax + 1) {
		add(2, i, i, history.OK)
	}
	g.flush()
	total := 0
	for _, op := range m.of(history.Produce)[6:] {
		if op.Runs[0].Count > groupMax {
			t.Errorf("a group of %d records", op.Runs[0].Count)
		}
		total += int(op.Runs[0].Count)
	}
	if total != groupMax+1 {
		t.Errorf("%d records in all groups; want %d", total, groupMax+1)
	}
}

// waiting is a recorder that tells when an operation came.
type waiting struct {
	memory
	came chan history.Operation
}

func (w *waiting) Operation(op history.Operation) { w.came <- op }

func TestAGroupIsClosedWhenTheBurstEnds(t *testing.T) {
	w := &waiting{came: make(chan history.Operation, 10)}
	g := &groups{recorder: w, process: "producer-0", age: time.Millisecond}
	for burst := range int64(3) {
		g.add(&promise{sequence: burst, offset: burst, outcome: history.OK})
		select {
		case op := <-w.came:
			if op.Runs[0].FirstSequence != burst {
				t.Errorf("operation %+v in burst %d", op, burst)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("burst %d: the group is held back", burst)
		}
	}
}
