package verify

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

var update = flag.Bool("update", false, "rewrite golden files")

// animal is one history of the zoo with what its head expects.
type animal struct {
	name    string
	verdict string
	words   []string // after the verdict: rule and class, or what is inconclusive
	expect  Expect
	entries []history.Entry
}

// zoo reads every history of testdata/zoo.
func zoo(t *testing.T) []animal {
	t.Helper()
	specimens, err := Zoo()
	if err != nil || len(specimens) == 0 {
		t.Fatalf("the zoo has %d histories: %v", len(specimens), err)
	}
	var animals []animal
	for _, s := range specimens {
		animals = append(animals, animal{s.Name, s.Verdict, s.Words, s.Expect, s.Entries})
	}
	return animals
}

// entries is a source over a slice that ends with an error.
type entries struct {
	list []history.Entry
	end  error
}

func (s *entries) Next() (history.Entry, error) {
	if len(s.list) == 0 {
		return history.Entry{}, s.end
	}
	e := s.list[0]
	s.list = s.list[1:]
	return e, nil
}

// check judges a slice of entries and explains what it finds.
func check(t *testing.T, list []history.Entry, x Expect) Report {
	t.Helper()
	r, err := Check(&entries{list, io.EOF}, x)
	if err != nil {
		t.Fatal(err)
	}
	if err := Explain(&entries{list, io.EOF}, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// failures lists "rule class" of every anomaly, without repetition.
func failures(r Report) []string {
	var list []string
	for _, rule := range r.Rules {
		for _, a := range rule.Anomalies {
			if what := string(rule.Rule) + " " + string(a.Class); !slices.Contains(list, what) {
				list = append(list, what)
			}
		}
	}
	return list
}

// undecided lists the rules and assumptions that are inconclusive.
func undecided(r Report) []string {
	var list []string
	for _, a := range r.Assumptions {
		if a.Verdict == Inconclusive {
			list = append(list, a.Name)
		}
	}
	for _, rule := range r.Rules {
		if rule.Asked && rule.Verdict == Inconclusive {
			list = append(list, string(rule.Rule))
		}
	}
	return list
}

func TestZoo(t *testing.T) {
	for _, a := range zoo(t) {
		t.Run(a.name, func(t *testing.T) {
			r := check(t, a.entries, a.expect)
			if r.Verdict.String() != a.verdict {
				t.Errorf("verdict is %s, want %s", r.Verdict, a.verdict)
			}
			var wantFailures, wantUndecided []string
			switch a.verdict {
			case "fail":
				wantFailures = []string{strings.Join(a.words, " ")}
			case "inconclusive":
				wantUndecided = a.words
			}
			if got := failures(r); !slices.Equal(got, wantFailures) {
				t.Errorf("anomalies are %q, want %q", got, wantFailures)
			}
			if got := undecided(r); !slices.Equal(got, wantUndecided) {
				t.Errorf("inconclusive are %q, want %q", got, wantUndecided)
			}
			for _, rule := range r.Rules {
				for _, found := range rule.Anomalies {
					if len(found.Evidence) == 0 {
						t.Errorf("no evidence for: %s", found.Text)
					}
				}
			}
		})
	}
}

// Every bad history has a twin that differs in what is wrong, and passes.
func TestEveryBadHistoryHasACleanTwin(t *testing.T) {
	animals := zoo(t)
	classes := map[string]bool{}
	for _, a := range animals {
		if a.verdict != "fail" {
			continue
		}
		classes[a.words[1]] = true
		if !slices.ContainsFunc(animals, func(b animal) bool { return b.name == a.name+".clean" && b.verdict == "pass" }) {
			t.Errorf("%s has no clean twin that passes", a.name)
		}
	}
	for _, c := range []Class{
		NonmonotonicAppend, Duplicate, NonmonotonicSend, InconsistentOffsets, NonmonotonicPoll, PollSkip, Gap,
		LostWrite, ReadThenGone, CorruptRecord, Phantom, FailedRead,
		WatermarkRegress, LogStartRegress, EpochRegress, WatermarkDisorder, ReadAboveWatermark, StaleRead,
		ResumeRegress, ResumeSkip, CommitAhead, GroupSkip, CommitRegress, TwoOwners, FencedCommit, MisplacedKey, NewestCompacted, CompactedEarly,
		AbortedOffsets, ReadAboveStable, ReadEarly, PrecommittedRead, AbortedRead, TornTransaction, LostCommit, CommittedAbort, WrongMarker,
		HungTransaction, DuplicateProcessing, LostProcessing, PhantomSource, PositionBehind,
	} {
		if !classes[string(c)] {
			t.Errorf("no history of the zoo shows %s", c)
		}
	}
}

// Each rule is the only one that catches some history: switched off, that history passes. Which they are stands in
// one file.
func TestEachRuleIsTheOnlyKillerOfSomeHistory(t *testing.T) {
	animals := zoo(t)
	var table strings.Builder
	for _, off := range Rules() {
		var escaped []string
		for _, a := range animals {
			if a.verdict != "fail" {
				continue
			}
			a.expect.Rules = without(a.expect.Rules, off)
			if r := check(t, a.entries, a.expect); r.Verdict == Pass {
				escaped = append(escaped, a.name)
			}
		}
		if len(escaped) == 0 {
			t.Errorf("without %s every bad history is caught all the same", off)
		}
		fmt.Fprintf(&table, "without %s pass: %s\n", off, strings.Join(escaped, ", "))
	}
	golden(t, "testdata/switched-off.golden", table.String())
}

// golden compares a text with a file, or writes it there with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s changed; run with -update and review the difference; got\n%s", path, got)
	}
}

// The sentences for people are reviewed in one file.
func TestZooTexts(t *testing.T) {
	var got strings.Builder
	for _, a := range zoo(t) {
		r := check(t, a.entries, a.expect)
		fmt.Fprintf(&got, "%s: %s\n", a.name, r.Verdict)
		for _, rule := range r.Rules {
			for _, found := range rule.Anomalies {
				fmt.Fprintf(&got, "  %s %s: %s\n", rule.Rule, found.Class, found.Text)
			}
			if rule.Detail != "" {
				fmt.Fprintf(&got, "  %s: %s\n", rule.Rule, rule.Detail)
			}
			if rule.Asked && rule.Skipped != "" {
				fmt.Fprintf(&got, "  %s: %s\n", rule.Rule, rule.Skipped)
			}
		}
		for _, as := range r.Assumptions {
			if as.Verdict != Pass {
				fmt.Fprintf(&got, "  %s: %s\n", as.Name, as.Detail)
			}
		}
	}
	golden(t, "testdata/zoo.golden", got.String())
}
