package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/chaos/procfs"
)

// The test binary plays the other processes: roleEnv says which one.
const (
	roleEnv = "LOGPROOF_TEST_ROLE"
	dirEnv  = "LOGPROOF_TEST_DIR"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "harness":
		playHarness()
	case "child":
		fmt.Println("up")
		io.Copy(io.Discard, os.Stdin) // until killed: the test holds the other end
		// A pipe that ends is the test dying: nothing may outlive it.
		os.Exit(0)
	default:
		os.Exit(m.Run())
	}
}

// playHarness opens a ledger, starts a child that does not die with it, and says its pid.
func playHarness() {
	check := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	l, err := Open(os.Getenv(dirEnv), "runs/test")
	check(err)
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), roleEnv+"=child")
	child.Stdin = os.Stdin
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(child.Start())
	id, _, err := procfs.Identify(child.Process.Pid)
	check(err)
	check(l.Add(Child{Name: "node 0", Identity: id, Group: id.Pid}))
	fmt.Println("child", id.Pid)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// start runs the test binary in a role; the returned pid is the one it printed, or its own.
func start(t *testing.T, role, dir string) (*exec.Cmd, int) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"="+role, dirEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said %q: %v", role, line, err)
	}
	pid := cmd.Process.Pid
	fmt.Sscanf(line, "child %d", &pid)
	if strings.HasPrefix(line, "error") {
		t.Fatalf("%s: %s", role, line)
	}
	return cmd, pid
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestHealEndsWhatAKilledHarnessLeft(t *testing.T) {
	t.Run("running", func(t *testing.T) { testHealEndsWhatAKilledHarnessLeft(t, nil) })
	// A child that is stopped when it is healed: SIGTERM would wait for ever.
	t.Run("paused", func(t *testing.T) {
		testHealEndsWhatAKilledHarnessLeft(t, func(pid int) {
			if err := syscall.Kill(-pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// orphaned acts on the child once its harness is dead. Not before: a stopped process group that
// loses its last tie to its session is sent SIGHUP and SIGCONT by the kernel (POSIX, orphaned
// process groups), so a child that was paused earlier ends by itself, racing with Heal.
func testHealEndsWhatAKilledHarnessLeft(t *testing.T, orphaned func(child int)) {
	dir := t.TempDir()
	harness, pid := start(t, "harness", dir)
	child, _, err := procfs.Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	if healed, err := Heal(dir); err != nil || len(healed) != 0 || !child.Alive() {
		t.Fatalf("Heal under a living harness = %v, %v; child alive: %v", healed, err, child.Alive())
	}
	if err := harness.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	harness.Process.Wait()
	if !child.Alive() {
		t.Fatal("the child died with its harness: this test shows nothing")
	}
	if orphaned != nil {
		orphaned(pid)
	}
	healed, err := Heal(dir)
	if err != nil || len(healed) != 1 || len(healed[0].Killed) != 1 || healed[0].Killed[0].Pid != pid {
		t.Fatalf("Heal = %v, %v; want pid %d killed", healed, err, pid)
	}
	if child.Alive() {
		t.Error("the child outlived Heal")
	}
	if text := healed[0].String(); !strings.Contains(text, "killed node 0") || !strings.Contains(text, "runs/test") {
		t.Errorf("Healed reads %q", text)
	}
	if run := healed[0].RunDir; !filepath.IsAbs(run) {
		t.Errorf("the run is in %q, which says nothing to who stands elsewhere", run)
	}
	if left := entries(t, dir); len(left) != 0 {
		t.Errorf("left in the ledger: %v", left)
	}
	if healed, err := Heal(dir); err != nil || len(healed) != 0 {
		t.Errorf("second Heal = %v, %v; want nothing", healed, err)
	}
}

// deadEntry is the entry of a harness that has ended, naming one child.
func deadEntry(t *testing.T, dir string, change func(*entry)) string {
	t.Helper()
	boot, namespace, err := procfs.Scope()
	if err != nil {
		t.Fatal(err)
	}
	self, _, err := procfs.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// The pid lives, its start does not match: a harness that died and whose pid came back.
	e := entry{Version: versionPlain, Boot: boot, Namespace: namespace, Harness: procfs.Identity{Pid: self.Pid, Start: self.Start + 1}}
	change(&e)
	path := filepath.Join(dir, "entry.json")
	if err := e.write(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHealNeverKillsAStranger(t *testing.T) {
	_, pid := start(t, "child", t.TempDir())
	stranger, _, err := procfs.Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*entry)
		stays  bool
		fails  bool
	}{
		"another start time": {func(e *entry) {
			e.Children = []Child{{Name: "node 0", Identity: procfs.Identity{Pid: pid, Start: stranger.Start + 1}, Group: pid}}
		}, false, false},
		"another boot": {func(e *entry) {
			e.Boot = "another"
			e.Children = []Child{{Name: "node 0", Identity: stranger, Group: pid}}
		}, false, false},
		"another pid namespace": {func(e *entry) {
			e.Namespace = "pid:[1]"
			e.Children = []Child{{Name: "node 0", Identity: stranger, Group: pid}}
		}, true, false},
		"another group": {func(e *entry) {
			e.Children = []Child{{Name: "node 0", Identity: stranger, Group: pid + 1}}
		}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			deadEntry(t, dir, test.change)
			healed, err := Heal(dir)
			if (err != nil) != test.fails {
				t.Errorf("Heal error = %v", err)
			}
			if !stranger.Alive() {
				t.Error("a stranger was killed")
			}
			for _, h := range healed {
				if len(h.Killed) > 0 {
					t.Errorf("Heal says it killed %v", h.Killed)
				}
			}
			if stays := len(entries(t, dir)) == 1; stays != test.stays {
				t.Errorf("the entry stays: %v; want %v", stays, test.stays)
			}
		})
	}
}

func TestDamagedAndForeignEntriesAreReportedAndKept(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "1-1-1.json")
	if err := os.WriteFile(damaged, []byte(`{"version":1,`), 0o644); err != nil {
		t.Fatal(err)
	}
	deadEntry(t, dir, func(e *entry) { e.Version = 99 })
	_, err := Heal(dir)
	if err == nil || !strings.Contains(err.Error(), damaged) || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("Heal error = %v; want both entries named", err)
	}
	if len(entries(t, dir)) != 2 {
		t.Error("an entry that was not understood was removed")
	}
}

func TestUnfinishedEntriesOfTheDeadAreRemoved(t *testing.T) {
	dir := t.TempDir()
	self, _, err := procfs.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	living := filepath.Join(dir, fmt.Sprintf("%d-%d-1%s", self.Pid, self.Start, unfinished))
	dead := filepath.Join(dir, fmt.Sprintf("%d-%d-2%s", self.Pid, self.Start+1, unfinished))
	for _, path := range []string{living, dead} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Heal(dir); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, dir); len(left) != 1 || left[0] != living {
		t.Errorf("left: %v; want %s", left, living)
	}
}

func TestLedgerKeepsTheNewestChildOfAName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	l, err := Open(dir, "runs/x")
	if err != nil {
		t.Fatal(err)
	}
	for pid := 10; pid <= 12; pid++ {
		if err := l.Add(Child{Name: fmt.Sprintf("node %d", pid%2), Identity: procfs.Identity{Pid: pid, Start: 1}, Group: pid}); err != nil {
			t.Fatal(err)
		}
	}
	files := entries(t, dir)
	if len(files) != 1 {
		t.Fatalf("files: %v; want one", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var e entry
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	if e.Harness.Pid != os.Getpid() || len(e.Children) != 2 || e.Children[0].Pid != 11 || e.Children[1].Pid != 12 {
		t.Errorf("entry = %+v", e)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := l.Add(Child{Name: "late"}); err == nil {
		t.Error("Add after Close gave no error")
	}
	if left := entries(t, dir); len(left) != 0 {
		t.Errorf("left after Close: %v", left)
	}
	if healed, err := Heal(filepath.Join(dir, "missing")); err != nil || healed != nil {
		t.Errorf("Heal of a missing directory = %v, %v", healed, err)
	}
}
