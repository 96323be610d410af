//go:build !linux

package process

import "syscall"

// attributes put a child in a process group of its own. This system has no signal for the death of
// a parent: a harness that is killed leaves its nodes running.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitEnd does nothing here: the wait that follows takes the pid away while a signal to the group
// may be on its way. The window is a few instructions long.
func awaitEnd(int) {}
