package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/scenarios/tally"
	"github.com/logproof/logproof/verify"
)

// A soak judges until its goal is reached, and the next one goes on with the seeds and the counts of the first.
func TestSoakIsResumed(t *testing.T) {
	dir := t.TempDir()
	session := func(operations int64) string {
		var stdout, stderr bytes.Buffer
		s := soak{stdout: &stdout, progress: newProgress(&stderr), flags: soakFlags{
			dir: dir, goal: soakCount{operations: operations}, span: time.Hour, seeds: 2, each: 3 * time.Second,
		}}
		if err := s.run(t.Context()); err != nil {
			t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
	session(1)
	first := operationsOf(t, dir)
	session(first + 1)
	if second := operationsOf(t, dir); second <= first {
		t.Errorf("the second session went from %d to %d operations", first, second)
	}
	// What was accused is tried again.
	line := tally.Line{Scenario: soakSwarm, Seed: 1001, Verdict: verify.Fail, Operations: 1}
	if err := tally.Append(dir, line); err != nil {
		t.Fatal(err)
	}
	if out := session(first + 1); !strings.Contains(out, "soak-swarm below 5;") {
		t.Error(out)
	}
	// What has been reached is not run again.
	if out := session(first + 1); !strings.HasPrefix(out, "0 runs") {
		t.Error(out)
	}
}

// operationsOf sums the tally of a soak, whose lines have two seeds each.
func operationsOf(t *testing.T, dir string) (sum int64) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, tally.File))
	if err != nil {
		t.Fatal(err)
	}
	lines, warnings, err := tally.Read(bytes.NewReader(data))
	if err != nil || len(warnings) > 0 || len(lines) == 0 {
		t.Fatalf("the tally has %d lines, warnings %v: %v", len(lines), warnings, err)
	}
	for n, l := range lines {
		if l.Scenario != soakSwarm || l.Seed != 1+2*int64(n) || l.Verdict != verify.Pass || l.Records == 0 || l.Placement != "sim" {
			t.Errorf("line %d: %+v", n+1, l)
		}
		sum += l.Operations
	}
	return sum
}

// A run that is accused ends the soak with the seed that shows it, and does not count.
func TestSoakEndsWithAnAlarm(t *testing.T) {
	var stdout, stderr bytes.Buffer
	s := soak{stdout: &stdout, progress: newProgress(&stderr), next: map[string]int64{soakSwarm: 7}, flags: soakFlags{
		dir: t.TempDir(), goal: soakCount{operations: 1e6}, seeds: 1, each: 3 * time.Second,
	}}
	line := tally.Line{Scenario: soakSwarm, Seed: 7, Verdict: verify.Fail, Headline: "the simulator's seed 7, see above", Operations: 100}
	if err := s.take(soakSwarm, line); err == nil || s.done.operations != 0 || !strings.Contains(stdout.String(), "seed 7") {
		t.Errorf("%v, %+v counted:\n%s", err, s.done, stdout.String())
	}
	s.vain, line.Verdict = 0, verify.Inconclusive
	for i := range soakVain {
		if err := s.take(soakSwarm, line); (err != nil) != (i == soakVain-1) || s.done.operations != 0 {
			t.Errorf("inconclusive run %d: %v, %+v counted", i+1, err, s.done)
		}
	}
}

// What the bulk of a soak is accused of can be seen again: with the same load, and by the command that it names.
func TestABulkSeedIsReplayed(t *testing.T) {
	var stdout bytes.Buffer
	c := campaign{out: &stdout, flags: simFlags{bulk: true, span: 30 * time.Second}}
	c.explain(sim.Campaign(120), sim.Result{}, verify.Report{})
	if !strings.Contains(stdout.String(), "sim --seed 120 --for 30s --trace --bulk") {
		t.Error(stdout.String())
	}
	var acknowledged int64
	out := want(t, ExitPass, "", "sim", "--seed", "1", "--for", "1s", "--bulk")
	if _, err := fmt.Sscanf(out, "seed 1: pass: %d records", &acknowledged); err != nil || acknowledged < 10_000 {
		t.Errorf("%d records in a second: %v\n%s", acknowledged, err, out)
	}
}

// The part that is furthest from its goal is next, and nothing is when all are reached.
func TestSoakParts(t *testing.T) {
	goal := soakCount{records: 1000, real: 100, operations: 10}
	for want, done := range map[string]soakCount{
		soakReal: {records: 500, real: 10, operations: 9}, soakBulk: {records: 10, real: 50, operations: 9},
		soakSwarm: {records: 999, real: 100}, "": {records: 1000, real: 100, operations: 11},
	} {
		s := soak{flags: soakFlags{goal: goal}, done: done}
		if got := s.part(); got != want {
			t.Errorf("after %+v the next is %q, want %q", done, got, want)
		}
	}
}

func TestSoakBadInput(t *testing.T) {
	want(t, ExitUsage, "whole number", "soak", "--records", "many")
	want(t, ExitUsage, "whole number", "soak", "--operations", "-1")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	want(t, ExitInconclusive, "not a directory", "soak", "--dir", file)
}
