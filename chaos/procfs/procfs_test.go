package procfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseStatSurvivesAnOddCommand(t *testing.T) {
	line := "42 (a) b) (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 1"
	state, start, err := parseStat([]byte(line))
	if err != nil || state != 'S' || start != 987654 {
		t.Errorf("parseStat = %c, %d, %v", state, start, err)
	}
	for _, bad := range []string{"", "42 (x", "42 (x) S 1 2", "42 (x) SS" + strings.Repeat(" 1", 30), "42 (x) S" + strings.Repeat(" y", 30)} {
		if _, _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q) gave no error", bad)
		}
	}
}

func TestIdentityOfThisProcess(t *testing.T) {
	id, state, err := Identify(os.Getpid())
	if err != nil || state == Zombie {
		t.Fatalf("Identify(self) = %v, %c, %v", id, state, err)
	}
	if !id.Alive() {
		t.Error("this process is not alive")
	}
	other := Identity{Pid: id.Pid, Start: id.Start + 1}
	if other.Alive() {
		t.Error("another process with our pid counts as alive")
	}
}

func TestEndedProcessIsNotAlive(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, _, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if id.Alive() {
		t.Errorf("%v ended and counts as alive", id)
	}
	if _, _, err := Identify(id.Pid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Identify of an ended process: %v; want fs.ErrNotExist", err)
	}
}

func TestListenerAndOwner(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := Port(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	inode, ok, err := Listener(port)
	if err != nil || !ok {
		t.Fatalf("Listener(%d) = %d, %v, %v; want a socket", port, inode, ok, err)
	}
	if owns, err := Owns(os.Getpid(), inode); err != nil || !owns {
		t.Errorf("Owns(self) = %v, %v; want true", owns, err)
	}
	if owns, err := Owns(os.Getpid(), inode+1<<40); err != nil || owns {
		t.Errorf("Owns(self, no such inode) = %v, %v; want false", owns, err)
	}
	if pid := Owner(inode); pid != os.Getpid() {
		t.Errorf("Owner = %d; want %d", pid, os.Getpid())
	}
	ln.Close()
	if _, ok, err := Listener(port); err != nil || ok {
		t.Errorf("Listener after close = %v, %v; want none", ok, err)
	}
}

func TestFindListenerIgnoresConnections(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4E20 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 11 1 0 20 4 30 10 -1
   1: 0100007F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0
`
	if inode, ok, err := findListener(strings.NewReader(table), 20000); err != nil || !ok || inode != 22 {
		t.Errorf("findListener = %d, %v, %v; want 22", inode, ok, err)
	}
	if _, ok, _ := findListener(strings.NewReader(table), 0x9999); ok {
		t.Error("the remote end of a connection is no listener")
	}
	if _, _, err := findListener(strings.NewReader(strings.Replace(table, " 22 ", " x ", 1)), 20000); err == nil {
		t.Error("a damaged table gave no error")
	}
}

func TestScopeAndPort(t *testing.T) {
	boot, namespace, err := Scope()
	if err != nil || boot == "" || !strings.HasPrefix(namespace, "pid:") {
		t.Errorf("Scope = %q, %q, %v", boot, namespace, err)
	}
	if _, err := Port("localhost:1"); err == nil {
		t.Error("Port of a name gave no error")
	}
}

// Group sees a stopped process as stopped, one that goes on as not, and one that ended not at all.
func TestGroupFollowsItsMembers(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelperWaits$")
	cmd.Env = append(os.Environ(), "LOGPROOF_TEST_WAIT=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	defer func() {
		in.Close()
		syscall.Kill(-pid, syscall.SIGKILL)
		cmd.Wait()
	}()
	id, _, err := Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		signal  syscall.Signal
		stopped bool
	}{{0, false}, {syscall.SIGSTOP, true}, {syscall.SIGCONT, false}} {
		if err := syscall.Kill(-pid, step.signal); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			members, err := Group(pid)
			if err != nil || len(members) != 1 || members[0].Identity != id || (members[0].State == Stopped) != step.stopped {
				return fmt.Errorf("after %v, Group = %v, %v; want %v, stopped %v", step.signal, members, err, id, step.stopped)
			}
			return nil
		})
	}
	syscall.Kill(-pid, syscall.SIGKILL)
	eventually(t, func() error {
		if members, err := Group(pid); err != nil || len(members) != 0 {
			return fmt.Errorf("after SIGKILL, Group = %v, %v; want nobody", members, err)
		}
		return nil
	})
}

// TestHelperWaits is the process of another test: it does nothing until its input ends.
func TestHelperWaits(t *testing.T) {
	if os.Getenv("LOGPROOF_TEST_WAIT") == "" {
		t.Skip("it is no test: it is the child of one")
	}
	io.Copy(io.Discard, os.Stdin)
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, look func() error) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for err := look(); err != nil; err = look() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal(err)
		}
	}
}
