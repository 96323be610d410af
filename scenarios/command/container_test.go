package command

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster/container"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
)

// containersEnv names a logproof that was built with CGO_ENABLED=0, for the tests that need a Docker engine.
const containersEnv = "LOGPROOF_TEST_CONTAINERS"

// static is that program, or a loud skip.
func static(t *testing.T) string {
	t.Helper()
	path := os.Getenv(containersEnv)
	if path == "" {
		t.Skipf("SKIPPED: it needs a Docker engine: set %s to a logproof that was built with CGO_ENABLED=0", containersEnv)
	}
	return path
}

// Without an engine a run in containers does not begin, and the doctor says which placement cannot be had.
func TestNoEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///tmp/no-engine-is-here.sock")
	dir := filepath.Join(t.TempDir(), "run")
	want(t, ExitInconclusive, "no Docker engine can be used: none answers at DOCKER_HOST=unix:///tmp/no-engine-is-here.sock: start one",
		"run", scenario(t), "--placement", "container", "--dir", dir)
	out := want(t, ExitPass, "no: no container engine", "chaos", "doctor")
	if !strings.Contains(out, "container engine none") {
		t.Errorf("the doctor says\n%s", out)
	}
}

// What a placement cannot do is an error of the plan, before anything starts.
func TestDisconnectNeedsContainers(t *testing.T) {
	t.Parallel()
	path := scenario(t, "fault: kill", "fault: disconnect")
	for _, placement := range []string{"process", "sim"} {
		want(t, ExitUsage, `placement "`+placement+`" cannot do disconnect: it needs the capability Disconnecter, which container has`,
			"plan", path, "--placement", placement)
	}
	want(t, ExitPass, "disconnect node(0)", "plan", path, "--placement", "container")
	want(t, ExitUsage, "want one of [container process sim]", "plan", path, "--placement", "docker")
}

// The demo gives the same verdict in containers as on processes, rule by rule, and does the same to the byte.
func TestDemoInContainers(t *testing.T) {
	program := static(t)
	type result struct {
		Verdict string
		Rules   []struct{ Rule, Verdict string }
		Faults  []json.RawMessage
	}
	var found [2]result
	var schedules [2]string
	for i, placement := range []string{"process", "container"} {
		dir := filepath.Join(t.TempDir(), placement)
		cmd := exec.CommandContext(t.Context(), program, "demo", "--placement", placement, "--json", "--dir", dir)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s\n%s", placement, err, out, errs.String())
		}
		if err := json.Unmarshal(out, &found[i]); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "schedule.json"))
		if err != nil {
			t.Fatal(err)
		}
		schedules[i] = string(data)
		for _, name := range []string{"history.bin", "verdict.json", "report.html", "nodes/0/broker.log", "nodes/100/events.jsonl", "nodes/2/data"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s: %v", placement, err)
			}
		}
	}
	if found[0].Verdict != "pass" || found[1].Verdict != "pass" || !slices.Equal(found[0].Rules, found[1].Rules) {
		t.Errorf("on processes %s %v\nin containers %s %v", found[0].Verdict, found[0].Rules, found[1].Verdict, found[1].Rules)
	}
	if schedules[0] != schedules[1] {
		t.Errorf("the schedules differ:\n%s\n%s", schedules[0], schedules[1])
	}
}

// A leader that loses its network while its process runs on acknowledges nothing that is lost.
func TestDisconnectInContainers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd := exec.CommandContext(t.Context(), static(t), "run", "disconnect", "--dir", dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "disconnect node") {
		t.Errorf("%v\n%s", err, out)
	}
}

// containerRun is a run that is in the middle of its load, and the ledger that it has.
type containerRun struct {
	*exec.Cmd
	ledger string
	out    *bytes.Buffer
}

// startContainers begins a long run in containers and returns when it loads them.
func startContainers(t *testing.T) containerRun {
	t.Helper()
	program, cache := static(t), t.TempDir()
	r := containerRun{exec.CommandContext(t.Context(), program, "run", "demo", "--placement", "container", "--dir", filepath.Join(t.TempDir(), "run")),
		filepath.Join(cache, "logproof", "ledger"), &bytes.Buffer{}}
	r.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	progress, err := r.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Process.Kill(); r.Wait() })
	buffer := make([]byte, 4096)
	for !strings.Contains(r.out.String(), "warm-up") {
		n, err := progress.Read(buffer)
		r.out.Write(buffer[:n])
		if err != nil {
			t.Fatalf("it ended: %v\n%s", err, r.out)
		}
	}
	go func() { // so that it is never held up
		for {
			if _, err := progress.Read(buffer); err != nil {
				return
			}
		}
	}()
	return r
}

// outside is what the ledger of a run notes in the engine.
func (r containerRun) outside(t *testing.T) []ledger.Outside {
	t.Helper()
	var all []ledger.Outside
	files, err := filepath.Glob(filepath.Join(r.ledger, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var noted struct{ Outside []ledger.Outside }
		if err := json.Unmarshal(data, &noted); err != nil {
			t.Fatal(err)
		}
		all = append(all, noted.Outside...)
	}
	return all
}

// A harness that is killed leaves its containers to the next one, which finds them in the ledger and removes
// them all before it begins.
func TestKilledHarnessLeavesNoContainer(t *testing.T) {
	r := startContainers(t)
	harness, _, err := procfs.Identify(r.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	noted := r.outside(t)
	if len(noted) != 1 {
		t.Fatalf("the ledger notes %v", noted)
	}
	if err := r.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.Wait()
	late := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for harness.Alive() { // until its last thread has ended
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%v is still there", harness)
		}
	}
	began := time.Now()
	healed, err := ledger.Heal(r.ledger, container.Healer())
	if err != nil || len(healed) != 1 || len(healed[0].Removed) != 8 {
		t.Fatalf("healed were %v, %v; want six containers, a network and an image", healed, err)
	}
	t.Logf("healed in %v: %s", time.Since(began).Round(time.Millisecond), healed[0])
	if again, err := container.Healer().Heal(noted[0]); err != nil || len(again) != 0 {
		t.Errorf("after that there was still %v, %v", again, err)
	}
	if noted := r.outside(t); len(noted) != 0 {
		t.Errorf("the ledger still notes %v", noted)
	}
}

// Ctrl-C removes everything before the command ends.
func TestInterruptLeavesNoContainer(t *testing.T) {
	r := startContainers(t)
	noted := r.outside(t)
	if len(noted) != 1 {
		t.Fatalf("the ledger notes %v", noted)
	}
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if r.Wait(); r.ProcessState.ExitCode() != ExitInterrupted {
		t.Errorf("it ended with %v", r.ProcessState)
	}
	if removed, err := container.Healer().Heal(noted[0]); err != nil || len(removed) != 0 {
		t.Errorf("it left %v, %v", removed, err)
	}
	if noted := r.outside(t); len(noted) != 0 {
		t.Errorf("the ledger still notes %v", noted)
	}
}
