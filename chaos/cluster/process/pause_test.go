package process

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/procfs"
)

// stopped reports whether the whole group of a pid stands still.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	members, err := procfs.Group(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.State != procfs.Stopped {
			return false
		}
	}
	return len(members) > 0
}

func TestPauseAndResumeKeepTheProcess(t *testing.T) {
	c := started(t, "serve", 2)
	if err := errors.Join(c.WaitReady(soon(t), 0), c.WaitReady(soon(t), 1)); err != nil {
		t.Fatal(err)
	}
	pid := c.Pid(0)
	if err := c.Pause(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "node 0 stands still", func() bool { return stopped(t, pid) })
	if stopped(t, c.Pid(1)) {
		t.Error("node 1 stands still too")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := c.WaitReady(ctx, 0); err == nil || !strings.Contains(err.Error(), "does not answer ApiVersions") {
		t.Errorf("WaitReady of a paused node = %v; want that it does not answer", err)
	}
	if err := c.Restart(soon(t), 0); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("Restart of a paused node = %v; want a refusal", err)
	}
	if err := c.Resume(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Error(err)
	}
	if c.Pid(0) != pid || len(c.Exits()) != 0 {
		t.Errorf("pid %d became %d, exits %v; want the same process", pid, c.Pid(0), c.Exits())
	}
}

// A paused process takes no notice of SIGTERM until it goes on: Stop sees to that.
func TestAPausedNodeStopsCleanly(t *testing.T) {
	c := started(t, "serve", 1)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Pause(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(soon(t)); err != nil {
		t.Errorf("Stop of a paused node: %v", err)
	}
}

func TestAPausedNodeCanBeKilled(t *testing.T) {
	c := started(t, "serve", 1)
	if err := errors.Join(c.Pause(soon(t), 0), c.Kill(soon(t), 0), c.Restart(soon(t), 0), c.WaitReady(soon(t), 0)); err != nil {
		t.Error(err)
	}
}

func TestTerminateAndRestart(t *testing.T) {
	c := started(t, "serve", 1)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	pid := c.Pid(0)
	for range 2 { // the second one finds nothing to do
		if err := c.Terminate(soon(t), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitReady(soon(t), 0); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("WaitReady after Terminate = %v; want a clean end", err)
	}
	for what, act := range map[string]func(context.Context, int32) error{"pause": c.Pause, "resume": c.Resume, "kill": c.Kill} {
		if err := act(soon(t), 0); err == nil || !strings.HasPrefix(err.Error(), what+" node 0: pid ") {
			t.Errorf("%s of a node that does not run = %v; want a refusal", what, err)
		}
		if err := act(soon(t), 7); err == nil || !strings.Contains(err.Error(), "no node 7") {
			t.Errorf("%s of node 7 = %v; want that there is none", what, err)
		}
	}
	if err := c.Terminate(soon(t), 7); err == nil {
		t.Error("Terminate of node 7 gave no error")
	}
	if err := errors.Join(c.Restart(soon(t), 0), c.WaitReady(soon(t), 0)); err != nil {
		t.Fatal(err)
	}
	if c.Pid(0) == pid || len(c.Exits()) != 0 {
		t.Errorf("pid %d became %d, exits %v", pid, c.Pid(0), c.Exits())
	}
}
