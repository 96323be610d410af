package command

import (
	"path/filepath"
	"strings"
	"testing"
)

// A broker that stands still under load loses nothing.
func TestPausedBroker(t *testing.T) {
	t.Parallel()
	path := scenario(t, "fault: kill, target: node(0)", `fault: pause, target: "leader(orders,1)"`)
	out := want(t, ExitPass, "PASS", "run", path, "--dir", filepath.Join(t.TempDir(), "run"))
	if !strings.Contains(out, "pause node 0 at") {
		t.Errorf("the result does not say when node 0 was paused:\n%s", out)
	}
}

// A fault whose target cannot be struck when it fires did not happen: the run shows nothing, what was in
// force is healed, and the load ends in order.
func TestFaultThatFindsNoTarget(t *testing.T) {
	t.Parallel()
	path := scenario(t, "{fault: kill, target: node(0), after: 300ms, hold: 100ms}",
		"{fault: pause, target: node(0), after: 300ms, hold: 200ms}\n  - {fault: kill, target: controller, after: 10ms, overlap: true}")
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitInconclusive, "INCONCLUSIVE", "run", path, "--dir", dir)
	if !strings.Contains(out, "target controller") || strings.Contains(out, "lost-write") {
		t.Errorf("the result does not say that the second fault found no target:\n%s", out)
	}
	if strings.Contains(out, "kill controller at") {
		t.Errorf("the result has a window of a fault that never was:\n%s", out)
	}
	want(t, ExitInconclusive, "INCONCLUSIVE", "verify", dir)
}
