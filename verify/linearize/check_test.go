package linearize

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

var expect = verify.Expect{Partitions: []history.Partition{orders}, Idempotent: true, RequireScan: true}

// check judges entries by the rules and by porcupine.
func check(t testing.TB, entries []history.Entry, cfg Config) (verify.Report, Result) {
	t.Helper()
	report := judged(t, entries, cfg.Expect)
	r, err := Check(opener(entries), report, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report, r
}

// Over histories that are correct, and ones in which a few things were changed, both say the same wherever
// both apply.
func TestPorcupineAgreesWithTheRulesOverRandomHistories(t *testing.T) {
	verdicts, unknown, told := map[string]int{}, 0, 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		entries := correct(seed, 150+rng.IntN(500))
		var done []string
		for range seed % 4 { // a quarter stays correct
			done = append(done, spoil(rng, entries))
		}
		report, r := check(t, inOrder(entries), Config{Expect: expect, Seed: int64(seed), Operations: 200 + rng.IntN(400)})
		if len(r.Contradictions) > 0 {
			// That a leader told of an offset before anybody appended there is seen by porcupine only.
			told++
			report, r = check(t, withoutWatermarks(entries), Config{Expect: expect, Seed: int64(seed)})
		}
		for _, c := range r.Contradictions {
			t.Errorf("seed %d (%s): %s", seed, strings.Join(done, ", "), c)
		}
		n := outcomes(r)
		if report.Verdict == verify.Pass && (n[Unknown] > 0 || r.Skipped != "" || len(r.Windows) == 0) {
			t.Errorf("seed %d (%s): windows %v, skipped %q", seed, strings.Join(done, ", "), n, r.Skipped)
		}
		if len(done) == 0 && (n[Illegal] > 0 || report.Verdict != verify.Pass) {
			t.Errorf("seed %d is correct: the rules say %s %v, porcupine %v", seed, report.Verdict, classes(report), n)
		}
		verdicts[report.Verdict.String()]++
		unknown += min(1, n[Unknown])
		if n[Illegal] > 0 {
			verdicts["illegal"]++
		}
	}
	t.Logf("%v, unknown in %d, by watermarks only in %d", verdicts, unknown, told)
	if verdicts["pass"] < 40 || verdicts["illegal"] < 40 || told > 20 {
		t.Errorf("verdicts %v: the test should see both kinds often", verdicts)
	}
}

// withoutWatermarks is a history in which leaders told nothing.
func withoutWatermarks(entries []history.Entry) (rest []history.Entry) {
	for _, e := range entries {
		op := *e.Operation
		if op.Watermarks = nil; len(op.Runs) > 0 {
			rest = append(rest, history.Entry{Operation: &op})
		}
	}
	return rest
}

// A rule that has stopped working is found out: porcupine finds what it misses.
func TestARuleThatMissesSomethingIsFoundOut(t *testing.T) {
	for _, broken := range []verify.Rule{verify.AppendOrder, verify.ReaderAgreement, verify.Loss} {
		found := 0
		for _, a := range zoo(t) {
			half := a.expect
			half.Rules = slices.DeleteFunc(verify.Rules(), func(r verify.Rule) bool { return r == broken })
			report := judged(t, a.entries, half)
			r, err := Check(opener(a.entries), report, Config{Expect: a.expect}) // it was asked
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Contradictions) > 0 {
				found++
				if a.verdict != "fail" || len(classes(report)) > 0 {
					t.Errorf("without %s, %s (%s): %v", broken, a.name, a.verdict, r.Contradictions)
				}
			}
		}
		if found == 0 {
			t.Errorf("no history of the zoo shows that %s does not work", broken)
		}
		t.Logf("%s: %d histories", broken, found)
	}
}

// So is one that accuses a log of what it did not do.
func TestARuleThatAccusesFalselyIsFoundOut(t *testing.T) {
	entries := correct(3, 400)
	var op history.Operation
	for _, e := range entries {
		if e.Operation.Kind == history.Produce && e.Operation.Outcome == history.OK && e.Operation.Runs[0].FirstOffset > 40 {
			op = *e.Operation
			break
		}
	}
	for _, class := range []verify.Class{verify.NonmonotonicAppend, verify.LostWrite, verify.InconsistentOffsets, verify.ReadThenGone} {
		report := judged(t, entries, expect)
		report.Rules[0].Total = 1
		report.Rules[0].Anomalies = []verify.Anomaly{{
			Rule: report.Rules[0].Rule, Class: class, Partition: orders, Producer: int64(op.Runs[0].Producer), Count: int64(op.Runs[0].Count),
			FirstSequence: op.Runs[0].FirstSequence, Offset: op.Runs[0].FirstOffset, Text: "it is not there", Evidence: []history.Operation{op},
		}}
		r, err := Check(opener(entries), report, Config{Expect: expect})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Contradictions) != 1 || !strings.Contains(r.Contradictions[0], "it is not there") {
			t.Errorf("%s: contradictions %q", class, r.Contradictions)
		}
	}
}

func TestWhatIsNotChecked(t *testing.T) {
	entries := correct(1, 300)
	for name, c := range map[string]struct {
		open   func() (Source, error)
		expect verify.Expect
		says   string
	}{
		"loss is permitted": {opener(entries), verify.Expect{Rules: []verify.Rule{verify.AppendOrder}}, "not asked"},
		"torn":              {func() (Source, error) { return &torn{entries}, nil }, expect, "torn"},
		"no barrier":        {opener(entries[:100]), expect, "barrier"},
		"empty":             {opener(nil), expect, "barrier"},
	} {
		r, err := Check(c.open, verify.Report{}, Config{Expect: c.expect})
		if err != nil || !strings.Contains(r.Skipped, c.says) || len(r.Windows) > 0 {
			t.Errorf("%s: skipped %q with %d windows, %v; want %q", name, r.Skipped, len(r.Windows), err, c.says)
		}
	}
	_, err := Check(func() (Source, error) { return nil, io.ErrClosedPipe }, verify.Report{}, Config{Expect: expect})
	if err == nil {
		t.Error("a history that cannot be opened is no error")
	}
}

// torn is a history that breaks off.
type torn struct{ left list }

func (s *torn) Next() (history.Entry, error) {
	e, err := s.left.Next()
	if err == io.EOF {
		err = &history.TornError{Reason: "for a test"}
	}
	return e, err
}

// A search that is given up is unknown, not ok; what there was no time for is told.
func TestASearchThatIsGivenUpIsUnknown(t *testing.T) {
	entries := correct(2, 400)
	_, r := check(t, entries, Config{Expect: expect, Steps: 10})
	if n := outcomes(r); n[OK] > 0 || n[Unknown] == 0 {
		t.Errorf("after ten steps: %v", n)
	}
	_, r = check(t, entries, Config{Expect: expect, Operations: 40, Enough: func() bool { return true }})
	if len(r.Windows) != 1 || r.Unsearched == 0 || r.Checked == 0 || r.Checked >= r.Appends {
		t.Errorf("%d windows, %d not searched, %d of %d appends", len(r.Windows), r.Unsearched, r.Checked, r.Appends)
	}
}

// The bounds hold, and everything is covered as long as they permit it.
func TestBoundsOfWindows(t *testing.T) {
	entries := correct(4, 6000)
	_, r := check(t, entries, Config{Expect: expect, Operations: 400})
	if r.Checked != r.Appends || r.Appends == 0 {
		t.Errorf("%d of %d appends are checked", r.Checked, r.Appends)
	}
	_, few := check(t, entries, Config{Expect: expect, Operations: 400, Windows: 3})
	if len(few.Windows) != 3 || few.Checked >= few.Appends {
		t.Errorf("%d windows with %d of %d appends", len(few.Windows), few.Checked, few.Appends)
	}
	for _, w := range slices.Concat(r.Windows, few.Windows) {
		// Appends are never left out, so a window has a few more than it should.
		if w.Outcome != OK || w.Operations > 400+400/2 {
			t.Errorf("window %+v", w)
		}
	}
	_, again := check(t, entries, Config{Expect: expect, Operations: 400, Windows: 3})
	for i, w := range few.Windows {
		if a := again.Windows[i]; a.First != w.First || a.Last != w.Last || a.Operations != w.Operations {
			t.Errorf("window %d is %d..%d, the same seed drew %d..%d", i, a.First, a.Last, w.First, w.Last)
		}
	}
}

// The picture of a violation is one page that shows few operations, the fault and the new leader.
func TestPicture(t *testing.T) {
	entries := correct(5, 1500)
	middle := len(entries) / 2
	stage := func(s history.Stage, at history.Time) history.Entry {
		return history.Entry{Operation: &history.Operation{
			Process: "nemesis", Kind: history.Fault, Outcome: history.OK, Invoke: at, Return: at,
			Fault: &history.FaultStage{Fault: "kill", Target: "node 7", Stage: s},
		}}
	}
	from := entries[middle-150].Operation.Return
	entries = slices.Insert(entries, middle-150, stage(history.Inject, from))
	entries = append(entries, stage(history.ProveHealed, entries[len(entries)-1].Operation.Return))
	spoiled := 0
	for _, e := range entries[middle:] {
		if op := e.Operation; op.Kind == history.Fetch && len(op.Runs) > 0 && spoiled == 0 {
			op.Runs[0].Producer = 2 - op.Runs[0].Producer
			op.Runs[0].FirstSequence += 3
			spoiled++
		}
	}
	_, r := check(t, entries, Config{Expect: expect})
	pictures := r.Pictures(3)
	if len(pictures) != 1 || pictures[0].PictureFile() != "linearizable-orders-0.html" {
		t.Fatalf("%d pictures of %+v", len(pictures), r.Windows)
	}
	var page bytes.Buffer
	if err := r.Draw(&page, pictures[0]); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"<html", "kill node 7", "producer-", "reader-", "leader epoch"} {
		if !strings.Contains(page.String(), says) {
			t.Errorf("the picture does not say %q", says)
		}
	}
	if page.Len() > 1<<20 {
		t.Errorf("the picture has %d bytes", page.Len())
	}
	small := pictures[0].problem.smallest(DefaultSteps)
	if len(small.calls) >= pictures[0].Operations || small.search(DefaultSteps) != Illegal {
		t.Errorf("%d of %d operations are shown", len(small.calls), pictures[0].Operations)
	}
	t.Logf("%d of %d operations are shown, in %d bytes", len(small.calls), pictures[0].Operations, page.Len())
	if err := r.Draw(io.Discard, &Window{Partition: orders}); err == nil {
		t.Error("a window that is not illegal has a picture")
	}
}

// What a window costs, by its size and by how many appends are under way at once.
func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct{ operations, inFlight int }{{500, 4}, {500, 16}, {2000, 4}, {2000, 16}, {2000, 64}, {8000, 16}} {
		b.Run(fmt.Sprintf("operations=%d/in-flight=%d", c.operations, c.inFlight), func(b *testing.B) {
			entries := correctUnder(9, 40_000, c.inFlight)
			report := judged(b, entries, expect)
			windows, operations := 0, 0
			for b.Loop() {
				r, err := Check(opener(entries), report, Config{Expect: expect, Operations: c.operations, Windows: 8})
				if err != nil || outcomes(r)[OK] != len(r.Windows) {
					b.Fatal(err, outcomes(r))
				}
				windows += len(r.Windows)
				for _, w := range r.Windows {
					operations += w.Operations
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(windows), "µs/window")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(operations), "ns/operation")
		})
	}
}
