package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
)

func TestStartServeStop(t *testing.T) {
	c := started(t, "serve", 2)
	for _, id := range c.Nodes() {
		if err := c.WaitReady(soon(t), id); err != nil {
			t.Fatal(err)
		}
		port, err := procfs.Port(c.Address(id))
		if err != nil || port < lowestPort || port > highestPort {
			t.Errorf("node %d listens on port %d, %v; want one between %d and %d", id, port, err, lowestPort, highestPort)
		}
	}
	if err := c.Stop(soon(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if err := c.WaitReady(soon(t), 0); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("WaitReady after Stop = %v; want how the process ended", err)
	}
	if err := c.Restart(soon(t), 0); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("Restart after Stop = %v; want a refusal", err)
	}
	if exits := c.Exits(); len(exits) != 0 {
		t.Errorf("Exits = %v; want none, the harness asked for all", exits)
	}
}

func TestKillAndRestartKeepTheAddress(t *testing.T) {
	c := started(t, "serve", 1)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	address := c.Address(0)
	for range 3 {
		pid := c.Pid(0)
		if err := c.Restart(soon(t), 0); err == nil || !strings.Contains(err.Error(), "runs already") {
			t.Fatalf("Restart of a running node = %v; want a refusal", err)
		}
		if err := c.Kill(soon(t), 0); err != nil {
			t.Fatal(err)
		}
		if err := c.Restart(soon(t), 0); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitReady(soon(t), 0); err != nil {
			t.Fatal(err)
		}
		if c.Pid(0) == pid || c.Address(0) != address {
			t.Errorf("pid %d -> %d, address %s -> %s; want a new pid on the same address", pid, c.Pid(0), address, c.Address(0))
		}
	}
	if exits := c.Exits(); len(exits) != 0 {
		t.Errorf("Exits = %v; want none, the harness asked for all", exits)
	}
}

func TestKillTwiceAndUnknownNodes(t *testing.T) {
	c := started(t, "serve", 1)
	if err := c.Kill(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed process is reaped", func() bool { _, over, _ := c.nodes[0].ended(); return over })
	if err := c.Kill(soon(t), 0); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("second Kill = %v; want how the process ended", err)
	}
	for name, err := range map[string]error{
		"Kill": c.Kill(soon(t), 7), "Restart": c.Restart(soon(t), 7), "WaitReady": c.WaitReady(soon(t), 7),
	} {
		if err == nil || !strings.Contains(err.Error(), "no node 7") {
			t.Errorf("%s of node 7 = %v", name, err)
		}
	}
	if c.Pid(7) != 0 || c.Address(7) != "" {
		t.Error("node 7 has a pid or an address")
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	ports, err := pickPorts(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", address(ports[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = startIn(t.TempDir(), "serve", 1, func(c *Config) { c.FirstPort = ports[0] })
	if err == nil {
		t.Fatal("a cluster started on a taken port")
	}
	for _, want := range []string{"port " + strconv.Itoa(ports[1]), "taken by pid " + strconv.Itoa(os.Getpid()), "choose other ports"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if _, err := pickPorts(65535, 2); err == nil {
		t.Error("port 65536 was accepted")
	}
}

func TestPortTakenWhileTheNodeIsDown(t *testing.T) {
	c := started(t, "serve", 1)
	if err := c.Kill(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed process is reaped", func() bool { _, over, _ := c.nodes[0].ended(); return over })
	ln, err := net.Listen("tcp", c.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(soon(t), 0); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("Restart on a taken port = %v", err)
	}
	ln.Close()
	if err := c.Restart(soon(t), 0); err != nil {
		t.Errorf("Restart once the port is free: %v", err)
	}
}

func TestNodeThatEndsByItself(t *testing.T) {
	c := started(t, "fail", 1)
	err := c.WaitReady(soon(t), 0)
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "the disk rules make no sense") {
		t.Errorf("WaitReady = %v; want the exit status and the log", err)
	}
	if exits := c.Exits(); len(exits) != 1 || !strings.Contains(exits[0], "exit status 2") {
		t.Errorf("Exits = %v; want one", exits)
	}
	if err := c.Stop(soon(t)); err != nil {
		t.Errorf("Stop = %v; it stopped nothing", err)
	}
}

func TestNodesThatAreNeverReady(t *testing.T) {
	for mode, want := range map[string]string{"silent": "does not answer ApiVersions", "garbage": "something else than a Kafka server"} {
		t.Run(mode, func(t *testing.T) {
			c := started(t, mode, 1)
			eventually(t, "it listens", func() bool {
				conn, err := net.Dial("tcp", c.Address(0))
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
			ctx, cancel := context.WithTimeout(soon(t), 200*time.Millisecond)
			defer cancel()
			err := c.WaitReady(ctx, 0)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), "listening on") {
				t.Errorf("WaitReady = %v; want %q and the log", err, want)
			}
		})
	}
}

func TestNodeThatIgnoresSigtermIsKilled(t *testing.T) {
	c := started(t, "deaf", 1, func(c *Config) { c.StopWithin = 100 * time.Millisecond })
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(soon(t)); err == nil || !strings.Contains(err.Error(), "still ran after SIGTERM") {
		t.Errorf("Stop = %v; want the node named", err)
	}
}

func TestMissingBinaryLeavesNothing(t *testing.T) {
	_, err := startIn(t.TempDir(), "serve", 2, func(c *Config) { c.Binary = "/no/such/binary" })
	if err == nil || !strings.Contains(err.Error(), "/no/such/binary") {
		t.Errorf("Start = %v", err)
	}
}

func TestConfigErrorsComeAllAtOnce(t *testing.T) {
	_, err := Start(t.Context(), Config{Brokers: []int32{1, 1}})
	for _, want := range []string{"no binary", "no arguments", "no run directory", "no ledger", "not ascending"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start error %v does not say %q", err, want)
		}
	}
	if _, err := Start(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "no brokers") {
		t.Errorf("Start of nothing = %v", err)
	}
}

// onDyingThread calls f on an OS thread of its own and returns when that thread has ended.
func onDyingThread(t *testing.T, f func()) {
	t.Helper()
	ended := make(chan int)
	var run func()
	run = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if syscall.Gettid() == os.Getpid() {
			// The main thread never ends. While this goroutine holds it, another gets another.
			go run()
			<-t.Context().Done()
			return
		}
		f()
		ended <- syscall.Gettid()
	}
	go run()
	thread := <-ended
	eventually(t, "the thread ended", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		return errors.Is(err, os.ErrNotExist)
	})
}

// The death signal follows the thread that forked. A child forked by the caller's own thread would
// die here, with a healthy harness.
func TestNodesSurviveTheEndOfTheCallersThread(t *testing.T) {
	var c *Cluster
	var err error
	onDyingThread(t, func() { c, err = startIn(t.TempDir(), "serve", 1) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(context.Background()) })
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	onDyingThread(t, func() {
		if err := errors.Join(c.Kill(soon(t), 0), c.Restart(soon(t), 0)); err != nil {
			t.Error(err)
		}
	})
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if exits := c.Exits(); len(exits) != 0 {
		t.Errorf("Exits = %v", exits)
	}
}

func TestNodesDieWithAKilledHarness(t *testing.T) {
	for name, env := range map[string]string{"running": pauseEnv + "=", "paused": pauseEnv + "=1"} {
		t.Run(name, func(t *testing.T) { testNodeDiesWithAKilledHarness(t, env) })
	}
}

func testNodeDiesWithAKilledHarness(t *testing.T, env string) {
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe", dir)
	cmd.Env = append(os.Environ(), roleEnv+"=harness", env)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	var address string
	if _, err := fmt.Sscan(line, &pid, &address); err != nil {
		t.Fatalf("the harness says %q", line)
	}
	node, _, err := procfs.Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if node.Alive() { // the test has failed: leave nothing
			signalGroup(pid, syscall.SIGKILL)
		}
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node died with its harness", func() bool { return !node.Alive() })
	cmd.Wait()
	if healed, err := ledger.Heal(filepath.Join(dir, "ledger")); err != nil || len(healed) != 1 {
		t.Errorf("Heal = %v, %v; want the dead harness", healed, err)
	}
}

func TestTheLedgerNamesEveryProcess(t *testing.T) {
	c := started(t, "serve", 2)
	files, err := filepath.Glob(filepath.Join(c.Endpoint(0).Dir, "../../ledger/*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("ledger files: %v, %v", files, err)
	}
	read := func() map[string]int {
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		var entry struct{ Children []ledger.Child }
		if err := json.Unmarshal(data, &entry); err != nil {
			t.Fatal(err)
		}
		pids := map[string]int{}
		for _, child := range entry.Children {
			pids[child.Name] = child.Pid
			if child.Group != child.Pid || child.Start == 0 {
				t.Errorf("child %+v has no group or start time", child)
			}
		}
		return pids
	}
	if pids := read(); len(pids) != 2 || pids["node 0"] != c.Pid(0) || pids["node 1"] != c.Pid(1) {
		t.Errorf("ledger says %v; want pids %d and %d", pids, c.Pid(0), c.Pid(1))
	}
	if err := errors.Join(c.Kill(soon(t), 1), c.Restart(soon(t), 1)); err != nil {
		t.Fatal(err)
	}
	if pids := read(); len(pids) != 2 || pids["node 1"] != c.Pid(1) {
		t.Errorf("ledger after a restart says %v; want pid %d", pids, c.Pid(1))
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	c := started(t, "serve", 1)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				c.Kill(soon(t), 0)
				c.Restart(soon(t), 0)
				c.Pid(0)
				c.Exits()
			}
		})
	}
	all.Wait()
	if err := c.Stop(soon(t)); err != nil {
		// A node that was killed on its way up is no failure, and Stop says nothing of it.
		t.Errorf("Stop: %v", err)
	}
}
