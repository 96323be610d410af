package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

func TestVerdicts(t *testing.T) {
	var zero Verdict
	if zero != Inconclusive {
		t.Error("the zero verdict is not inconclusive")
	}
	for _, c := range []struct{ a, b, want Verdict }{
		{Pass, Pass, Pass}, {Pass, Inconclusive, Inconclusive}, {Inconclusive, Fail, Fail}, {Fail, Pass, Fail},
		{Inconclusive, Pass, Inconclusive}, {Fail, Inconclusive, Fail},
	} {
		if got := Worst(c.a, c.b); got != c.want {
			t.Errorf("worst of %s and %s is %s, want %s", c.a, c.b, got, c.want)
		}
	}
	for _, v := range []Verdict{Pass, Fail, Inconclusive} {
		data, err := json.Marshal(v)
		var back Verdict
		if err != nil || json.Unmarshal(data, &back) != nil || back != v || string(data) != `"`+v.String()+`"` {
			t.Errorf("%s is %s in JSON and comes back as %s", v, data, back)
		}
	}
	if err := new(Verdict).UnmarshalText([]byte("green")); err == nil {
		t.Error("the verdict green was accepted")
	}
}

// named finds a history of the zoo.
func named(t *testing.T, name string) animal {
	t.Helper()
	for _, a := range zoo(t) {
		if a.name == name {
			return a
		}
	}
	t.Fatalf("the zoo has no %s", name)
	return animal{}
}

// A torn history never passes, keeps its failures, and has no phantoms: the operation that sent a
// record may be in the part that is missing.
func TestTornHistories(t *testing.T) {
	torn := &history.TornError{Blocks: 3, Reason: "the recorder was not closed"}
	for name, want := range map[string]Verdict{"lost-write.clean": Inconclusive, "lost-write": Fail, "phantom": Inconclusive} {
		a := named(t, name)
		r, err := Check(&entries{a.entries, torn}, a.expect)
		if err != nil || r.Verdict != want {
			t.Errorf("%s, torn: verdict %s and %v, want %s", name, r.Verdict, err, want)
		}
		if got := undecided(r); !slices.Contains(got, "history") {
			t.Errorf("%s, torn: inconclusive are %q, want history among them", name, got)
		}
	}
}

// A source that cannot be read is an error, and the report so far is no pass.
func TestUnreadableSource(t *testing.T) {
	a := named(t, "lost-write.clean")
	broken := errors.New("input/output error")
	r, err := Check(&entries{a.entries, broken}, a.expect)
	if !errors.Is(err, broken) || r.Verdict == Pass {
		t.Errorf("verdict %s and %v, want the source's error and no pass", r.Verdict, err)
	}
}

// A report in the middle is a snapshot: never a pass, and the final report is not changed by it.
func TestReportsInTheMiddleChangeNothing(t *testing.T) {
	for _, a := range zoo(t) {
		plain, busy := New(a.expect), New(a.expect)
		for i, e := range a.entries {
			plain.Observe(e)
			busy.Observe(e)
			if r := busy.Report(); r.Verdict == Pass {
				t.Errorf("%s: passed after %d of %d entries", a.name, i+1, len(a.entries))
			}
		}
		plain.End(io.EOF)
		busy.End(nil)
		if one, two := asJSON(t, plain.Report()), asJSON(t, busy.Report()); one != two {
			t.Errorf("%s: the report differs after reports in the middle:\n%s\n%s", a.name, one, two)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExpectationsAreValidated(t *testing.T) {
	for want, x := range map[string]Expect{
		"unknown rule \"los\"":  {Rules: []Rule{"los"}},
		"no partition is named": {RequireScan: true},
		"must not be negative":  {Faults: -1},
		"min_committed -1":      {MinCommitted: -1},
		"want a group and at":   {ExactlyOnce: []Transform{{Group: "g", Inputs: simPartitions}}},
		"an output is an input": {ExactlyOnce: []Transform{{Group: "g", Inputs: simPartitions, Outputs: simPartitions}}},
	} {
		if _, err := Check(&entries{nil, io.EOF}, x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	r := check(t, named(t, "lost-write.clean").entries, Expect{Rules: []Rule{}})
	if r.Verdict != Inconclusive {
		t.Errorf("without any rule the verdict is %s", r.Verdict)
	}
}

// What idempotent producers promise is not asked of others.
func TestProducerOrderIsOnlyAskedOfIdempotentProducers(t *testing.T) {
	a := named(t, "duplicate")
	a.expect.Idempotent = false
	r := check(t, a.entries, a.expect)
	if r.Verdict != Pass || r.Rules[1].Asked || r.Rules[1].Verdict != Inconclusive || r.Rules[1].Skipped == "" {
		t.Errorf("verdict %s, producer-order %+v; want a pass with producer-order not asked", r.Verdict, r.Rules[1])
	}
}

func TestFloorsAreChecked(t *testing.T) {
	a := named(t, "poll-skip.clean") // 4 records acknowledged, 6 read
	for want, x := range map[Verdict]func(*Expect){
		Pass:         func(x *Expect) { x.MinAcked, x.MinRead = 4, 6 },
		Inconclusive: func(x *Expect) { x.MinRead = 7 },
	} {
		x(&a.expect)
		if r := check(t, a.entries, a.expect); r.Verdict != want {
			t.Errorf("verdict %s, want %s", r.Verdict, want)
		}
	}
	a.expect.MinAcked, a.expect.MinRead = 5, 0
	if r := check(t, a.entries, a.expect); r.Verdict != Inconclusive {
		t.Errorf("below the floor of acknowledged records the verdict is %s", r.Verdict)
	}
}

// CheckFile judges a file and brings the operations that prove what it found.
func TestCheckFileBringsEvidence(t *testing.T) {
	a := named(t, "lost-write-middle")
	path := filepath.Join(t.TempDir(), "history.bin")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := history.NewRecorder(f, history.Meta{}, func() history.Time { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.entries {
		rec.Operation(*e.Operation)
	}
	if err := errors.Join(rec.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := CheckFile(path, a.expect)
	if err != nil || r.Verdict != Fail {
		t.Fatalf("verdict %s and %v, want a fail", r.Verdict, err)
	}
	lost := r.Rules[3].Anomalies[0]
	if len(lost.Evidence) == 0 || lost.Evidence[0].Process != "producer-0" || lost.Evidence[0].Runs[0].FirstSequence != 2 {
		t.Errorf("evidence is %+v, want the acknowledgement of sequence 2 first", lost.Evidence)
	}
	if _, err := CheckFile(path+".missing", a.expect); err == nil {
		t.Error("a missing file was judged")
	}
}

// The form of a report in JSON is read by other programs.
func TestReportInJSON(t *testing.T) {
	a := named(t, "lost-write")
	data, err := json.MarshalIndent(check(t, a.entries, a.expect), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.golden.json"
	if *update {
		if err := os.WriteFile(golden, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(data)+"\n" != string(want) {
		t.Errorf("the report changed; run with -update and review the difference; got\n%s", data)
	}
}

// With several producers in a partition a loss far back is still found; offsets may be forgotten.
func TestLossFarBackIsFound(t *testing.T) {
	f := newStreamer(New(Expect{Idempotent: true}))
	for range 10_000 {
		f.round()
	}
	e, p := f.engine, simPartitions[0]
	op := func(kind history.Kind, run history.Run) {
		f.operation("scan", kind, []history.Run{run})
	}
	barrier := history.Run{Partition: p, FirstOffset: f.end, Producer: history.BarrierProducer, Count: 1}
	op(history.Barrier, barrier)
	offset := int64(0)
	for producer, n := range f.sequence {
		first := int64(0)
		if producer == 1 {
			op(history.Scan, history.Run{Partition: p, FirstOffset: offset, Producer: 1, Count: 100})
			first, offset = 107, offset+100 // sequences 100..106 are lost
		}
		op(history.Scan, history.Run{Partition: p, FirstOffset: offset, Producer: uint32(producer), FirstSequence: first, Count: int32(n - first)})
		offset += n - first
	}
	op(history.Scan, barrier)
	e.End(nil)
	r := e.Report()
	lost := r.Rules[3]
	if lost.Total != 1 || lost.Anomalies[0].Class != LostWrite || lost.Anomalies[0].FirstSequence != 100 || lost.Anomalies[0].Count != 7 {
		t.Errorf("loss found %+v, want sequences 100..106 of producer 1", lost.Anomalies)
	}
}

// Two readers who differ far back, where single records are forgotten, differ in a chain.
func TestOldDisagreementShowsInTheChain(t *testing.T) {
	e := New(Expect{Rules: []Rule{ReaderAgreement}})
	f := newStreamer(e)
	var runs []history.Run
	for range 12_000 {
		f.round()
		runs = append(runs, f.lag[len(f.lag)-1])
	}
	var late history.RunBuilder
	for i, run := range runs {
		for k := range int64(run.Count) {
			hash := uint64(run.FirstSequence + k)
			if i == 1500 {
				hash++ // another content, in the second block
			}
			late.Add(run.Partition, run.FirstOffset+k, run.Producer, run.FirstSequence+k, hash)
		}
		f.operation("late", history.Fetch, late.Runs())
	}
	e.End(nil)
	rule := e.Report().Rules[2]
	if rule.Total != 1 || rule.Anomalies[0].Class != InconsistentOffsets || rule.Anomalies[0].Offset != history.ChainBlock {
		t.Errorf("found %+v, want one difference in offsets %d..%d", rule.Anomalies, history.ChainBlock, 2*history.ChainBlock-1)
	}
}

// A second scan is compared with the first like any reader.
func TestSecondScanIsAReader(t *testing.T) {
	a := named(t, "inconsistent-offsets.clean")
	again := *a.entries[len(a.entries)-1].Operation
	again.Process = "scan-2"
	again.Runs = slices.Clone(again.Runs)
	again.Runs[0].Producer, again.Runs[1].Producer = again.Runs[1].Producer, again.Runs[0].Producer
	list := append(slices.Clone(a.entries), history.Entry{Operation: &again})
	if got := failures(check(t, list, a.expect)); !slices.Equal(got, []string{"reader-agreement inconsistent-offsets"}) {
		t.Errorf("anomalies are %q", got)
	}
}

// The window is compared with a map of offsets over random claims: while nothing is pruned, both
// find the same conflicts and agreements.
func TestWindowAgreesWithAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for round := range 300 {
		var w window
		dumb := map[int64]claim{}
		for range 60 {
			first := rng.Int64N(80)
			n := claim{
				interval: interval{first, first + 1 + rng.Int64N(10)}, producer: uint32(rng.IntN(20) / 19),
				sequence: first + int64(rng.IntN(20)/19), told: 1 << rng.IntN(3), process: "x",
			}
			var agreed, conflicts, wantAgreed, wantConflicts int64
			agreed = w.tell(n, func(old, new claim) {
				conflicts += old.size()
				if old.interval != new.interval {
					t.Fatalf("a conflict of %v with %v", old, new)
				}
			})
			for o := n.first; o < n.end; o++ {
				one, old := n.part(o, o+1), dumb[o]
				switch {
				case old.told == 0:
				case old.same(one):
					wantAgreed++
					one.told |= old.told
				default:
					wantConflicts++
					if old.told >= one.told {
						one = old
					}
				}
				dumb[o] = one
			}
			if agreed != wantAgreed || conflicts != wantConflicts {
				t.Fatalf("round %d: %d agreed and %d in conflict, want %d and %d", round, agreed, conflicts, wantAgreed, wantConflicts)
			}
		}
		seen := 0
		for i, c := range w.claims {
			if i > 0 && w.claims[i-1].end > c.first {
				t.Fatalf("the window overlaps: %v", w.claims)
			}
			for o := c.first; o < c.end; o++ {
				seen++
				if want := dumb[o]; !c.part(o, o+1).same(want) || c.told != want.told {
					t.Fatalf("offset %d is %+v, want %+v", o, c, want)
				}
			}
		}
		if seen != len(dumb) {
			t.Fatalf("the window holds %d offsets, want %d", seen, len(dumb))
		}
	}
}

func ExampleCheck() {
	text := `
producer-0 produce ok 1..5   orders/0@0=p0:0x2
producer-0 produce ok 6..9   orders/0@2=p0:2
barrier    barrier ok 20..21 orders/0@2=barrier
scan       scan    ok 30..31 orders/0@0=p0:0x2 orders/0@2=barrier
`
	src, err := history.ReadText(strings.NewReader(text))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := Check(src, Expect{Idempotent: true, RequireScan: true, Partitions: []history.Partition{{Topic: "orders"}}})
	fmt.Println(report.Verdict, err)
	for _, rule := range report.Rules {
		for _, a := range rule.Anomalies {
			fmt.Println(a.Class, a.Text)
		}
	}
	// Output:
	// fail <nil>
	// lost-write orders/0: 1 acknowledged record of producer 0 (sequence 2, offset 2) is not in the log below its barrier at 2: the tail of what it had been promised there
}
