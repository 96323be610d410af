package command

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
)

// A bug is caught when what its scenario expects was found, and nothing that it does not expect.
func TestIsCaught(t *testing.T) {
	expect := spec.Expect{Bug: "recovery-drops-tail", Rule: "loss", Class: "lost-write", Also: []string{"nonmonotonic-poll"}}
	lost := verify.RuleResult{Rule: verify.Loss, Anomalies: []verify.Anomaly{{Class: verify.LostWrite}}}
	back := verify.RuleResult{Rule: verify.ReaderAgreement, Anomalies: []verify.Anomaly{{Class: verify.NonmonotonicPoll}}}
	twice := verify.RuleResult{Rule: verify.ProducerOrder, Anomalies: []verify.Anomaly{{Class: verify.Duplicate}}}
	elsewhere := verify.RuleResult{Rule: verify.Corruption, Anomalies: []verify.Anomaly{{Class: verify.LostWrite}}}
	for name, c := range map[string]struct {
		verdict verify.Verdict
		rules   []verify.RuleResult
		want    bool
	}{
		"as expected":              {verify.Fail, []verify.RuleResult{lost}, true},
		"with its consequence":     {verify.Fail, []verify.RuleResult{lost, back}, true},
		"missed":                   {verify.Pass, nil, false},
		"nothing could be said":    {verify.Inconclusive, nil, false},
		"the consequence only":     {verify.Fail, []verify.RuleResult{back}, false},
		"another anomaly":          {verify.Fail, []verify.RuleResult{twice}, false},
		"another anomaly as well":  {verify.Fail, []verify.RuleResult{lost, twice}, false},
		"by another rule":          {verify.Fail, []verify.RuleResult{elsewhere}, false},
		"found and yet not a fail": {verify.Inconclusive, []verify.RuleResult{lost}, false},
	} {
		r := report.Run{Report: verify.Report{Verdict: c.verdict, Rules: c.rules}}
		if got := isCaught(r, expect); got != c.want {
			t.Errorf("%s: caught is %t, want %t", name, got, c.want)
		}
	}
}

// What a hunt shows of a bug is what it was caught by, not a consequence that a rule before it found.
func TestFirstAnomalyIsTheExpectedOne(t *testing.T) {
	back := verify.RuleResult{Rule: verify.ReaderAgreement, Anomalies: []verify.Anomaly{{Class: verify.NonmonotonicPoll, Text: "went back"}}}
	lost := verify.RuleResult{Rule: verify.Loss, Anomalies: []verify.Anomaly{{Class: verify.LostWrite, Text: "is gone"}}}
	expect := spec.Expect{Rule: "loss", Class: "lost-write"}
	for _, c := range []struct {
		rules []verify.RuleResult
		want  string
	}{
		{[]verify.RuleResult{back, lost}, "is gone"},
		{[]verify.RuleResult{back}, "went back"},
		{nil, "nothing is proved"},
	} {
		if got := firstAnomaly(report.Run{Report: verify.Report{Rules: c.rules}}, expect); got != c.want {
			t.Errorf("it shows %q, want %q", got, c.want)
		}
	}
}

// A bug that its scenario misses, and a broker without bugs that does not pass, end the hunt with a
// fail, and their run directories are kept. Without a kill the bug cannot show, and no load of this
// length reaches the floor.
func TestKnownBugsFails(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := spec.Parse("harmless.yaml", []byte(`name: harmless
topics:
  - {name: orders, partitions: 1}
load: {rate: 500/s, record_size: 100B, readers: 1}
warm_up: {hold: 100ms, within: 10s}
cool_down: 100ms
floor: {acked: 1000000}
limits: {converge: 10s, total: 40s}
`))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	h := hunt{stdout: &stdout, stderr: &stderr, rounds: 1, seed: 1, keep: t.TempDir()}
	q := quarry{s, spec.Expect{Bug: "ack-before-write", Rule: "loss", Class: "lost-write"}}
	if err := h.one(t.Context(), q); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if h.wrong != 2 || strings.Count(stdout.String(), "0 of 1") != 2 {
		t.Errorf("%d runs did not end as they must, want the one with the bug and the one without\n%s", h.wrong, stdout.String())
	}
	if kept, err := os.ReadDir("runs"); err != nil || len(kept) != 2 {
		t.Errorf("%d run directories were kept, want both: %v", len(kept), err)
	}
	if err := h.conclude(); err == nil || !strings.Contains(stdout.String(), "2 of the runs did not end as they must") {
		t.Errorf("the hunt ended with %v\n%s", err, stdout.String())
	}
}

// A bug that no scenario catches is hunted in the simulator, and its row says whether that was done.
func TestBugsOfTheSimulator(t *testing.T) {
	var stdout bytes.Buffer
	h := hunt{stdout: &stdout, rounds: 2, seed: 5}
	wanted := simHunts[bug.Unclean]
	defer func(real func(context.Context, bug.Name, simHunt, int64) (string, error)) { huntInSim = real }(huntInSim)

	huntInSim = nil
	if err := h.sim(t.Context(), bug.Unclean, wanted); err != nil || !strings.Contains(stdout.String(), "skipped") || h.wrong != 0 {
		t.Errorf("without a simulator: %v, %d wrong\n%s", err, h.wrong, stdout.String())
	}
	var firsts []int64
	huntInSim = func(_ context.Context, name bug.Name, s simHunt, first int64) (string, error) {
		if firsts = append(firsts, first); name != bug.Unclean || s != wanted {
			t.Errorf("asked for %s, %+v", name, s)
		}
		return map[int64]string{5: "it is gone"}[first], nil
	}
	stdout.Reset()
	if err := h.sim(t.Context(), bug.Unclean, wanted); err != nil || !strings.Contains(stdout.String(), "1 of 2") || !strings.Contains(stdout.String(), "it is gone") {
		t.Errorf("caught once: %v\n%s", err, stdout.String())
	}
	if h.wrong != 1 || !slices.Equal(firsts, []int64{5, 5 + int64(wanted.Seeds)}) {
		t.Errorf("%d rounds went wrong, want the second; they began at seeds %v", h.wrong, firsts)
	}
}

// Every bug is hunted somewhere, in one place only, and as something that verify knows.
func TestEveryPlantedBugIsHunted(t *testing.T) {
	real, sim, err := findQuarries(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(real)+len(sim) != len(bug.Names()) {
		t.Errorf("%d bugs are hunted on processes and %d in the simulator, of %d", len(real), len(sim), len(bug.Names()))
	}
	for _, q := range real {
		if _, ok := simHunts[bug.Name(q.expect.Bug)]; ok {
			t.Errorf("%s has a scenario and is the simulator's too: choose one", q.expect.Bug)
		}
	}
	for name, s := range simHunts {
		if !slices.Contains(bug.Names(), name) || !slices.Contains(verify.Rules(), s.Rule) || s.Class == "" || s.Seeds < 1 {
			t.Errorf("%s: %+v is no hunt", name, s)
		}
	}
}

// The demo of a bug is the scenario in which it shows.
func TestDemoOfABug(t *testing.T) {
	for bugs, want := range map[string]string{"": "demo", "ack-early": "bug-ack-early", "no-dedupe": "bug-no-dedupe"} {
		if got, err := demoOf(bugs); err != nil || got != want {
			t.Errorf("the demo of %q is %q, %v; want %q", bugs, got, err, want)
		}
	}
	want(t, ExitUsage, "one bug at a time", "demo", "--bug", "no-dedupe,ack-early")
	want(t, ExitUsage, "sim --seeds 0..99 --bug unclean", "demo", "--bug", "unclean")
}

// A hunt of no rounds would catch nothing and call that a success.
func TestKnownBugsHuntsAtLeastOnce(t *testing.T) {
	for _, rounds := range []string{"0", "-1"} {
		want(t, ExitUsage, "--rounds", "known-bugs", "--rounds", rounds)
	}
}
