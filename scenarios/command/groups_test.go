package command

import (
	"path/filepath"
	"strings"
	"testing"
)

// A group whose coordinator and members die keeps what it promises, on one node alone too, and the result says
// what the group did.
func TestGroupOfConsumers(t *testing.T) {
	t.Parallel()
	path := scenario(t, "warm_up:", "groups: [{name: workers, members: 2, session_timeout: 600ms, rebalance_timeout: 1s}]\nwarm_up:",
		"{fault: kill, target: node(0), after: 300ms, hold: 100ms}",
		"{fault: kill, target: coordinator(workers), after: 300ms, hold: 100ms}\n  - {fault: crash-client, target: client(2), after: 100ms, hold: 900ms}")
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitPass, "PASS", "run", path, "--dir", dir)
	for _, text := range []string{"kill node 0 at", "crash-client client 2 at", "group-position    pass", "exclusivity       pass", "groups        workers: members 3", "group workers polled"} {
		if !strings.Contains(out, text) {
			t.Errorf("the result lacks %q:\n%s", text, out)
		}
	}
	want(t, ExitPass, "group-position    pass", "verify", dir)
	if history := want(t, ExitPass, `"kind":"own"`, "history", dir); !strings.Contains(history, `"kind":"resume"`) || !strings.Contains(history, `"kind":"commit"`) {
		t.Error("the history has no resume or no commit")
	}
}

// The planted bug of members is found by the rule that is there for it.
func TestGroupThatCommitsAhead(t *testing.T) {
	t.Parallel()
	path := scenario(t, "warm_up:", "groups: [{name: workers, work: 1ms}]\nwarm_up:", "\n  - {fault: kill, target: node(0), after: 300ms, hold: 100ms}", " []")
	out := want(t, ExitFail, "commit-ahead: group workers in orders/", "run", path, "--bug", "commit-ahead", "--dir", filepath.Join(t.TempDir(), "run"))
	if !strings.Contains(out, "group-position    fail") {
		t.Errorf("the result does not say which rule failed:\n%s", out)
	}
}
