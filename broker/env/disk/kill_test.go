//go:build unix

package disk_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/real"
)

// victimRoot names the directory in which a copy of this test binary works until it is killed.
const victimRoot = "LOGPROOF_DISK_TEST_ROOT"

// TestKill kills a real process and looks at what it left. Without the rule an unsynced write survives,
// which is why a kill alone proves nothing about durability.
func TestKill(t *testing.T) {
	if root := os.Getenv(victimRoot); root != "" {
		victim(t, root)
		return
	}
	for rules, want := range map[string]string{"": "synced, not synced", "lose-unsynced": "synced"} {
		root := t.TempDir()
		child := exec.Command(os.Args[0], "-test.run=^TestKill$")
		child.Env = append(os.Environ(), victimRoot+"="+root, victimRoot+"_RULES="+rules)
		output, err := child.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("rules %q: the process was not killed: %v\n%s", rules, err, output)
		}
		under, err := real.New(root)
		must(t, err)
		if got := contentOf(t, under, "d/f"); got != want {
			t.Errorf("rules %q: %q is left of the file, want %q", rules, got, want)
		}
	}
}

// victim writes, syncs, writes, closes, and kills its own process.
func victim(t *testing.T, root string) {
	below, err := real.New(root)
	must(t, err)
	under := disk.New(below, parse(t, os.Getenv(victimRoot+"_RULES")), awake)
	must(t, under.MkdirAll("d"))
	f := create(t, under, "d/f")
	write(t, f, "synced", 0)
	must(t, f.Sync())
	write(t, f, ", not synced", int64(len("synced")))
	must(t, f.Close())
	if got := contentOf(t, under, "d/f"); !strings.HasSuffix(got, ", not synced") {
		t.Fatalf("before the kill the file holds %q", got)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	select {} // until the signal is delivered
}
