package verify

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// wildAnswers has answers of few epochs with random intervals and high watermarks near the truth, and
// acknowledgements between them.
func wildAnswers(seed uint64, n int, epochs int32, slips int) []history.Entry {
	rng := rand.New(rand.NewPCG(seed, 11))
	now, end := history.Time(100), int64(0)
	var list []history.Entry
	for range n {
		now += history.Time(rng.Int64N(3)) // equal returns happen
		op := &history.Operation{Process: "client", Outcome: history.OK, Invoke: now - history.Time(rng.Int64N(20)), Return: now}
		if rng.IntN(2) == 0 {
			op.Kind = history.Produce
			op.Runs = []history.Run{{Partition: simPartitions[0], FirstOffset: end, FirstSequence: end, Count: 1}}
			end++
		} else {
			high := end
			if rng.IntN(slips) == 0 {
				high = max(0, end-rng.Int64N(8))
			}
			op.Kind = history.Fetch
			op.Watermarks = []history.Watermark{{
				Partition: simPartitions[0], HighWatermark: high, LastStable: high, Next: history.Unset, LeaderEpoch: rng.Int32N(epochs),
			}}
		}
		list = append(list, history.Entry{Operation: op})
	}
	barrier := history.Run{Partition: simPartitions[0], FirstOffset: end, Producer: history.BarrierProducer, Count: 1}
	records := history.Run{Partition: simPartitions[0], Count: int32(end)}
	for _, op := range []history.Operation{
		{Process: "barrier", Kind: history.Barrier, Outcome: history.OK, Invoke: now + 1, Return: now + 2, Runs: []history.Run{barrier}},
		{Process: "scan", Kind: history.Scan, Outcome: history.OK, Invoke: now + 3, Return: now + 4, Runs: []history.Run{records, barrier}},
	} {
		list = append(list, history.Entry{Operation: &op})
	}
	return list
}

// Going back is compared with the definition: every answer with every answer of its epoch.
func TestWatermarkRegressAgreesWithItsDefinition(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		list := wildAnswers(seed, 60, 3, 12)
		e := New(Expect{Rules: []Rule{Watermarks}})
		want := int64(0)
		for _, entry := range list {
			e.Observe(entry)
			op := entry.Operation
			for _, other := range list {
				earlier := other.Operation
				if len(op.Watermarks)*len(earlier.Watermarks) == 1 && earlier.Return < op.Invoke &&
					earlier.Watermarks[0].LeaderEpoch == op.Watermarks[0].LeaderEpoch &&
					earlier.Watermarks[0].HighWatermark > op.Watermarks[0].HighWatermark {
					want++
					break
				}
			}
		}
		if got := e.Report().Rules[5].Total; got != want {
			t.Fatalf("seed %d: %d violations, by definition %d", seed, got, want)
		}
		if want > 0 {
			found++
		}
	}
	if found < 50 || found > 250 {
		t.Errorf("%d of 300 histories have violations: the test should see both kinds often", found)
	}
}

// Without elections the rule is its definition: no answer may fail to cover what was acknowledged
// before it was asked for, if that was sent when the epoch was known.
func TestRecencyAgreesWithItsDefinition(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		list := wildAnswers(seed, 60, 1, 20)
		e := New(Expect{Rules: []Rule{Recency}})
		known, want := history.Never, false
		for _, entry := range list {
			e.Observe(entry)
			op := entry.Operation
			if len(op.Watermarks) == 0 {
				continue
			}
			known = min(known, op.Return)
			for _, other := range list {
				ack := other.Operation
				want = want || ack.Kind == history.Produce && known < ack.Invoke && ack.Return < op.Invoke && ack.Runs[0].FirstOffset >= op.Watermarks[0].HighWatermark
			}
		}
		if got := e.Report().Rules[6].Total > 0; got != want {
			t.Fatalf("seed %d: violated %v, by definition %v", seed, got, want)
		}
		if want {
			found++
		}
	}
	if found < 50 || found > 250 {
		t.Errorf("%d of 300 histories are stale: the test should see both kinds often", found)
	}
}

// Without a scan to the barrier nobody knows which epoch was the last, and who acknowledged what.
func TestRecencyIsStrictOnlyBelowTheBarrier(t *testing.T) {
	a := named(t, "stale-read")
	r := check(t, a.entries[:len(a.entries)-1], Expect{Rules: []Rule{Recency}})
	if got := failures(r); len(got) != 0 || r.Rules[6].Detail == "" {
		t.Errorf("anomalies %q, detail %q; want none, and the window told", got, r.Rules[6].Detail)
	}
}

// With less than acks=all an acknowledged record need not be committed.
func TestUncommittedAcksAreNotExpectedToBeServed(t *testing.T) {
	a := named(t, "stale-read")
	a.expect.UncommittedAcks = true
	if got := failures(check(t, a.entries, a.expect)); len(got) != 0 {
		t.Errorf("anomalies are %q, want none", got)
	}
}

// How long a leader may be behind is the run's to say, and time under a fault does not count.
func TestTheAllowanceIsKept(t *testing.T) {
	a := named(t, "stale-leader.clean")
	for within, want := range map[time.Duration]Verdict{0: Pass, time.Second: Pass, 400 * time.Millisecond: Fail} {
		a.expect.StaleWithin = within
		if r := check(t, a.entries, a.expect); r.Verdict != want {
			t.Errorf("within %v the verdict is %s, want %s", within, r.Verdict, want)
		}
	}
	a = named(t, "stale-leader")
	stage := &history.FaultStage{Fault: "pause", Target: "node 1", Stage: history.Inject}
	inject := history.Entry{Operation: &history.Operation{
		Process: "nemesis", Kind: history.Fault, Outcome: history.OK, Invoke: 3e6, Return: 4e6, Fault: stage,
	}}
	list := append([]history.Entry{a.entries[0], inject}, a.entries[1:]...)
	r := check(t, list, a.expect)
	if got := failures(r); len(got) != 0 || !strings.Contains(r.Rules[6].Detail, "1 permitted stale window") {
		t.Errorf("under a fault: anomalies %q, detail %q; want none, and the window told", got, r.Rules[6].Detail)
	}
}

// Answers that name no epoch are judged by themselves and for staying behind.
func TestAnswersWithoutEpoch(t *testing.T) {
	for name, want := range map[string]string{
		"watermark-regress": "", "stale-read": "", "stale-leader": "recency stale-read", "read-above-watermark": "watermarks read-above-watermark",
	} {
		a := named(t, name)
		for _, e := range a.entries {
			for i := range e.Operation.Watermarks {
				e.Operation.Watermarks[i].LeaderEpoch = int32(history.Unset)
			}
		}
		if got := strings.Join(failures(check(t, a.entries, a.expect)), ", "); got != want {
			t.Errorf("%s without epochs: %q, want %q", name, got, want)
		}
	}
}

// Only the newest epochs are kept, and an older one is not judged by the numbers of another.
func TestTermsAreBounded(t *testing.T) {
	var all terms[int]
	for epoch := range int32(3 * termsMax) {
		*all.of(2 * epoch) = int(2 * epoch)
	}
	newest := int32(2 * (3*termsMax - 1))
	if len(all.list) != termsMax || *all.of(newest) != int(newest) || all.of(0) != nil {
		t.Errorf("kept are %d epochs, %d of the newest", len(all.list), *all.of(newest))
	}
	if between := all.of(newest - 1); between == nil || *between != 0 || len(all.list) != termsMax {
		t.Errorf("an epoch between the kept ones is %v among %d, want a new one", between, len(all.list))
	}
	var n notices
	for epoch := range int32(3 * noticesMax) {
		n.hear(epoch, history.Time(10*epoch))
		n.hear(epoch-1, history.Time(10*epoch+1)) // no news
		n.hear(int32(history.Unset), history.Time(10*epoch+2))
	}
	last := int32(3*noticesMax - 1)
	if len(n) != noticesMax || n.newest() != last || n.before(history.Time(10*last)) != last-1 || n.before(5) != -1 {
		t.Errorf("%d notices to epoch %d, before it %d", len(n), n.newest(), n.before(history.Time(10*last)))
	}
	if n.deposed(last) != history.Never || n.deposed(last-1) != history.Time(10*last) || n.deposed(0) <= 10 {
		t.Errorf("deposed: the last at %d, the one before at %d, the first at %d", n.deposed(last), n.deposed(last-1), n.deposed(0))
	}
}
