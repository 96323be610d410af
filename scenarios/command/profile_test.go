package command

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/report"
)

func TestProfileUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--profile", "smoke", "demo"}, "name one or the other"},
		{[]string{"--profile", "smok"}, "want one of smoke, pr"},
		{[]string{"--profile", "smoke", "--placement", "sim"}, "where they say"},
		{[]string{"--profile", "smoke", "--bug", "all"}, "unknown bug"},
		{nil, "takes a scenario"},
	} {
		want(t, ExitUsage, c.says, append([]string{"run"}, c.args...)...)
	}
	taken := t.TempDir()
	want(t, ExitInconclusive, "exists", "run", "--profile", "smoke", "--dir", taken)
	for _, args := range [][]string{{"run", "--help"}, {"run", "--list"}} {
		out := want(t, ExitPass, "", args...)
		for _, p := range scenarios.Profiles() {
			if !strings.Contains(out, p.Name) || !strings.Contains(out, strings.Join(p.Scenarios, ", ")) {
				t.Errorf("%v does not say what is in %s:\n%s", args, p.Name, out)
			}
		}
	}
}

// profileOf runs a profile made for a test.
func profileOf(t *testing.T, f runFlags, profile scenarios.Profile) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := runProfile(t.Context(), profile, f, &stdout, &stderr)
	var e *exit
	if errors.As(err, &e) {
		code = e.code
	} else if err != nil {
		t.Fatal(err)
	}
	t.Logf("exit code %d\n%s", code, stdout.String())
	return code, stdout.String()
}

// A profile that passes leaves a run directory for each scenario, one table, one JUnit file, and its lines in
// the tally.
func TestProfileThatPasses(t *testing.T) {
	t.Parallel()
	runs := t.TempDir()
	dir := filepath.Join(runs, "smoke")
	profile := scenarios.Profile{Name: "smoke", Scenarios: []string{scenario(t)}, Seeds: 2, SeedTime: 5 * time.Second}
	code, out := profileOf(t, runFlags{seed: 1, dir: dir}, profile)
	if code != ExitPass || !strings.HasPrefix(out, "PASS") {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, name := range []string{"result.json", "junit.xml", "summary.md", "small/history.bin", "small/junit.xml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	var junit struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
		} `xml:"testsuite"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &junit); err != nil || len(junit.Suites) != 2 || junit.Suites[1].Tests != 2 || junit.Suites[0].Name != "logproof.small" {
		t.Errorf("junit.xml: %v, %+v", err, junit)
	}
	tallied := want(t, ExitPass, "", "tally", runs)
	for _, name := range []string{"small ", "simulator ", "profile smoke ", "100.0 %"} {
		if !strings.Contains(tallied, name) {
			t.Errorf("the tally does not say %q:\n%s", name, tallied)
		}
	}
}

// Fail outranks inconclusive outranks pass, and one that fails does not keep the others from being run.
func TestVerdictOfAProfile(t *testing.T) {
	t.Parallel()
	runs := t.TempDir()
	poor := scenario(t, "name: small", "name: poor", "sync-delay=2ms,lose-unsynced", "space=60KiB", "converge: 10s", "converge: 2s")
	dir := filepath.Join(runs, "poor")
	if code, out := profileOf(t, runFlags{seed: 1, dir: dir}, scenarios.Profile{Name: "poor", Scenarios: []string{poor, scenario(t)}}); code != ExitInconclusive {
		t.Errorf("a disk that is full: exit code %d\n%s", code, out)
	}
	dir = filepath.Join(runs, "bad")
	lies := scenario(t, "name: small", "name: lies", "sync-delay=2ms", "sync-delay=30ms")
	code, out := profileOf(t, runFlags{seed: 1, dir: dir, bugs: "ack-before-write", json: true}, scenarios.Profile{Name: "bad", Scenarios: []string{lies, poor}, Seeds: 1, SeedTime: time.Second})
	var result struct {
		Verdict string
		Members []struct{ Name, Verdict string }
		Next    []string
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	if code != ExitFail || result.Verdict != "fail" || len(result.Members) != 3 || result.Members[0].Verdict != "fail" || len(result.Next) == 0 {
		t.Errorf("a broker that lies: exit code %d, %+v", code, result)
	}
	summary, err := os.ReadFile(filepath.Join(dir, report.MarkdownFile))
	if err != nil || !strings.Contains(string(summary), "| lies | fail |") {
		t.Errorf("summary.md: %v\n%s", err, summary)
	}
	want(t, ExitPass, "lies +ack-before-write", "tally", runs)
}

// One that is interrupted proves nothing, and says what was not run.
func TestInterruptedProfile(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "smoke")
	var out bytes.Buffer
	err := runProfile(ctx, scenarios.Profiles()[0], runFlags{seed: 1, dir: dir}, &out, &bytes.Buffer{})
	var e *exit
	if !errors.As(err, &e) || e.code != ExitInconclusive || !strings.Contains(out.String(), "not run") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "tally.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an interrupted profile is in the tally: %v", err)
	}
}

func TestTallyCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want(t, ExitUsage, "there is no tally", "tally", dir)
	text := `{"at":"2026-01-02T03:04:05Z","scenario":"demo","verdict":"pass","seconds":10,"load":4,"cores":2}` + "\n" +
		`{"at":"2026-01-02T03:04:05Z","scenario":"demo","verd` + "\n" +
		`{"at":"2026-01-02T03:04:05Z","scenario":"demo","verdict":"fail","seconds":12,"load":1,"cores":2}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "tally.jsonl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := logproof(t, "tally", dir)
	if code != ExitPass || !strings.Contains(stderr, "line 2 is damaged") || !strings.Contains(stdout, "50.0 % (9.5 to 90.5)") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	var rates []struct{ Runs int }
	if err := json.Unmarshal([]byte(want(t, ExitPass, "", "tally", dir, "--json")), &rates); err != nil || len(rates) != 1 || rates[0].Runs != 2 {
		t.Errorf("%v: %+v", err, rates)
	}
}
