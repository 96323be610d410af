package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// budgets judged by a program that reads result.json.
type budgets struct {
	Verdict, Headline string
	Budgets           []struct{ Budget, Of, Verdict, Detail string }
	Distributions     []struct {
		Fault, Of, Kind string
		Total           struct{ Count int }
		Parts           []struct{ Name string }
	} `json:"outage_distributions"`
}

func readBudgets(t *testing.T, text string) budgets {
	t.Helper()
	var found budgets
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// A broker that stands still for longer than its budget fails the run by exit code 1, in every file and when
// it is judged again, although nothing was lost; a budget that it kept passes beside it.
func TestAMissedBudgetFailsTheRun(t *testing.T) {
	t.Parallel()
	// Long enough before the fault, and in it, for a machine with other things to do to tell one from the other.
	path := scenario(t, "warm_up: {hold: 300ms", "warm_up: {hold: 1500ms", "fault: kill", "fault: pause", "hold: 100ms", "hold: 3s", "cool_down", "budgets:\n  - {max_outage: 1s, of: produce}\n  - {recover_within: 10s}\ncool_down")
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitFail, "FAIL", "run", path, "--dir", dir)
	for _, says := range []string{"a budget was missed: max_outage of produce", "fail  max_outage of produce: ", " s, at most 1.00 s", "pass  recover_within: ", "records/s acknowledged"} {
		if !strings.Contains(out, says) {
			t.Errorf("the result does not say %q:\n%s", says, out)
		}
	}
	found := readBudgets(t, want(t, ExitFail, "", "verify", dir, "--json"))
	if found.Verdict != "fail" || len(found.Budgets) != 2 || found.Budgets[0].Verdict != "fail" || found.Budgets[1].Verdict != "pass" {
		t.Errorf("judged again: %+v", found)
	}
	for name, says := range map[string]string{"junit.xml": `type="budget-missed"`, "summary.md": "| budget max_outage of produce | fail |", "verdict.json": `"budget": "max_outage"`} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), says) {
			t.Errorf("%s does not say %q: %v", name, says, err)
		}
	}
}

// quick is a scenario of a leader that is killed three times, for virtual time.
const quick = `name: quick
description: Three kills of a leader.
brokers: 3
controllers: 3
timing: {session_timeout: 600ms, heartbeat: 150ms, replica_lag_max: 1s, quorum_tick: 30ms}
topics:
  - {name: orders, partitions: 1, replication_factor: 3, min_isr: 2}
load: {rate: 200/s, record_size: 100B, readers: 1}
timeline:
  - {fault: kill, target: "leader(orders,0)", after: 2s, hold: 8s, repeat: 3}
budgets:
  - {max_outage: 3s, total_outage: 9s, recover_within: 20s, progress_during_fault: 100}
limits: {converge: 30s, total: 3m}
`

// A cluster that takes its time to elect another leader misses the budget; the same one in a hurry keeps it. In
// virtual time that is so on any machine.
func TestASlowElectionMissesTheBudget(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "quick.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	found := readBudgets(t, want(t, ExitPass, "", "run", write(quick), "--placement", "sim", "--dir", filepath.Join(t.TempDir(), "run"), "--json"))
	if len(found.Budgets) != 7 {
		t.Errorf("there are %d budgets: %+v", len(found.Budgets), found.Budgets)
	}
	whole := false
	for _, d := range found.Distributions {
		whole = whole || d.Fault == "kill" && d.Of == "orders" && d.Kind == "produce" && d.Total.Count >= 3 && len(d.Parts) == 4
	}
	if !whole {
		t.Errorf("there is no distribution over the repeats, with its parts: %+v", found.Distributions)
	}
	slow := strings.Replace(quick, "session_timeout: 600ms", "session_timeout: 5s", 1)
	found = readBudgets(t, want(t, ExitFail, "", "run", write(slow), "--placement", "sim", "--dir", filepath.Join(t.TempDir(), "run"), "--json"))
	for _, b := range found.Budgets {
		if b.Of == "produce" && strings.HasSuffix(b.Budget, "_outage") && b.Verdict != "fail" || b.Budget == "progress_during_fault" && b.Verdict != "pass" {
			t.Errorf("%s of %s is %s: %s", b.Budget, b.Of, b.Verdict, b.Detail)
		}
	}
	if !strings.Contains(found.Headline, "budgets were missed: max_outage of produce; ") {
		t.Errorf("headline %q", found.Headline)
	}
}

// A budget that nobody can be held against is refused before anything starts, with its place.
func TestBadBudgetsAreRefused(t *testing.T) {
	t.Parallel()
	for add, says := range map[string]string{
		"budgets: [{max_outrage: 1s}]":               `small.yaml:11:12: unknown key "max_outrage" in budgets[0]: did you mean "max_outage"?`,
		"budgets: [{max_outage: 1s, topic: order}]":  `small.yaml:11:35: unknown topic "order": did you mean "orders"?`,
		"budgets: [{progress_during_fault: plenty}]": "small.yaml:11:35: budgets[0].progress_during_fault needs a whole number",
	} {
		path := scenario(t, "cool_down", add+"\ncool_down")
		for _, command := range []string{"plan", "run"} {
			want(t, ExitUsage, says, command, path)
		}
	}
}
