package doctor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Machine is where the doctor looks. Start from This.
type Machine struct {
	// Proc is the file system of processes, Temp a directory for files of an instant.
	Proc, Temp string
	// Program that ends when it is told to and reads its standard input until then.
	Program string
	// FewestDescriptors that a run needs.
	FewestDescriptors uint64
	// LowestPort and HighestPort are those that nodes are given.
	LowestPort, HighestPort int
	// Engine tells what container engine there is, or why none can be used; nil is that nobody looked.
	Engine func() (detail string, err error)
}

// This machine.
func This() Machine {
	return Machine{Proc: "/proc", Temp: os.TempDir(), Program: "cat", FewestDescriptors: 4096, LowestPort: 20000, HighestPort: 32767}
}

// processTable: who is who, who listens where, and whose socket it is.
func (m Machine) processTable() Finding {
	self := fmt.Sprint(os.Getpid())
	for _, file := range []string{self + "/stat", "net/tcp", "sys/kernel/random/boot_id"} {
		if _, err := os.ReadFile(filepath.Join(m.Proc, file)); err != nil {
			return Finding{processTable, false, fmt.Sprintf("%v: proofs read it; use Linux with /proc mounted, and without hidepid", err)}
		}
	}
	if _, err := os.ReadDir(filepath.Join(m.Proc, self, "fd")); err != nil {
		return Finding{processTable, false, fmt.Sprintf("%v: it tells which node opened a connection; run as the user who owns the nodes", err)}
	}
	return Finding{processTable, true, m.Proc + " is readable: processes, sockets and who owns them"}
}

// signals: a child in a group of its own is stopped, let go on and killed.
func (m Machine) signals() Finding {
	cannot := func(err error) Finding {
		return Finding{signals, false, fmt.Sprintf("%v: nodes are paused and killed by signals to their process groups; allow that to this user", err)}
	}
	child := exec.Command(m.Program)
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := child.StdinPipe()
	if err != nil {
		return cannot(err)
	}
	defer in.Close()
	if err := child.Start(); err != nil {
		return cannot(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGKILL} {
		err = errors.Join(err, syscall.Kill(-child.Process.Pid, sig))
	}
	if err != nil {
		err = errors.Join(err, child.Process.Kill())
		child.Wait()
		return cannot(err)
	}
	child.Wait() // its error says that it was killed
	return Finding{signals, true, "a child of this user was stopped, let go on and killed"}
}

// wantedPorts that must be free: those of a cluster of some nodes.
const wantedPorts = 64

// ports: enough of those that nodes are given are free.
func (m Machine) ports() Finding {
	free := 0
	for port := m.LowestPort; port <= m.HighestPort && free < wantedPorts; port++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		ln.Close()
		free++
	}
	if free < wantedPorts {
		return Finding{ports, false, fmt.Sprintf("%d of the ports %d to %d of 127.0.0.1 are free, nodes need %d: end what uses them", free, m.LowestPort, m.HighestPort, wantedPorts)}
	}
	return Finding{ports, true, fmt.Sprintf("%d and more of the ports %d to %d of 127.0.0.1 are free", free, m.LowestPort, m.HighestPort)}
}

// descriptors: the limit of open files, which Go raises to the hard one.
func (m Machine) descriptors() Finding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return Finding{descriptors, false, err.Error()}
	}
	if limit.Cur < m.FewestDescriptors {
		return Finding{descriptors, false, fmt.Sprintf("a process may have %d files open, links and storms need %d: raise it with ulimit -n", limit.Cur, m.FewestDescriptors)}
	}
	return Finding{descriptors, true, fmt.Sprintf("a process may have %d files open", limit.Cur)}
}

// sockets: a unix socket can be made and reached.
func (m Machine) sockets() Finding {
	cannot := func(err error) Finding {
		return Finding{sockets, false, fmt.Sprintf("%v: disks and clocks are changed through unix sockets; let TMPDIR be a short directory that can be written to", err)}
	}
	dir, err := os.MkdirTemp(m.Temp, "lp-")
	if err != nil {
		return cannot(err)
	}
	defer os.RemoveAll(dir)
	ln, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		return cannot(err)
	}
	defer ln.Close()
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		return cannot(err)
	}
	conn.Close()
	return Finding{sockets, true, "unix sockets work in " + m.Temp}
}

// engine: what runs containers. Who has none has all other placements.
func (m Machine) engine() Finding {
	if m.Engine == nil {
		return Finding{engine, false, "nobody looked for one"}
	}
	detail, err := m.Engine()
	if err != nil {
		return Finding{engine, false, err.Error()}
	}
	return Finding{engine, true, detail}
}
