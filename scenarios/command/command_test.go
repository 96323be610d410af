package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/verify"
)

// The test binary plays logproof where a test needs a process of its own, and for the nodes that
// the commands start: those run os.Executable.
const actEnv = "LOGPROOF_TEST_ACT"

func TestMain(m *testing.M) {
	if os.Getenv(actEnv) != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	cache, err := os.MkdirTemp("", "logproof-test-cache-")
	if err != nil {
		panic(err)
	}
	os.Setenv(actEnv, "1")
	os.Setenv("XDG_CACHE_HOME", cache) // the ledger of this test only
	code := m.Run()
	os.RemoveAll(cache)
	os.Exit(code)
}

// small is a scenario of three seconds with a kill; its lines are replaced by tests.
const small = `name: small
description: One kill under a light load.
flush: commit
disk: sync-delay=2ms,lose-unsynced
topics:
  - {name: orders, partitions: 2}
load: {rate: 500/s, record_size: 100B, readers: 1}
warm_up: {hold: 300ms, within: 10s}
timeline:
  - {fault: kill, target: node(0), after: 300ms, hold: 100ms}
cool_down: 300ms
limits: {converge: 10s, total: 40s}
`

// scenario writes small with replacements, given in pairs.
func scenario(t *testing.T, replace ...string) string {
	t.Helper()
	text := small
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the scenario has no %q", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	path := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// logproof runs one command in this process.
func logproof(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(args, &out, &errs)
	return code, out.String(), errs.String()
}

// want runs a command and checks its exit code and what it says.
func want(t *testing.T, code int, says string, args ...string) string {
	t.Helper()
	got, stdout, stderr := logproof(t, args...)
	if got != code || !strings.Contains(stdout+stderr, says) {
		t.Fatalf("logproof %s: exit code %d, want %d and %q\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got, code, says, stdout, stderr)
	}
	return stdout
}

func TestRunVerifyAndItsDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitPass, "PASS", "run", scenario(t), "--dir", dir)
	for _, says := range []string{"append-order", "acknowledged", "response", "outage", dir, "kill node 0"} {
		if !strings.Contains(out, says) {
			t.Errorf("the result does not say %q:\n%s", says, out)
		}
	}
	for _, name := range []string{"plan.json", "history.bin", "verdict.json", "result.json", "junit.xml", "summary.md", "response.hlog", "clock.json", "nodes/0/events.jsonl", "nodes/0/broker.log", "nodes/0/data/orders-0"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	var result struct {
		Verdict string
		Rules   []struct{ Rule, Verdict string }
	}
	if err := json.Unmarshal([]byte(want(t, ExitPass, "", "verify", dir, "--json")), &result); err != nil {
		t.Fatal(err)
	}
	if result.Verdict != "pass" || len(result.Rules) != len(verify.Rules())+1 {
		t.Errorf("judged again: %+v", result)
	}
	want(t, ExitInconclusive, "exists", "run", scenario(t), "--dir", dir)
	want(t, ExitPass, `"kind":"fault"`, "history", dir)
	testDamagedHistory(t, dir)
}

// testDamagedHistory damages the history of a run that passed: it never passes again.
func testDamagedHistory(t *testing.T, dir string) {
	path := filepath.Join(dir, "history.bin")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		bytes []byte
		code  int
		says  string
	}{
		"torn":    {whole[:len(whole)*2/3], ExitInconclusive, "history"},
		"flipped": {flipped, ExitInconclusive, "history"},
		"empty":   {nil, ExitUsage, "history"},
		"foreign": {[]byte("this is a text file, not a history of anything"), ExitUsage, "history"},
	} {
		if err := os.WriteFile(path, c.bytes, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		want(t, c.code, c.says, "verify", dir)
		want(t, c.code, c.says, "report", dir)
		want(t, c.code, "", "history", dir)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	want(t, ExitUsage, "plan.json", "verify", dir)
	want(t, ExitUsage, "is not a run directory", "verify", t.TempDir())
	want(t, ExitUsage, "is not a run directory", "report", t.TempDir())
}

func TestRunCatchesAPlantedBug(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitFail, "FAIL", "run", scenario(t, "sync-delay=2ms", "sync-delay=200ms"), "--bug", "ack-before-write", "--dir", dir)
	if !strings.Contains(out, "lost-write") || strings.Contains(out, "records/s acknowledged") {
		t.Errorf("a run that lost data reports the loss and no throughput:\n%s", out)
	}
	want(t, ExitFail, "lost-write", "verify", dir)
	page := filepath.Join(dir, "report.html")
	if err := os.Remove(page); err != nil {
		t.Errorf("the run has left no page: %v", err)
	}
	want(t, ExitFail, "lost-write", "report", dir)
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), `class="violation"`) {
		t.Errorf("the page that is made again has no picture of what was lost: %d bytes, %v", len(text), err)
	}
}

// A load below its floor proves nothing, and says so.
func TestLoadBelowItsFloor(t *testing.T) {
	t.Parallel()
	// Half of the rate is there after half a second at the soonest, and then has half a second left.
	path := scenario(t, "within: 10s", "within: 1s", "warm_up: {hold: 300ms", "warm_up: {hold: 900ms")
	out := want(t, ExitInconclusive, "INCONCLUSIVE", "run", path, "--dir", filepath.Join(t.TempDir(), "run"))
	if !strings.Contains(out, "floor") {
		t.Errorf("it does not say that the floor was not held:\n%s", out)
	}
}

// A full disk stops the load and loses nothing that was acknowledged.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := scenario(t, "sync-delay=2ms,lose-unsynced", "space=60KiB", "converge: 10s", "converge: 2s")
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitInconclusive, "INCONCLUSIVE", "run", path, "--dir", dir)
	if strings.Contains(out, "lost-write") {
		t.Errorf("a full disk lost what was acknowledged:\n%s", out)
	}
}

func TestBadScenarios(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, says string }{
		"key":        {scenario(t, "record_size", "record_sise"), "record_size"},
		"position":   {scenario(t, "flush: commit", "flash: commit"), "small.yaml:3:1"},
		"fault":      {scenario(t, "fault: kill", "fault: kil"), "kill"},
		"target":     {scenario(t, "node(0)", "node(7)"), "node(7)"},
		"rate":       {scenario(t, "rate: 500/s", "rate: fast"), "rate"},
		"disk":       {scenario(t, "sync-delay=2ms", "sync-dealy=2ms"), "small.yaml:4"},
		"no file":    {"./missing.yaml", "missing.yaml"},
		"no builtin": {"dmeo", "demo"},
	} {
		for _, command := range []string{"plan", "run"} {
			code, stdout, stderr := logproof(t, command, c.path)
			if code != ExitUsage || !strings.Contains(stderr, c.says) || stdout != "" {
				t.Errorf("%s %s: exit code %d, want %d and %q\n%s", command, name, code, ExitUsage, c.says, stderr)
			}
		}
	}
}

// A broker whose first sync fails stops rather than lie; the run ends with what it said.
func TestBrokerThatCannotSync(t *testing.T) {
	t.Parallel()
	path := scenario(t, "sync-delay=2ms,lose-unsynced", "sync-error=1")
	want(t, ExitInconclusive, "input/output error", "run", path, "--dir", filepath.Join(t.TempDir(), "run"))
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"rnu"}, "unknown command"},
		{[]string{"demo", "--sede", "1"}, "unknown flag"},
		{[]string{"run"}, "takes a scenario"},
		{[]string{"demo", "--bug", "ack-too-early"}, "ack-before-write"},
		{[]string{"broker"}, "--data"},
		{[]string{"broker", "--data", t.TempDir(), "--flush", "never"}, "none, interval, commit"},
		{[]string{"broker", "--data", t.TempDir(), "--disk", "slow"}, "sync-delay"},
		{[]string{"broker", "--data", t.TempDir(), "--set", "log.retention.ms"}, "want name=value, as in log.retention.ms=60000"},
		{[]string{"broker", "--data", t.TempDir(), "--set", "retention.ms=5"}, "by Kafka's names for brokers"},
		{[]string{"broker", "--data", t.TempDir(), "--set", "log.roll.ms=0"}, "want a number from 1"},
		{[]string{"broker", "--data", t.TempDir(), "--feature", "transaction.version"}, "want name=level, as in transaction.version=1"},
		{[]string{"broker", "--data", t.TempDir(), "--feature", "transaction.version=3"}, "want 0 to 2"},
		{[]string{"broker", "--data", t.TempDir(), "--feature", "share.version=1"}, "there is no feature"},
		{[]string{"broker", "--data", t.TempDir(), "--disk", "sync-error=later"}, "sync-error=N or now"},
		{[]string{"broker", "--data", t.TempDir(), "--control", strings.Repeat("x", 200)}, "a unix socket at most"},
		{[]string{"broker", "--data", t.TempDir(), "--bug", "all"}, "unknown bug"},
		{[]string{"broker", "--data", t.TempDir(), "--roles", "leader"}, "broker, controller or broker,controller"},
		{[]string{"broker", "--data", t.TempDir(), "--roles", "broker"}, "name the controllers"},
		{[]string{"broker", "--data", t.TempDir(), "--voters", "127.0.0.1:9100"}, "id@host:port"},
		{[]string{"broker", "--data", t.TempDir(), "--voters", "0@127.0.0.1:9100"}, "--peers host:port"},
		{[]string{"known-bugs", "--only", "everything"}, "unknown bug"},
	} {
		want(t, ExitUsage, c.says, c.args...)
	}
	for _, command := range []string{"", "demo", "run", "plan", "verify", "history", "known-bugs", "broker",
		"produce", "consume", "topic", "topic list", "topic describe", "topic create", "topic delete", "topic alter", "topic grow",
		"group", "group list", "group describe", "group reset", "group delete", "dump"} {
		args := []string{"--help"}
		if command != "" {
			args = append(strings.Fields(command), "--help")
		}
		if out := want(t, ExitPass, "Examples:", args...); !strings.Contains(out, "logproof "+command) {
			t.Errorf("%s --help has no example of itself", command)
		}
	}
	want(t, ExitPass, "logproof", "completion", "bash")
}

func TestBrokerOnATakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want(t, ExitInconclusive, "the port is in use", "broker", "--data", t.TempDir(), "--listen", l.Addr().String())
}

// A broker that stops itself because of its disk ends with the exit code of a broken environment, and says
// what to do.
func TestBrokerOnAFullDisk(t *testing.T) {
	t.Parallel()
	want(t, ExitInconclusive, "the disk is full: make room on it", "broker", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--disk", "space=100B")
}

// started is logproof in a process of its own.
type started struct {
	*exec.Cmd
	stderr *bufio.Scanner
	stdout bytes.Buffer
	lines  []string
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &started{Cmd: exec.CommandContext(ctx, self, args...)}
	s.Stdout = &s.stdout
	stderr, err := s.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stderr = bufio.NewScanner(stderr)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// await reads its progress up to a line that matches.
func (s *started) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for s.stderr.Scan() {
		s.lines = append(s.lines, s.stderr.Text())
		if m := re.FindStringSubmatch(s.stderr.Text()); m != nil {
			return m
		}
	}
	t.Fatalf("it ended without %q:\n%s", pattern, strings.Join(s.lines, "\n"))
	return nil
}

// end reads the rest of its progress and waits for it.
func (s *started) end() (code int) {
	for s.stderr.Scan() {
		s.lines = append(s.lines, s.stderr.Text())
	}
	s.Wait()
	return s.ProcessState.ExitCode()
}

// awaitGone waits until a process is no more.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(pid, 0) == nil {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(state), ") Z ") {
			return // dead, and its new parent has not noticed yet
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// Ctrl-C stops the run, its nodes and its load, and leaves a directory that can be judged.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	s := start(t, "run", scenario(t, "after: 300ms", "after: 30s"), "--dir", dir)
	pid, _ := strconv.Atoi(s.await(t, `pid (\d+)`)[1])
	s.await(t, "phase +faults")
	if err := s.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != ExitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, ExitInterrupted, strings.Join(s.lines, "\n"))
	}
	awaitGone(t, pid)
	want(t, ExitInconclusive, "INCONCLUSIVE", "verify", dir)
}

// A harness that is killed leaves no process, and what it recorded can be judged as far as it goes.
// The next run heals what it left.
func TestKilledHarness(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	s := start(t, "run", scenario(t, "after: 300ms", "after: 30s", "rate: 500/s", "rate: 20000/s"), "--dir", dir)
	pid, _ := strconv.Atoi(s.await(t, `pid (\d+)`)[1])
	s.await(t, "phase +faults")
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.end()
	awaitGone(t, pid)
	want(t, ExitInconclusive, "INCONCLUSIVE", "verify", dir)
	next := start(t, "run", scenario(t), "--dir", filepath.Join(t.TempDir(), "next"))
	if code := next.end(); code != ExitPass {
		t.Errorf("the next run: exit code %d\n%s\n%s", code, strings.Join(next.lines, "\n"), next.stdout.String())
	}
}
