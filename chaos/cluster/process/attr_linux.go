package process

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes put a child in a process group of its own, so that a signal reaches all of it and a
// Ctrl-C at the terminal does not, and let it die with the thread that forks it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitEnd returns when the child has ended and leaves it a zombie: its pid, and with it the number
// of its group, stays taken until someone waits for it.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
