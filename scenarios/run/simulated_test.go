package run

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
)

type quiet struct{}

func (quiet) Event(string, string) {}
func (quiet) Status(string)        {}

func simulated(t *testing.T, scenario string, bugs ...string) plan.Plan {
	t.Helper()
	s, err := spec.Load(scenarios.Files(), scenario+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, 3, plan.Overrides{Bugs: bugs, Placement: timeline.Sim})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A scenario runs in virtual time as it runs on processes: the same plan, the same files, the same rules;
// and once more from the same seed it is the same.
func TestScenarioInVirtualTime(t *testing.T) {
	var histories []string
	for range 2 {
		dir := filepath.Join(t.TempDir(), "run")
		r, err := Run(t.Context(), Config{Plan: simulated(t, "demo"), Dir: dir, Ledger: t.TempDir(), Progress: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict() != verify.Pass || len(r.Faults) != 1 || len(r.Outages) == 0 {
			t.Fatalf("verdict %s, %d faults, %d outages: %s", r.Verdict(), len(r.Faults), len(r.Outages), r.Headline())
		}
		again, err := Verify(dir, "logproof")
		if err != nil || again.Verdict() != verify.Pass {
			t.Fatalf("judged again: %s, %v", again.Verdict(), err)
		}
		if !reflect.DeepEqual(again.Outages, r.Outages) || !reflect.DeepEqual(again.Report.Budgets, r.Report.Budgets) || len(r.Report.Budgets) == 0 {
			t.Errorf("judged again there are other outages or budgets:\n%+v\n%+v", again.Report.Budgets, r.Report.Budgets)
		}
		if !slices.ContainsFunc(r.Outages, isSplit) {
			t.Errorf("no outage is split into its four parts: %+v", r.Outages)
		}
		text, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
		if err != nil {
			t.Fatal(err)
		}
		_, rules, _ := strings.Cut(string(text), `"rules"`)
		histories = append(histories, rules)
	}
	if histories[0] != histories[1] {
		t.Error("two runs of one seed were judged differently")
	}
}

// isSplit reports whether all parts of an outage are known.
func isSplit(o report.Outage) bool {
	return len(o.Split) == 4 && !slices.ContainsFunc(o.Split, func(p report.Part) bool { return !p.OK })
}

// A cluster that is slower to elect than its budget allows fails by that budget, and by nothing else: in
// virtual time on any machine.
func TestMissedBudgetInVirtualTime(t *testing.T) {
	p := simulated(t, "demo")
	p.Budgets = []plan.Budget{
		{Name: "max_outage", Of: "produce", Within: spec.Duration(110 * time.Millisecond)},
		{Name: "progress_during_fault", Of: "produce", Records: 1},
	}
	dir := filepath.Join(t.TempDir(), "run")
	r, err := Run(t.Context(), Config{Plan: p, Dir: dir, Ledger: t.TempDir(), Progress: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Verify(dir, "logproof")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []report.Run{r, again} {
		if r.Verdict() != verify.Fail || r.Headline() != "a budget was missed: max_outage of produce" || r.Report.Budgets[1].Verdict != verify.Pass {
			t.Errorf("%s: %s: %+v", r.Verdict(), r.Headline(), r.Report.Budgets)
		}
	}
}

// A planned budget that no program knows is refused, not left out.
func TestBudgetOfAForeignPlan(t *testing.T) {
	for want, b := range map[string]plan.Budget{
		"unknown kind of operation": {Name: "max_outage", Of: "prodcue", Within: spec.Duration(time.Second)},
		"unknown budget":            {Name: "max_outrage", Of: "produce", Within: spec.Duration(time.Second)},
	} {
		p := simulated(t, "demo")
		p.Budgets = []plan.Budget{b}
		_, err := Run(t.Context(), Config{Plan: p, Dir: filepath.Join(t.TempDir(), "run"), Ledger: t.TempDir(), Progress: quiet{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A planted bug is caught there as what it is.
func TestPlantedBugInVirtualTime(t *testing.T) {
	r, err := Run(t.Context(), Config{Plan: simulated(t, "bug-ack-early", "ack-early"), Dir: filepath.Join(t.TempDir(), "run"), Ledger: t.TempDir(), Progress: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict() != verify.Fail || !strings.Contains(r.Headline(), "lost-write") {
		t.Errorf("%s: %s", r.Verdict(), r.Headline())
	}
}

// What the simulator cannot do is said before anything is begun.
func TestNotSimulated(t *testing.T) {
	full := simulated(t, "demo")
	full.Nodes[0].Disk = "space=1GiB"
	for want, p := range map[string]plan.Plan{"fill up": full, "2 topics": simulated(t, "n-minus-1-of-3")} {
		if _, err := Simulation(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", p.Scenario, err, want)
		}
	}
}

// Where processes lose what they have not synced, a simulated kill cuts the power.
func TestKillThatForgets(t *testing.T) {
	cfg, err := Simulation(simulated(t, "bug-ack-before-write"))
	if err != nil || cfg.Timeline[0].Kind != sim.PowerLoss {
		t.Errorf("timeline %v, error %v", cfg.Timeline, err)
	}
}

// Mixes of faults keep every promise in virtual time, and each fault that the seed draws is proved.
func TestMixesInVirtualTime(t *testing.T) {
	for _, scenario := range []string{"chaos-mix", "chaos-mix-links"} {
		p := simulated(t, scenario)
		r, err := Run(t.Context(), Config{Plan: p, Dir: filepath.Join(t.TempDir(), "run"), Ledger: t.TempDir(), Progress: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict() != verify.Pass || len(r.Faults) != len(p.Timeline) || len(r.Faults) < 5 {
			t.Errorf("%s: %s, %d faults of %d: %s", scenario, r.Verdict(), len(r.Faults), len(p.Timeline), r.Headline())
		}
	}
}
