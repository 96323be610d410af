package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify"
)

// simulated runs logproof sim and gives what it prints and its exit code.
func simulated(t *testing.T, args ...string) (text string, code int) {
	t.Helper()
	var out bytes.Buffer
	cmd := newSim(&out, io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(context.Background())
	var e *exit
	switch {
	case err == nil:
		return out.String(), ExitPass
	case errors.As(err, &e):
		if e.err != errVerdict {
			out.WriteString(err.Error())
		}
		return out.String(), e.code
	}
	return out.String() + err.Error(), ExitUsage
}

func TestSimPrintsTheSameHashForTheSameSeed(t *testing.T) {
	hash := regexp.MustCompile(`trace hash: [0-9a-f]{16}\n`)
	var seen []string
	for _, seed := range []string{"7", "7", "8"} {
		text, code := simulated(t, "--seed", seed, "--for", "5s")
		if code != ExitPass || !strings.Contains(text, "seed "+seed+": pass") || !strings.Contains(text, "events/s") {
			t.Fatalf("seed %s: exit code %d:\n%s", seed, code, text)
		}
		seen = append(seen, hash.FindString(text))
	}
	if seen[0] == "" || seen[0] != seen[1] || seen[0] == seen[2] {
		t.Errorf("seeds 7, 7 and 8 have %q", seen)
	}
}

// A planted bug is found, and the printed command finds it again.
func TestSimFindsAndReplays(t *testing.T) {
	text, code := simulated(t, "--seeds", "0..2", "--for", "10s", "--bug", "corrupt-payload")
	if code != ExitFail || !strings.Contains(text, "corruption corrupt") || !strings.Contains(text, "verdict: fail") {
		t.Fatalf("exit code %d:\n%s", code, text)
	}
	found := regexp.MustCompile(`replay: .* sim (.*)\n`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no command replays it:\n%s", text)
	}
	again, code := simulated(t, strings.Fields(found[1])...)
	if code != ExitFail || !strings.Contains(again, "corruption corrupt") || !strings.Contains(again, "sends record 0") {
		t.Errorf("%q: exit code %d:\n%s", found[1], code, again)
	}
}

// The timeline and the load of a scenario are simulated.
func TestSimOfAScenario(t *testing.T) {
	text, code := simulated(t, scenario(t), "--seed", "3")
	if code != ExitPass || !strings.Contains(text, "seed 3: pass") || !strings.Contains(text, "1 faults") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	text, code = simulated(t, scenario(t, "flush: commit", "flush: none"))
	if code != ExitUsage || !strings.Contains(text, "has flush none") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

func TestSimRefusesBadInput(t *testing.T) {
	for want, args := range map[string][]string{
		"want first..last": {"--seeds", "9..3"},
		"want first":       {"--seeds", "9"},
		"unknown bug":      {"--bug", "nonsense"},
		"must be positive": {"--for", "-1s"},
		"[seed seeds]":     {"--seed", "1", "--seeds", "1..2"},
		"[seeds trace]":    {"--trace", "--seeds", "1..2"},
	} {
		if text, code := simulated(t, args...); code != ExitUsage || !strings.Contains(text, want) {
			t.Errorf("%v: exit code %d, want %q in:\n%s", args, code, want, text)
		}
	}
}

// The scenario that catches a bug on real processes catches it in the simulator, with the same cluster, load and
// faults; without the bug it passes in both.
func TestSimRunsTheScenarioOfACluster(t *testing.T) {
	want(t, ExitPass, "seed 3: pass", "sim", "demo", "--seed", "3")
	want(t, ExitPass, "verdict: pass", "sim", "bug-ack-early", "--seed", "3")
	want(t, ExitFail, "loss lost-write: orders/0", "sim", "bug-ack-early", "--seed", "3", "--bug", "ack-early")
	want(t, ExitUsage, "cannot be simulated", "sim", "disk-loss") // it loads two topics
}

// A campaign that is interrupted says how far it came, and what it found until then.
func TestInterruptedCampaign(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := campaign{out: &out, flags: simFlags{seeds: "0..9", span: time.Second}, verdict: verify.Pass}
	cmd := newSim(&out, io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs([]string{"--seeds", "0..9", "--for", "1s"})
	cancel()
	if err := cmd.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	for _, want := range []string{"stopped before seed 0 of 0..9", "0 seeds, 0s simulated"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it prints no %q:\n%s", want, out.String())
		}
	}
	c.seeds, c.virtual = 3, 3*time.Minute
	if got := c.progress(3, 9, 6*time.Second); got != "seed 3, pass after 3, 3m0s simulated, 14s left" {
		t.Errorf("progress is %q", got)
	}
}

// Many seeds that draw everything must have met everything, and are told by name what they have not; seeds of which all
// have groups have no transactions.
func TestACampaignThatMissesMarks(t *testing.T) {
	for _, tc := range []struct {
		flags simFlags
		want  string
	}{
		{simFlags{seeds: "0..99"}, `no seed reached "torn tail cut"`},
		{simFlags{seeds: "0..99", groups: true}, "verdict: pass"},
		{simFlags{seeds: "0..99", transactions: true}, "verdict: pass"},
		{simFlags{seeds: "0..99", bulk: true}, "verdict: pass"},
	} {
		var out bytes.Buffer
		c := campaign{out: &out, flags: tc.flags, verdict: verify.Pass, seeds: 100}
		if err := c.conclude(time.Second); (err == nil) != (tc.want == "verdict: pass") || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%+v: %v, without %q:\n%s", tc.flags, err, tc.want, out.String())
		}
	}
}
