package fault_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
	"github.com/logproof/logproof/chaos/timeline"
)

func init() { fault.PlayHarness = playHarness }

// leaving are faults that leave something in a node, or of a node, when the harness dies in the middle of
// them.
var leaving = map[string]timeline.Fault{
	"pause":     {Kind: timeline.Pause, Target: "node(0)"},
	"clock":     {Kind: timeline.Clock, Target: "node(0)", Params: timeline.Params{Offset: time.Minute}},
	"slow-disk": {Kind: timeline.SlowDisk, Target: "node(0)", Params: timeline.Params{Delay: 50 * time.Millisecond}},
	"cut":       {Kind: timeline.Cut, Target: "node(0)", Peers: "clients"},
	"stall":     {Kind: timeline.Stall, Target: "node(0)", Peers: "clients"},
	"storm":     {Kind: timeline.ConnectionStorm, Target: "node(0)", Params: timeline.Params{Count: 50}},
	"kill":      {Kind: timeline.Kill, Target: "node(0)"},
}

// playHarness starts a cluster of one node, injects a fault, proves it, says the node's pid and address, and
// waits to be killed.
func playHarness(dir, name string) int {
	ctx := context.Background()
	fail := func(err error) int { fmt.Println("error:", err); return 1 }
	book, err := ledger.Open(filepath.Join(dir, "ledger"), dir)
	if err != nil {
		return fail(err)
	}
	c, err := process.Start(ctx, process.Config{
		Binary: "/proc/self/exe", Env: []string{"LOGPROOF_TEST_ROLE=broker"}, Dir: dir, Ledger: book, Links: true,
		Brokers: []int32{0}, Args: process.Broker{Flush: "commit"}.Args, Clients: []string{"load"},
	})
	if err != nil {
		return fail(err)
	}
	if err := c.WaitReady(ctx, 0); err != nil {
		return fail(err)
	}
	f, err := aimed(ctx, leaving[name], c)
	if err == nil {
		_, err = f.Inject(ctx)
	}
	if err == nil {
		_, err = f.Prove(ctx)
	}
	if err != nil {
		return fail(err)
	}
	fmt.Println("broken", c.Pid(0), c.Address(0))
	io.Copy(io.Discard, os.Stdin) // until killed: the test holds the other end
	return 0
}

// healedWithin is what the next start of a harness may take; how long it took is printed.
const healedWithin = 2 * time.Second

// A harness that is killed in the middle of a fault leaves nothing that the next one has not healed when it
// begins: no node, stopped or running, and no port.
func TestAKilledHarnessIsHealed(t *testing.T) {
	for name := range leaving {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			harness, node, address := brokenBy(t, dir, name)
			if err := harness.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			harness.Wait()
			began := time.Now()
			if _, err := ledger.Heal(filepath.Join(dir, "ledger")); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			t.Logf("healed in %v, aim %v", took, healedWithin)
			if node.Alive() {
				t.Errorf("the node, %v, outlived the heal", node)
			}
			if conn, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
				if err == nil {
					conn.Close()
				}
				t.Errorf("somebody is still at %s: %v", address, err)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "ledger", "*")); err != nil || len(left) > 0 {
				t.Errorf("left in the ledger: %v, %v", left, err)
			}
		})
	}
}

// brokenBy starts a harness and returns when its fault is proved.
func brokenBy(t *testing.T, dir, name string) (harness *exec.Cmd, node procfs.Identity, address string) {
	t.Helper()
	harness = exec.Command("/proc/self/exe", dir, name)
	harness.Env = append(os.Environ(), "LOGPROOF_TEST_ROLE=harness")
	stdin, err := harness.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := harness.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := harness.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		harness.Process.Kill()
		harness.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var pid int
	if _, serr := fmt.Sscanf(line, "broken %d %s", &pid, &address); err != nil || serr != nil {
		t.Fatalf("the harness said %q: %v, %v", line, err, serr)
	}
	node, _, err = procfs.Identify(pid)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return harness, node, address
}
