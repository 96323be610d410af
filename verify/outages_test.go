package verify

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

const ms = history.Time(time.Millisecond)

// produceAt is a produce operation that took two milliseconds.
func produceAt(at history.Time, partition int32, outcome history.Outcome) history.Entry {
	return history.Entry{Operation: &history.Operation{
		Process: "producer-0", Kind: history.Produce, Outcome: outcome, Invoke: at - 2*ms, Return: at,
		Runs: []history.Run{{Partition: history.Partition{Topic: "orders", Index: partition}, Count: 1}},
	}}
}

// produceTo is a produce operation to the only partition of a topic.
func produceTo(at history.Time, topic string) history.Entry {
	entry := produceAt(at, 0, history.OK)
	entry.Operation.Runs[0].Partition.Topic = topic
	return entry
}

func stageAt(at history.Time, stage history.Stage) history.Entry {
	return history.Entry{Operation: &history.Operation{
		Process: "nemesis", Kind: history.Fault, Outcome: history.OK, Invoke: at, Return: at,
		Fault: &history.FaultStage{Fault: "kill", Target: "node 0", Stage: stage},
	}}
}

// The outage of everything, and the longest of any single partition, as clients saw them.
func TestOutages(t *testing.T) {
	e := New(Expect{})
	feed := func(from, to history.Time, partitions ...int32) {
		for at := from; at <= to; at += 5 * ms {
			for _, p := range partitions {
				e.Observe(produceAt(at, p, history.OK))
			}
		}
	}
	feed(5*ms, 1000*ms, 0, 1)
	e.Observe(stageAt(1001*ms, history.Inject))
	e.Observe(produceAt(1100*ms, 0, history.Unknown)) // no success
	feed(1400*ms, 1600*ms, 0)                         // partition 1 is still down
	e.Observe(stageAt(1600*ms, history.ProveHealed))
	feed(1605*ms, 3000*ms, 0, 1)
	want := []Outage{
		{Partition: "all", From: 1000 * ms, To: 1400 * ms, Fault: "kill node 0"},
		{Partition: "orders/1", From: 1000 * ms, To: 1605 * ms, Fault: "kill node 0"},
	}
	got := e.Report().Outages
	if !slices.Equal(got, want) {
		t.Errorf("outages are %+v, want %+v", got, want)
	}
	if got[0].Duration() != 400*time.Millisecond {
		t.Errorf("the first took %v", got[0].Duration())
	}
}

// Topics may promise different things: the outages of each are told, of those that overlap the longest.
func TestOutagesOfEachTopic(t *testing.T) {
	e := New(Expect{})
	for at := 5 * ms; at <= 3000*ms; at += 5 * ms {
		for topic, down := range map[string][2]history.Time{"orders": {1000 * ms, 1400 * ms}, "payments": {1000 * ms, 2000 * ms}, "clicks": {}} {
			if at <= down[0] || at >= down[1] {
				e.Observe(produceTo(at, topic))
			}
		}
		if at <= 1050*ms || at >= 1300*ms && at <= 2400*ms || at >= 2600*ms {
			e.Observe(produceAt(at, 1, history.OK))
		}
	}
	want := []Outage{{Partition: "orders/0", From: 1000 * ms, To: 1400 * ms}, {Partition: "orders/1", From: 2400 * ms, To: 2600 * ms}, {Partition: "payments/0", From: 1000 * ms, To: 2000 * ms}}
	if got := e.Report().Outages; !slices.Equal(got, want) {
		t.Errorf("outages are %+v, want %+v", got, want)
	}
}

// What never came back is an outage to the last failed operation.
func TestOpenOutage(t *testing.T) {
	e := New(Expect{})
	for at := 5 * ms; at <= 500*ms; at += 5 * ms {
		e.Observe(produceAt(at, 0, history.OK))
	}
	e.Observe(produceAt(2500*ms, 0, history.Unknown))
	want := Outage{Partition: "all", From: 500 * ms, To: 2500 * ms, Open: true}
	if got := e.Report().Outages; len(got) != 2 || got[0] != want {
		t.Errorf("outages are %+v, want %+v first", got, want)
	}
}

// A pause that is usual for the load is no outage.
func TestUsualPausesAreNoOutages(t *testing.T) {
	e := New(Expect{})
	for at := 200 * ms; at <= 40_000*ms; at += 200 * ms {
		e.Observe(produceAt(at, 0, history.OK))
	}
	if got := e.Report().Outages; len(got) != 0 {
		t.Errorf("outages are %+v, want none at one operation in 200 ms", got)
	}
}

func TestPausesAreBounded(t *testing.T) {
	var p pulse
	var q quantiles
	at := history.Time(0)
	for i := range history.Time(3 * pausesMax) {
		at += 101*ms + i // each a little longer
		p.beat(at, true, true, &q)
	}
	if len(p.pauses) != pausesMax {
		t.Fatalf("%d pauses are kept, want %d", len(p.pauses), pausesMax)
	}
	for _, kept := range p.pauses {
		if kept.to-kept.from < 101*ms+2*pausesMax {
			t.Fatalf("a pause of %v was kept, longer ones were not", time.Duration(kept.to-kept.from))
		}
	}
}

func TestQuantilesAreNearAndNotBelow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var q quantiles
		values := make([]time.Duration, 1+rng.IntN(500))
		for i := range values {
			values[i] = time.Duration(1 + rng.Int64N(1<<(1+rng.IntN(40))))
			q.add(values[i])
		}
		slices.Sort(values)
		want := values[(len(values)*99+99)/100-1]
		if got := q.p99(); got < want || float64(got) > float64(want)*1.125+2 {
			t.Fatalf("p99 of %d values is %d, want %d to an eighth more", len(values), got, want)
		}
	}
}
