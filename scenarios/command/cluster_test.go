package command

import (
	"bufio"
	"context"
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

	"github.com/logproof/logproof/chaos/procfs"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/spec"
)

// upped is logproof cluster up in a process of its own, with nodes that serve.
type upped struct {
	*exec.Cmd
	dir   string
	pid   int      // of node 0
	nodes []string // ids, as announced
	// servers are the addresses of the brokers, comma-separated.
	servers string
	stdout  *bufio.Scanner
	stderr  strings.Builder
}

// shortDir is a directory whose name is short enough for a unix socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lp-up-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// up starts a cluster and waits until it serves. It is gone when the test ends.
func up(t *testing.T, args ...string) *upped {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	u := &upped{Cmd: exec.CommandContext(ctx, "/proc/self/exe", append([]string{"cluster", "up"}, args...)...)}
	u.Stderr = &u.stderr
	out, err := u.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		u.Wait()
		if u.pid != 0 {
			awaitGone(t, u.pid)
		}
	})
	u.stdout = bufio.NewScanner(out)
	u.pid, _ = strconv.Atoi(u.await(t, `node 0 serves Kafka clients on \S+(?:, peers on \S+)?, metrics on http://\S+/metrics, pid (\d+)`))
	u.servers = u.await(t, `bootstrap servers: (.*)`)
	u.dir = u.await(t, `files: (.*)`)
	u.await(t, `(break it): `)
	return u
}

var nodeLine = regexp.MustCompile(`^node (\d+) `)

// await reads the output up to a line that matches, and returns the first group.
func (u *upped) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile("^" + pattern)
	for u.stdout.Scan() {
		if m := nodeLine.FindStringSubmatch(u.stdout.Text()); m != nil {
			u.nodes = append(u.nodes, m[1])
		}
		if m := re.FindStringSubmatch(u.stdout.Text()); m != nil {
			return m[1]
		}
	}
	u.Wait()
	t.Fatalf("the cluster ended without %q: %v\n%s", pattern, u.ProcessState, u.stderr.String())
	return ""
}

// interrupt sends Ctrl-C and waits for a clean end.
func (u *upped) interrupt(t *testing.T) {
	t.Helper()
	if err := u.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	u.await(t, `(cluster stopped)$`)
	if err := u.Wait(); err != nil {
		t.Errorf("the cluster ended with %v\n%s", err, u.stderr.String())
	}
	awaitGone(t, u.pid)
}

// awaitState waits until a process is in a state, or is not.
func awaitState(t *testing.T, pid int, state procfs.State, is bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, now, err := procfs.Identify(pid)
		if err != nil {
			t.Fatal(err)
		}
		if (now == state) == is {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("process %d is %c; want %c: %v", pid, now, state, is)
		}
	}
}

func TestClusterIsBrokenByHand(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	u := up(t, "--dir", dir, "--disk", "sync-delay=1ms")
	if u.dir != dir {
		t.Errorf("files are in %s; want %s", u.dir, dir)
	}
	want(t, ExitPass, "node 0, pid "+strconv.Itoa(u.pid)+": paused", "cluster", "pause", "0", "--dir", dir)
	awaitState(t, u.pid, procfs.Stopped, true)
	want(t, ExitPass, "goes on", "cluster", "resume", "0", "--dir", dir)
	awaitState(t, u.pid, procfs.Stopped, false)
	want(t, ExitPass, "killed with SIGKILL", "cluster", "kill", "0", "--dir", dir)
	awaitGone(t, u.pid)
	for _, last := range []string{"killed", "running"} {
		old := u.pid
		out := want(t, ExitPass, "serves on 127.0.0.1:", "cluster", "restart", "0", "--dir", dir)
		if _, err := fmt.Sscanf(out, "node 0, pid %d", &u.pid); err != nil || u.pid == old {
			t.Errorf("restart of a %s node says %q; want another pid than %d", last, out, old)
		}
		awaitGone(t, old)
	}
	want(t, ExitUsage, "there is no node 7: the cluster in "+dir+" has [0]", "cluster", "kill", "7", "--dir", dir)
	want(t, ExitInconclusive, "a cluster runs in "+dir+" already", "cluster", "up", "--dir", dir)
	if out := want(t, ExitPass, ":4", "__complete", "cluster", "kill", "--dir", dir, ""); !strings.HasPrefix(out, "0\n") {
		t.Errorf("completion offers %q; want node 0", out)
	}
	// A node that is paused is stopped cleanly all the same.
	want(t, ExitPass, "paused", "cluster", "pause", "0", "--dir", dir)
	u.interrupt(t)

	want(t, ExitInconclusive, "no cluster runs in "+dir, "cluster", "kill", "0", "--dir", dir)
	if _, err := os.Stat(filepath.Join(dir, "nodes/0/data")); err != nil {
		t.Errorf("the data of a named directory stays: %v", err)
	}
	again := up(t, "--dir", dir)
	want(t, ExitPass, "killed", "cluster", "kill", "0", "--dir", dir)
	want(t, ExitInconclusive, "pid "+strconv.Itoa(again.pid), "cluster", "resume", "0", "--dir", dir)
	again.interrupt(t)
}

// Without --dir there is a temporary directory, which the other commands find and which goes at the end.
func TestClusterInATemporaryDirectory(t *testing.T) {
	t.Setenv("TMPDIR", shortDir(t))
	want(t, ExitInconclusive, "no cluster runs: start one with", "cluster", "kill", "0")
	first := up(t)
	want(t, ExitPass, "paused", "cluster", "pause", "0")
	awaitState(t, first.pid, procfs.Stopped, true)
	second := up(t)
	out := want(t, ExitUsage, "2 clusters run: name the one that is meant with --dir", "cluster", "resume", "0")
	if out != "" {
		t.Errorf("an error was printed to stdout: %q", out)
	}
	want(t, ExitPass, "killed", "cluster", "kill", "0", "--dir", second.dir)
	second.interrupt(t)
	first.interrupt(t)
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	want(t, ExitInconclusive, "port "+port+" on 127.0.0.1 is taken", "cluster", "up", "--port", port)
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); err != nil || len(left) != 0 {
		t.Errorf("a cluster that did not start left %v, %v", left, err)
	}
}

// A cluster command that is killed leaves no node, not a paused one either, and its directory to the
// next one.
func TestKilledClusterLeavesNoNode(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	u := up(t, "--dir", dir)
	want(t, ExitPass, "paused", "cluster", "pause", "0", "--dir", dir)
	node, _, err := procfs.Identify(u.pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	u.Wait()
	// Until its last thread has ended it holds its directory: the next one could not have it.
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for node.Alive() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%v is still there", node)
		}
	}
	want(t, ExitInconclusive, "no cluster runs in", "cluster", "resume", "0", "--dir", dir)
	next := up(t, "--dir", dir)
	next.interrupt(t)
}

// With a shift, clients are told other ports than the brokers have.
func TestShifted(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"127.0.0.1:9092": "127.0.0.1:9192", "[::1]:1": "[::1]:101", "x": "x", "x:y": "x:y"} {
		if got := shifted(address, 100); got != want {
			t.Errorf("%s shifted by 100 is %s, want %s", address, got, want)
		}
	}
}

// What follows -- goes to every broker, which says what is wrong with it.
func TestClusterPassesFlags(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	want(t, ExitInconclusive, "unknown flag: --no-such-flag", "cluster", "up", "--dir", dir, "--", "--no-such-flag")
	u := up(t, "--dir", dir, "--", "--no-auto-create")
	want(t, ExitUsage, "UNKNOWN_TOPIC_OR_PARTITION", "produce", "x", "--create", "-b", u.servers, "-f", lines(t, "x\n"))
	u.interrupt(t)
}

func TestClusterUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tooMany := strconv.Itoa(plan.MaxNodes(spec.SystemReference) + 1)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"does nothing by itself", nil},
		{"unknown command", []string{"explode"}},
		{"at least one broker", []string{"up", "-n", "0"}},
		{"run on one machine", []string{"up", "-n", tooMany}},
		{"write an odd number", []string{"up", "-n", "3", "--controllers", "2"}},
		{"write an odd number", []string{"up", "--controllers", "-1"}},
		{"as many replicas as brokers, which are 2", []string{"up", "-n", "2", "--default-replication", "3"}},
		{"write 1 to 3, the default replication", []string{"up", "-n", "5", "--min-isr", "4"}},
		{"it needs --port", []string{"up", "--advertise-shift", "100"}},
		{"leaves the range of ports", []string{"up", "--port", "20000", "--advertise-shift", "50000"}},
		{"must be above 0", []string{"up", "--quorum-tick", "0s"}},
		{"must be above 0", []string{"up", "--session-timeout", "0s"}},
		{"--heartbeat not below", []string{"up", "--heartbeat", "-1s"}},
		{"write a shorter heartbeat", []string{"up", "--session-timeout", "1s", "--heartbeat", "501ms"}},
		{"none, interval, commit", []string{"up", "--flush", "never"}},
		{"sync-delay", []string{"up", "--disk", "slow"}},
		{"unknown bug", []string{"up", "--bug", "all"}},
		{"unknown command", []string{"up", "now"}},
		{"takes a node id", []string{"kill"}},
		{`"x" is no node id`, []string{"pause", "x"}},
		{`"-1" is no node id`, []string{"pause", "--", "-1"}},
		{`"99999999999" is no node id`, []string{"restart", "99999999999"}},
	} {
		want(t, ExitUsage, c.says, append([]string{"cluster", "--dir", dir}, c.args...)...)
	}
	want(t, ExitInconclusive, "choose a shorter directory", "cluster", "up", "--dir", filepath.Join(dir, strings.Repeat("x", 100)))
	for _, command := range []string{"", "up", "kill", "pause", "resume", "restart"} {
		args := []string{"cluster", "--help"}
		if command != "" {
			args = []string{"cluster", command, "--help"}
		}
		if out := want(t, ExitPass, "Examples:", args...); !strings.Contains(out, strings.TrimSpace("logproof cluster "+command)) {
			t.Errorf("cluster %s --help has no example of itself", command)
		}
	}
	if out := want(t, ExitPass, ":4", "__complete", "cluster", "kill", "--dir", dir, ""); !strings.HasPrefix(out, ":4") {
		t.Errorf("completion without a cluster offers %q", out)
	}
}
