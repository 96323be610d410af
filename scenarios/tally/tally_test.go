package tally

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/verify"
)

func line(scenario string, v verify.Verdict) Line {
	return Line{
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Scenario: scenario, Verdict: v, Seconds: 2, Load: 3, Cores: 2,
		Headline: strings.Repeat("long ", 200), // longer than a pipe's atomic write, which files do not have
	}
}

// Harnesses that end at the same time do not mix their lines.
func TestAppendsDoNotMix(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 25 {
				if err := Append(dir, line(fmt.Sprintf("s%d", w), verify.Verdict(i%3))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	lines, warnings := read(t, dir)
	if len(lines) != 200 || len(warnings) > 0 {
		t.Errorf("%d lines, warnings %v", len(lines), warnings)
	}
	if got := lines[0]; got.Headline != line("", 0).Headline || !got.At.Equal(line("", 0).At) {
		t.Errorf("read back: %+v", got)
	}
}

func read(t *testing.T, dir string) ([]Line, []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, warnings, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return lines, warnings
}

// A damaged line costs that line: those before and after it are read.
func TestDamagedLines(t *testing.T) {
	dir := t.TempDir()
	if err := Append(dir, line("demo", verify.Pass)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, File)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append(whole, "\x00\x00\n\n{}\n"+string(whole[:len(whole)/2])...)
	if err := os.WriteFile(path, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Append(dir, line("after", verify.Pass)); err != nil {
		t.Fatal(err)
	}
	lines, warnings := read(t, dir)
	if len(lines) != 2 || lines[1].Scenario != "after" {
		t.Errorf("lines %+v", lines)
	}
	if len(warnings) != 3 || !strings.Contains(warnings[0], "line 2 is damaged") || !strings.Contains(warnings[1], "line 4 names no scenario") {
		t.Errorf("warnings %q", warnings)
	}
	if err := Append(filepath.Join(dir, "missing"), Line{}); err == nil {
		t.Error("a tally in a directory that does not exist was written")
	}
}

// The bounds are those of the literature: for 0 of 10, 5 of 10 and 20 of 20.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		count, n  int
		low, high float64
	}{{0, 10, 0, 0.2775}, {5, 10, 0.2366, 0.7634}, {20, 20, 0.8389, 1}, {0, 0, 0, 1}} {
		r := NewRate(c.count, c.n)
		if math.Abs(r.Low-c.low) > 1e-4 || math.Abs(r.High-c.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.count, c.n, r.Low, r.High, c.low, c.high)
		}
	}
}

func TestSummarize(t *testing.T) {
	planted := line("demo", verify.Fail)
	planted.Bugs = "ack-early"
	slow := line("demo", verify.Inconclusive)
	slow.Seconds, slow.Load = 8, 9
	all := Summarize([]Line{line("demo", verify.Pass), slow, line("demo", verify.Pass), line("big", verify.Fail), planted})
	if len(all) != 3 || all[0].Scenario != "big" || all[1].Scenario != "demo" || all[2].Scenario != "demo +ack-early" {
		t.Fatalf("%+v", all)
	}
	demo := all[1]
	if demo.Runs != 3 || demo.Pass.Count != 2 || demo.Inconclusive.Count != 1 || demo.Fail.Count != 0 || demo.Median != 2 || demo.Load != 4.5 {
		t.Errorf("%+v", demo)
	}
	if all[0].Fail.Share != 1 || all[2].Pass.Count != 0 {
		t.Errorf("%+v", all)
	}
}
