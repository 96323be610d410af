package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
)

// Starter starts the processes of nodes, and notes in the ledger what outlives it. Config.Starter puts another one in the place of this machine's own
// processes: what a container runs is a process too, with a pid, files and ports.
type Starter interface {
	// Start starts a node with these arguments on the endpoint that it has now. What it writes goes to log,
	// which is closed when Start returns.
	Start(ctx context.Context, self Endpoint, args []string, log *os.File) (Running, error)
	// Close is called when every process has been reaped.
	Close() error
}

// Running is one process as its Starter holds it.
type Running interface {
	// Pid of it, as this machine's /proc has it.
	Pid() int
	// Signal acts on it and all that it started: SIGKILL, SIGTERM, SIGSTOP and SIGCONT. It is not called after
	// Reap.
	Signal(sig syscall.Signal) error
	// AwaitEnd returns when the process has ended. Its pid may not be another's yet.
	AwaitEnd()
	// Reap lets go of it after AwaitEnd and tells how it ended: "exit status 2", "signal: killed".
	Reap() (status string, code int)
}

// local starts processes of this machine.
type local struct {
	binary  string
	env     []string
	spawner *spawner
	ledger  *ledger.Ledger
}

func (l *local) Start(_ context.Context, self Endpoint, args []string, log *os.File) (Running, error) {
	cmd := exec.Command(l.binary, args...)
	cmd.Env = append(os.Environ(), l.env...)
	cmd.Stdout, cmd.Stderr = log, log // the child has its own descriptor
	cmd.SysProcAttr = attributes()
	if err := l.spawner.start(cmd); err != nil {
		return nil, err
	}
	c := child{cmd}
	if err := l.note(self.Node, c.Pid()); err != nil {
		c.Signal(syscall.SIGKILL)
		cmd.Wait() // its error says that it was killed
		return nil, err
	}
	return c, nil
}

// note writes the process into the ledger. One that has ended already is a zombie until it is waited for.
func (l *local) note(node int32, pid int) error {
	id, _, err := procfs.Identify(pid)
	if errors.Is(err, os.ErrNotExist) {
		return nil // no /proc: the ledger could not recognise it anyway
	}
	if err != nil {
		return err
	}
	return l.ledger.Add(ledger.Child{Name: fmt.Sprintf("node %d", node), Identity: id, Group: pid})
}

func (l *local) Close() error {
	l.spawner.close()
	return nil
}

// child is a process of this machine that a local forked; it leads a group of its own.
type child struct{ cmd *exec.Cmd }

func (c child) Pid() int                        { return c.cmd.Process.Pid }
func (c child) Signal(sig syscall.Signal) error { return signalGroup(c.Pid(), sig) }
func (c child) AwaitEnd()                       { awaitEnd(c.Pid()) }

func (c child) Reap() (status string, code int) {
	var exited *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &exited) {
		return err.Error(), -1
	}
	return c.cmd.ProcessState.String(), c.cmd.ProcessState.ExitCode()
}
