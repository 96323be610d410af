package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify"
)

// three brokers and three controllers under a load that two producers offer.
func three(seed int64, line timeline.Timeline) sim.Config {
	return sim.Config{
		Seed: seed, Timeline: line, Duration: line.Duration() + 5*time.Second,
		Cluster: sim.Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2},
		Load:    sim.Load{Partitions: 2, Producers: 2, Readers: 2, Rate: pace.PerSecond(40), RecordSize: 120, Linger: 5 * time.Millisecond},
	}
}

// nemesisLines runs a configuration and lists what its nemesis did: "1.5s inject: kill node 1: injected".
func nemesisLines(t *testing.T, cfg sim.Config) (j judged, lines []string) {
	t.Helper()
	cfg.Events = func(l sim.Line) {
		if l.Who == "nemesis" {
			lines = append(lines, l.Text)
		}
	}
	return simulate(t, cfg), lines
}

// A timeline of links, responses, clients, conditions and a mix is proved in and out, loses nothing, and is
// the same each time.
func TestATimelineIsTheSameEachTime(t *testing.T) {
	line := timeline.Timeline{
		{Kind: timeline.Cut, Target: "node(0)", Peers: "node(1)", Hold: 2 * time.Second},
		{Kind: timeline.DelayResponse, Target: "leader(orders,1)", Peers: "clients", Params: timeline.Params{API: "Fetch", Delay: time.Second}, After: time.Second, Hold: time.Second},
		{Kind: timeline.Cut, Target: "leader(orders,0)", Params: timeline.Params{Direction: timeline.Out}, Hold: 4 * time.Second},
		{Kind: timeline.CrashClient, Target: "client(1)", After: 100 * time.Millisecond, Hold: time.Second, Overlap: true,
			Until: timeline.Condition{Elsewhere: "leader(orders,0)", Within: 20 * time.Second}},
		{Kind: timeline.Kill, Target: timeline.Any, Hold: time.Second, Until: timeline.Condition{InSync: "orders", Floor: time.Second, Lag: 40, Within: 20 * time.Second}, Drawn: 1},
		{Kind: timeline.PowerLoss, Target: timeline.Any, After: 2 * time.Second, Hold: time.Second, Overlap: true, Drawn: 1},
		{Kind: timeline.CrashClient, Target: "client(2)", After: 2 * time.Second, Hold: time.Second, Overlap: true, Drawn: 1},
	}
	for seed := range int64(3) {
		cfg := three(seed, line)
		cfg.Guards = timeline.Guards{MaxDown: 1, KeepQuorum: true}
		first, told := nemesisLines(t, cfg)
		first.clean(t)
		again, retold := nemesisLines(t, cfg)
		if first.Hash != again.Hash || !slices.Equal(told, retold) || first.Faults != len(line) {
			t.Errorf("seed %d: %d faults, hashes %x and %x\n%s\n%s", seed, first.Faults, first.Hash, again.Hash, strings.Join(told, "\n"), strings.Join(retold, "\n"))
		}
	}
}

// What cannot be injected when it fires is a stage that failed with its reason; everything in force heals, and
// the run is inconclusive.
func TestWhatCannotFireIsAFailedStage(t *testing.T) {
	all := timeline.Fault{Kind: timeline.Pause, Target: "all", Hold: 5 * time.Second}
	guarded := three(1, timeline.Timeline{{Kind: timeline.Kill, Target: "all"}})
	guarded.Guards.MaxDown = 1
	for want, cfg := range map[string]sim.Config{
		"target leader(orders,7): there is no partition orders-7": three(1, timeline.Timeline{{Kind: timeline.Kill, Target: "leader(orders,7)"}}),
		"target leader(payments,0): there is no partition":        three(1, timeline.Timeline{{Kind: timeline.Kill, Target: "leader(payments,0)"}}),
		"on which fault 1, pause, is in force":                    three(1, timeline.Timeline{all, {Kind: timeline.Kill, Target: "node(1)", Overlap: true}}),
		"its condition did not come true: leader(orders,0) elsewhere, within 2s: leader(orders,0) is still node": three(1, timeline.Timeline{all,
			{Kind: timeline.Clock, Target: "node(100)", Params: timeline.Params{Offset: time.Second}, Overlap: true, Until: timeline.Condition{Elsewhere: "leader(orders,0)", Within: 2 * time.Second}}}),
		"its condition did not come true: the floor held for 20s, within 1s":                                                  three(1, timeline.Timeline{{Kind: timeline.Kill, Target: timeline.Any, Until: timeline.Condition{Floor: 20 * time.Second, Within: time.Second}}}),
		"kill all: target all is nodes 0, 1, 2, 100, 101, 102: guard max_down: 1 at most may be down at once, and 6 would be": guarded,
	} {
		j, told := nemesisLines(t, cfg)
		failed := slices.IndexFunc(told, func(l string) bool { return strings.HasPrefix(l, "inject: ") && strings.Contains(l, want) })
		if failed < 0 {
			t.Errorf("nothing says %q:\n%s", want, strings.Join(told, "\n"))
		}
		if j.report.Verdict != verify.Inconclusive || len(j.Pending) > 0 {
			t.Errorf("%s: verdict %s, pending %q", want, j.report.Verdict, j.Pending)
		}
		injected, healed := 0, 0
		for _, l := range told {
			if strings.Contains(l, ": injected") || strings.Contains(l, "; injected") {
				injected++
			}
			if strings.HasPrefix(l, "prove-healed") {
				healed++
			}
		}
		if injected != healed {
			t.Errorf("%s: %d were injected and %d healed:\n%s", want, injected, healed, strings.Join(told, "\n"))
		}
	}
}

// Draws of targets are those of other placements: of the seed and the number of the fault.
func TestTargetsAreDrawnAsOnProcesses(t *testing.T) {
	var line timeline.Timeline
	for range 6 {
		line = append(line, timeline.Fault{Kind: timeline.Pause, Target: timeline.Any, Hold: 200 * time.Millisecond})
	}
	_, told := nemesisLines(t, three(5, line))
	at := 0
	for _, l := range told {
		if strings.HasPrefix(l, "inject: ") {
			if want := fmt.Sprintf("pause node %d:", timeline.Draw(5, at)(3)); !strings.Contains(l, want) {
				t.Errorf("fault %d is %q, want %q", at, l, want)
			}
			at++
		}
	}
	if at != len(line) {
		t.Errorf("%d faults of %d:\n%s", at, len(line), strings.Join(told, "\n"))
	}
}

// A client that crashes leaves what it had sent unknown, and its successor goes on.
func TestACrashedClientIsFollowedByAnother(t *testing.T) {
	j, told := nemesisLines(t, three(3, timeline.Timeline{{Kind: timeline.CrashClient, Target: "clients", Hold: time.Second}}))
	if len(told) != 4 || j.Pending != nil || j.Violations != nil {
		t.Errorf("pending %q, violations %v, told\n%s", j.Pending, j.Violations, strings.Join(told, "\n"))
	}
	for _, r := range j.report.Rules {
		if r.Verdict == verify.Fail {
			t.Errorf("%s: %v", r.Rule, r.Anomalies)
		}
	}
}
