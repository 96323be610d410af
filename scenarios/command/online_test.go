package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The load stops at the first violation, everything is read back and judged as always; and it is not so with what is
// allowed, or where nothing is wrong.
func TestStopOnViolation(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := logproof(t, "run", "bug-flip-order", "--bug", "flip-order", "--stop-on-violation", "--metrics", "127.0.0.1:0", "--dir", dir)
	if code != ExitFail {
		t.Fatalf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	found := strings.Index(stderr, "nonmonotonic-send of rule producer-order")
	if found < 0 || strings.Contains(stderr[found:], "cool-down") || !strings.Contains(stderr[found:], "barriers") || !strings.Contains(stderr, "metrics  http://127.0.0.1:") {
		t.Errorf("the load was not stopped in order:\n%s", stderr)
	}
	if !strings.Contains(stdout, "nonmonotonic-send: orders/0") || strings.Contains(stdout, "the load did not hold") {
		t.Errorf("what was found is not judged:\n%s", stdout)
	}
	var result struct {
		RunAssumptions []struct{ Name, Detail string } `json:"run_assumptions"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range result.RunAssumptions {
		t.Errorf("that it was stopped is no trouble of its own: %s: %s", a.Name, a.Detail)
	}
}

func TestOnlineFlagsThatMakeNoSense(t *testing.T) {
	want(t, ExitUsage, "--stop-on-violation and --metrics are for one scenario", "run", "--profile", "smoke", "--stop-on-violation")
	want(t, ExitUsage, "a simulated run is over before anybody could look", "run", "bug-ack-early", "--placement", "sim", "--metrics", "127.0.0.1:0")
	want(t, ExitInconclusive, "serve metrics", "run", "bug-flip-order", "--metrics", "nowhere:x", "--dir", filepath.Join(t.TempDir(), "run"))
}
