package linearize

import (
	"io"
	"slices"
	"testing"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// list is a history in memory.
type list []history.Entry

func (l *list) Next() (history.Entry, error) {
	if len(*l) == 0 {
		return history.Entry{}, io.EOF
	}
	e := (*l)[0]
	*l = (*l)[1:]
	return e, nil
}

// opener gives the same history as often as it is asked.
func opener(entries []history.Entry) func() (Source, error) {
	return func() (Source, error) {
		l := list(entries)
		return &l, nil
	}
}

// animal is a history of the zoo of package verify.
type animal struct {
	name    string
	verdict string
	class   verify.Class
	expect  verify.Expect
	entries []history.Entry
}

// zoo reads them all.
func zoo(t testing.TB) (animals []animal) {
	t.Helper()
	specimens, err := verify.Zoo()
	if err != nil || len(specimens) < 40 {
		t.Fatalf("the zoo has %d histories: %v", len(specimens), err)
	}
	for _, s := range specimens {
		a := animal{name: s.Name, verdict: s.Verdict, expect: s.Expect, entries: s.Entries}
		if a.verdict == "fail" {
			a.class = verify.Class(s.Words[1])
		}
		a.expect.Rules, a.expect.RequireAttempts = nil, false
		animals = append(animals, a)
	}
	return animals
}

// judged is what the rules say, with the evidence.
func judged(t testing.TB, entries []history.Entry, x verify.Expect) verify.Report {
	t.Helper()
	src := list(entries)
	report, err := verify.Check(&src, x)
	if err != nil {
		t.Fatal(err)
	}
	again := list(entries)
	if err := verify.Explain(&again, &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// classes of all anomalies, each once.
func classes(r verify.Report) (all []string) {
	for _, rule := range r.Rules {
		for _, a := range rule.Anomalies {
			if !slices.Contains(all, string(a.Class)) {
				all = append(all, string(a.Class))
			}
		}
	}
	return all
}

// outcomes counts the windows by what came out of them.
func outcomes(r Result) map[Outcome]int {
	n := map[Outcome]int{}
	for _, w := range r.Windows {
		n[w.Outcome]++
	}
	return n
}

// The classes that porcupine sees too. A phantom and a failed read are offsets where nobody appended, and so is
// the second copy of a duplicate. Neither does it see what is lost of an append whose offset nobody was told,
// nor records that differ in their bytes.
var seen = []verify.Class{
	verify.NonmonotonicAppend, verify.InconsistentOffsets, verify.LostWrite, verify.ReadThenGone,
	verify.Phantom, verify.FailedRead, verify.Duplicate,
}

func TestPorcupineAgreesWithTheRulesOverTheZoo(t *testing.T) {
	illegal, legal := 0, 0
	for _, a := range zoo(t) {
		report := judged(t, a.entries, a.expect)
		r, err := Check(opener(a.entries), report, Config{Expect: a.expect})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Contradictions {
			t.Errorf("%s: %s", a.name, c)
		}
		n := outcomes(r)
		if n[Unknown] > 0 {
			t.Errorf("%s: %d windows are unknown", a.name, n[Unknown])
		}
		illegal, legal = illegal+min(1, n[Illegal]), legal+min(1, n[OK])
		if n[Illegal] > 0 && a.verdict != "fail" {
			t.Errorf("%s is %s, and porcupine finds it illegal", a.name, a.verdict)
		}
		if slices.Contains(seen, a.class) && n[Illegal] == 0 && a.name != "lost-duplicate-acked" && a.name != "inconsistent-content" {
			t.Errorf("%s has %s, and porcupine finds it legal: %v", a.name, a.class, n)
		}
	}
	if illegal < 10 || legal < 40 {
		t.Errorf("illegal in %d, legal in %d: the zoo should have both", illegal, legal)
	}
}
