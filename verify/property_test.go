package verify

import (
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

var simExpect = Expect{Partitions: simPartitions, Idempotent: true, RequireScan: true, MinAcked: 1, MinRead: 1}

func TestCleanRandomHistoriesPass(t *testing.T) {
	for seed := range uint64(150) {
		s := newSimulation(seed, none)
		if r := check(t, s.run(600), simExpect); r.Verdict != Pass {
			t.Fatalf("seed %d: verdict %s: anomalies %q, undecided %q", seed, r.Verdict, failures(r), undecided(r))
		}
	}
}

// Each single mistake is caught, as what it is and as nothing else.
func TestSingleMistakesAreCaughtAsWhatTheyAre(t *testing.T) {
	for mistake, want := range map[mutation]string{
		dropAcked:    "loss lost-write",
		swapBatches:  "producer-order nonmonotonic-send",
		appendTwice:  "producer-order duplicate",
		skipOffset:   "gaps gap",
		inventRecord: "corruption phantom",
		swapView:     "reader-agreement inconsistent-offsets",
		hideRecord:   "reader-agreement poll-skip",
		flipBits:     "corruption corrupt",
		changeForOne: "reader-agreement inconsistent-offsets",
		oldOffset:    "append-order nonmonotonic-append",
		takeBack:     "watermarks watermark-regress",
		staleMark:    "recency stale-read",
		openRead:     "watermarks read-above-watermark",
		revive:       "watermarks epoch-regress",
	} {
		t.Run(string(mistake), func(t *testing.T) {
			made := 0
			for seed := range uint64(40) {
				s := newSimulation(seed, mistake)
				list := s.run(400)
				if !s.made {
					continue
				}
				made++
				r := check(t, list, simExpect)
				if got := failures(r); r.Verdict != Fail || !slices.Equal(got, []string{want}) {
					for _, rule := range r.Rules {
						for _, a := range rule.Anomalies {
							t.Log(a.Text)
						}
					}
					t.Fatalf("seed %d: verdict %s, anomalies %q, want %q", seed, r.Verdict, got, want)
				}
			}
			if made < 15 {
				t.Errorf("the mistake was made in %d of 40 histories, want at least 15", made)
			}
		})
	}
}

// Append order is compared with the definition, over histories whose offsets are often wrong.
func TestAppendOrderAgreesWithItsDefinition(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		list := wildHistory(seed, 120)
		e := New(Expect{Rules: []Rule{AppendOrder}})
		for _, entry := range list {
			e.Observe(entry)
		}
		got, want := e.Report().Rules[0].Total, dumbAppendOrder(list)
		if got != want {
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

// wildHistory has appends and reads with random intervals, and offsets near the truth.
func wildHistory(seed uint64, n int) []history.Entry {
	rng := rand.New(rand.NewPCG(seed, 3))
	now, end := history.Time(100), int64(0)
	var list []history.Entry
	for range n {
		now += history.Time(rng.Int64N(3)) // equal returns happen
		op := &history.Operation{
			Process: "client", Kind: history.Produce, Outcome: history.OK, Invoke: now - history.Time(rng.Int64N(30)), Return: now,
		}
		offset, count := end, 1+rng.Int32N(3)
		switch rng.IntN(40) {
		case 0:
			offset = max(0, end-rng.Int64N(12))
		case 1:
			op.Kind = history.Fetch
		case 2:
			op.Outcome = history.Unknown
		case 3:
			offset = history.Unset
		}
		if op.Kind == history.Produce {
			end += int64(count)
		}
		op.Runs = []history.Run{{Partition: simPartitions[0], FirstOffset: offset, FirstSequence: end, Count: count}}
		list = append(list, history.Entry{Operation: op})
	}
	return list
}

// dumbAppendOrder is the definition: pairs of operations, everything with everything.
func dumbAppendOrder(list []history.Entry) (violations int64) {
	for _, b := range list {
		op := b.Operation
		if op.Kind != history.Produce || op.Outcome != history.OK || op.Runs[0].FirstOffset == history.Unset {
			continue
		}
		for _, a := range list {
			known := a.Operation
			told := known.Kind == history.Fetch || known.Outcome == history.OK
			if told && known.Runs[0].FirstOffset != history.Unset && known.Return < op.Invoke &&
				known.Runs[0].FirstOffset+int64(known.Runs[0].Count) > op.Runs[0].FirstOffset {
				violations++
				break
			}
		}
	}
	return violations
}

// The staircase stays small, and what it still knows is never more than was known.
func TestThinnedStaircaseIsSound(t *testing.T) {
	var s staircase
	const n = 20 * stepsMax
	for i := range int64(n) {
		s.raise(step{returned: history.Time(10 * i), offset: i}, stepsMax)
		if len(s) > stepsMax {
			t.Fatalf("the staircase has %d steps, the limit is %d", len(s), stepsMax)
		}
	}
	for at := int64(1); at < 10*n; at += 777 {
		truth := (at - 1) / 10
		got := s.before(history.Time(at))
		if got == nil || got.offset > truth {
			t.Fatalf("before %d the staircase knows %+v, the truth is %d", at, got, truth)
		}
		if age := n - truth; age < stepsMax/4 && got.offset != truth {
			t.Fatalf("before %d, %d steps ago, the staircase knows %d, want exactly %d", at, age, got.offset, truth)
		}
	}
}

// Memory does not grow with the history: many interleaved producers, two readers, one of them late.
func TestRetainedIntervalsDoNotGrow(t *testing.T) {
	const rounds, every = 24_000, 3_000
	e := New(Expect{Idempotent: true})
	feed := newStreamer(e)
	var marks []int
	for i := range rounds {
		feed.round()
		if (i+1)%every == 0 {
			marks = append(marks, e.Retained())
		}
	}
	half := len(marks) / 2
	early, late := slices.Max(marks[:half]), slices.Max(marks[half:])
	t.Logf("%d records, intervals kept every %d rounds: %v", e.Snapshot().RecordsAcked, every, marks)
	// One chain hash per block of records is all that grows.
	blocks := int(e.Snapshot().RecordsAcked / history.ChainBlock)
	if late > early+early/10+blocks {
		t.Errorf("the engine kept at most %d intervals in the first half and %d in the second", early, late)
	}
	e.End(io.EOF)
	for _, rule := range e.Report().Rules {
		if rule.Total > 0 {
			t.Errorf("%s found %v", rule.Rule, rule.Anomalies[0].Text)
		}
	}
}

// streamer feeds an engine a clean endless history: three producers whose batches interleave, one
// reader close behind and one a thousand batches behind.
type streamer struct {
	engine   *Engine
	rng      *rand.Rand
	now      history.Time
	end      int64
	sequence [3]int64
	lag      []history.Run
	readers  [2]history.RunBuilder
}

func newStreamer(e *Engine) *streamer {
	return &streamer{engine: e, rng: rand.New(rand.NewPCG(5, 5))}
}

func (f *streamer) round() {
	producer := f.rng.IntN(3)
	run := history.Run{
		Partition: simPartitions[0], FirstOffset: f.end, Producer: uint32(producer), FirstSequence: f.sequence[producer], Count: 4,
	}
	f.end += 4
	f.sequence[producer] += 4
	f.now += 1000
	f.operation("producer", history.Produce, []history.Run{run})
	f.operation("near", history.Fetch, f.read(0, run))
	f.now++
	f.engine.Observe(history.Entry{Operation: &history.Operation{
		Process: "near", Kind: history.Fetch, Outcome: history.OK, Invoke: f.now - 1, Return: f.now,
		Watermarks: []history.Watermark{{
			Partition: run.Partition, HighWatermark: f.end, LastStable: f.end, Next: f.end, LeaderEpoch: int32(f.end / 40_000),
		}},
	}})
	if f.lag = append(f.lag, run); len(f.lag) > 1000 {
		f.operation("far", history.Fetch, f.read(1, f.lag[0]))
		f.lag = f.lag[1:]
	}
}

func (f *streamer) read(i int, run history.Run) []history.Run {
	for k := range int64(run.Count) {
		f.readers[i].Add(run.Partition, run.FirstOffset+k, run.Producer, run.FirstSequence+k, uint64(run.FirstSequence+k))
	}
	return f.readers[i].Runs()
}

func (f *streamer) operation(process string, kind history.Kind, runs []history.Run) {
	f.now++
	f.engine.Observe(history.Entry{Operation: &history.Operation{
		Process: process, Kind: kind, Outcome: history.OK, Invoke: f.now - 1000, Return: f.now, Runs: runs,
	}})
}

func BenchmarkObserve(b *testing.B) {
	f := newStreamer(New(Expect{Idempotent: true}))
	b.ReportAllocs()
	for b.Loop() {
		f.round() // three operations of four records, and what the broker said of one
	}
}
