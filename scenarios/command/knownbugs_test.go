package command

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
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
// fail, and their run directories are kept. Without a restart the bug cannot show, and no load of this
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
	q := quarry{s, spec.Expect{Bug: "recovery-drops-tail", Rule: "loss", Class: "lost-write"}}
	if err := h.one(t.Context(), q); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if h.wrong != 2 || strings.Count(stdout.String(), "missed") != 1 || strings.Count(stdout.String(), "accused") != 1 {
		t.Errorf("%d runs did not end as they must, want the one with the bug and the one without\n%s", h.wrong, stdout.String())
	}
	if kept, err := os.ReadDir("runs"); err != nil || len(kept) != 2 {
		t.Errorf("%d run directories were kept, want both: %v", len(kept), err)
	}
	if err := h.conclude(); err == nil || !strings.Contains(stdout.String(), "2 of the runs did not end as they must") {
		t.Errorf("the hunt ended with %v\n%s", err, stdout.String())
	}
}

// What the simulator must find is an anomaly that verify knows or an invariant, and nothing less counts.
func TestSightings(t *testing.T) {
	lost := verify.Report{Rules: []verify.RuleResult{{Rule: verify.Loss, Anomalies: []verify.Anomaly{{Class: verify.LostWrite, Text: "it is gone"}}}}}
	broken := sim.Result{Violations: []sim.Violation{{Invariant: "ack", Text: "too early"}}}
	both := sim.Hunt{Class: "lost-write", Invariant: "ack"}
	for _, c := range []struct {
		hunt   sim.Hunt
		result sim.Result
		judged verify.Report
		want   int
	}{
		{both, broken, lost, 1}, {both, sim.Result{}, lost, 0}, {both, broken, verify.Report{}, 0},
		{sim.Hunt{Class: "duplicate"}, broken, lost, 0}, {sim.Hunt{Invariant: "isr"}, broken, lost, 0},
		{sim.Hunt{Invariant: "ack"}, broken, verify.Report{}, 1},
	} {
		if note, caught := sighting(c.hunt, c.result, c.judged); caught != c.want || note == "" {
			t.Errorf("%+v: caught %d, want %d: %q", c.hunt, caught, c.want, note)
		}
	}
}

// Every bug is hunted in the simulator, as something that verify or the simulator knows.
func TestEveryPlantedBugIsHunted(t *testing.T) {
	real, names, err := findQuarries(nil)
	if err != nil || !slices.Equal(names, bug.Names()) {
		t.Fatalf("hunted are %v, planted bugs are %v: %v", names, bug.Names(), err)
	}
	for _, name := range names {
		if s, ok := sim.HuntOf(name); !ok || s.Class == "" && s.Invariant == "" {
			t.Errorf("%s: %+v is no hunt", name, s)
		}
	}
	if len(real) < 6 {
		t.Errorf("%d bugs are hunted on processes", len(real))
	}
}

// The matrix is made of what runs showed. A bug that does something which nobody looks at is missed, one that is taken
// for another is told as that, and both fail the hunt.
func TestKillMatrix(t *testing.T) {
	short := 5 * time.Second
	flip, _ := sim.HuntOf(bug.FlipOrder)
	for want, c := range map[string]struct {
		bug  bug.Name
		hunt sim.Hunt
	}{
		"caught": {bug.FlipOrder, flip},
		// Members that commit too early, and no rule is asked about members where there are none.
		"missed":                      {bug.CommitAhead, sim.Hunt{Class: "commit-ahead", Span: short}},
		"taken for nonmonotonic-send": {bug.FlipOrder, sim.Hunt{Class: "lost-write", Span: flip.Span}},
	} {
		var stdout bytes.Buffer
		h := hunt{stdout: &stdout}
		if err := h.sim(t.Context(), c.bug, c.hunt); err != nil {
			t.Fatal(err)
		}
		if err := h.conclude(); (err == nil) != (want == "caught") {
			t.Errorf("%s: the hunt ended with %v", want, err)
		}
		if got := h.kills[0].verdict(); got != want || !strings.Contains(stdout.String(), want) {
			t.Errorf("%s is %q, want %q\n%s", c.bug, got, want, stdout.String())
		}
	}
}

// What is printed of a kill is who found it, when, and who else found something.
func TestKillMatrixColumns(t *testing.T) {
	kills := []kill{
		{bug: bug.NoDedupe, class: "duplicate", by: []string{"producer-order"}, also: []string{"loss"}, rounds: 1, caught: 1},
		{bug: bug.CommitAhead, class: "commit-ahead", by: []string{"group-position"}, rounds: 1, caught: 1},
		{bug: bug.IsrABA, invariant: "isr", by: []string{inside}, rounds: 1, caught: 1},
		{bug: bug.Unclean, class: "lost-write", rounds: 1},
	}
	var out bytes.Buffer
	printMatrix(&out, kills)
	for _, says := range []string{"2 bugs of the broker and 1 of clients", "only group-position catches commit-ahead", "only invariant catches isr-aba", "missed"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("the matrix does not say %q:\n%s", says, out.String())
		}
	}
	if strings.Contains(out.String(), "only producer-order") {
		t.Errorf("loss finds it too:\n%s", out.String())
	}
	got := kill{class: "duplicate"}
	got.killers([]verify.Finding{
		{Rule: verify.Loss, Class: "lost-write", First: 1, Operations: 1},
		{Rule: verify.ProducerOrder, Class: "duplicate", First: 2, Operations: 7},
		{Rule: verify.ReaderAgreement, Class: "duplicate", First: 3, Operations: 9},
	})
	if got.mark("loss") != "+" || got.mark("producer-order") != "K" || got.mark("corruption") != "." || got.after != 2 || got.operations != 7 {
		t.Errorf("%+v", got)
	}
}

// The matrix goes between its lines of a file, and nowhere else.
func TestKillMatrixIntoReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	kills := []kill{
		{bug: bug.NoDedupe, where: inSim, seed: 3, class: "duplicate", by: []string{"producer-order"}, also: []string{"loss"}, rounds: 1, caught: 1, after: 1200 * time.Millisecond, operations: 40},
		{bug: bug.NoDedupe, where: onReal, class: "duplicate", by: []string{"producer-order"}, rounds: 1, caught: 1},
		{bug: bug.IsrABA, where: inSim, invariant: "isr", by: []string{inside}, rounds: 1, operations: -1},
	}
	if err := os.WriteFile(path, []byte("a\n"+matrixBegin+"\nold\n"+matrixEnd+"\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := intoReadme(path, kills); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"a\n" + matrixBegin + "\n| planted bug", matrixEnd + "\nb\n",
		"| broker | ignore the sequence numbers of idempotent producers | duplicate (producer-order) | duplicate (producer-order) | 3 | 1.2 s | 40 | loss |",
		"| - | **missed** | 0 | 0.0 s | - | - |"} {
		if !strings.Contains(string(text), says) {
			t.Errorf("the file does not say %q:\n%s", says, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Errorf("the former matrix is still there:\n%s", text)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := intoReadme(path, kills); err == nil || !strings.Contains(err.Error(), matrixBegin) {
		t.Errorf("a file without its lines: %v", err)
	}
	want(t, ExitUsage, "--only", "known-bugs", "--readme", path, "--only", "no-dedupe")
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
