package run

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
)

// The page can be made again from the run directory alone, and is the same; so it is of a run that broke its
// promises, with what its nodes noted of their leaders.
func TestPageIsMadeAgain(t *testing.T) {
	for scenario, bugs := range map[string][]string{"demo": nil, "bug-ack-early": {"ack-early"}} {
		dir := filepath.Join(t.TempDir(), "run")
		r, err := Run(t.Context(), Config{Plan: simulated(t, scenario, bugs...), Program: "/opt/logproof", Dir: dir, Ledger: t.TempDir(), Progress: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, report.PageFile)
		first, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		again, err := Report(dir, "/opt/logproof")
		if err != nil || again.Verdict() != r.Verdict() || again.Headline() != r.Headline() {
			t.Fatalf("%s: %s: %s, %v; the run said %s: %s", scenario, again.Verdict(), again.Headline(), err, r.Verdict(), r.Headline())
		}
		second, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: the page that is made again is another one: %s", scenario, difference(first, second))
		}
		if len(again.Page.Leaders) < 4 || len(again.Page.Course.Buckets) == 0 || len(again.Outages) == 0 || len(again.Outages[0].Split) == 0 {
			t.Errorf("%s: %d leaders, %d buckets, outages %+v", scenario, len(again.Page.Leaders), len(again.Page.Course.Buckets), again.Outages)
		}
		if broken := r.Verdict() == verify.Fail; broken != (len(again.Page.Excerpts) > 0) || broken != (bugs != nil) {
			t.Errorf("%s: %s with %d excerpts", scenario, r.Verdict(), len(again.Page.Excerpts))
		}
	}
}

// difference shows where two texts part.
func difference(a, b []byte) string {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return string(a[max(i-100, 0):min(i+100, len(a))]) + "\n----\n" + string(b[max(min(i, len(b))-100, 0):min(i+100, len(b))])
		}
	}
	return "one is longer"
}

// A run that was killed has no result.json: its page says so and passes nothing.
func TestPageOfKilledRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := Run(t.Context(), Config{Plan: simulated(t, "demo"), Dir: dir, Ledger: t.TempDir(), Progress: quiet{}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{report.ResultFile, report.VerdictFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "nodes"), filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	r, err := Report(dir, "logproof")
	if err != nil || r.Verdict() != verify.Inconclusive || !strings.Contains(r.Headline(), "report") {
		t.Errorf("%s: %s, %v", r.Verdict(), r.Headline(), err)
	}
	if r.Page.LeadersUnknown == "" {
		t.Error("nobody noted who led, and the page does not say so")
	}

	if err := errors.Join(os.Remove(filepath.Join(dir, report.PageFile)), os.MkdirAll(filepath.Join(dir, report.PageFile, "in the way"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := Report(dir, "logproof"); !errors.Is(err, ErrNotWritten) {
		t.Errorf("something is in the way of the page: error %v, want %v", err, ErrNotWritten)
	}

	for name, content := range map[string]string{report.ResultFile: "{", report.VerdictFile: `{"history":[]}`, "response.hlog": "Tag=response,0,1,2,damaged\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Report(dir, "logproof"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a damaged %s: error %v, want one that names it", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// The command says all that was asked for; a scenario from elsewhere is a file.
func TestAgain(t *testing.T) {
	p := simulated(t, "bug-ack-early", "ack-early")
	p.Seed = 7
	for want, c := range map[string]struct {
		program, scenario string
		nodes             []plan.Node
	}{
		"logproof run bug-ack-early --seed 7 --placement sim --bug ack-early": {"/opt/bin/logproof", p.Scenario, p.Nodes},
		"go run . run mine.yaml --seed 7 --placement sim":                     {"go run .", "mine", nil},
	} {
		p.Scenario, p.Nodes = c.scenario, c.nodes
		if got := again(c.program, p); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A line of the spectrum goes as far as there are samples, and no further.
func TestSpectrum(t *testing.T) {
	d := spectrum("response", 1000, time.Second, func(percent float64) time.Duration { return time.Duration(percent * 1e6) })
	first, last := d.Points[0], d.Points[len(d.Points)-1]
	if first.Percent != 0 || last.Percent < 99.8 || last.Percent > 99.91 || len(d.Points) != 3*spectrumPoints+1 {
		t.Errorf("%d points from %v to %v", len(d.Points), first, last)
	}
}
