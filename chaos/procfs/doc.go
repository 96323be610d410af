// Package procfs reads from /proc which process is which, who listens on a port, and who dialled.
//
//	pid ──> Identity {pid, start}     a pid is reused, the pair is not (until the next boot)
//	group ──> Members and their states     stopped: every thread of it is
//	127.0.0.1:port ──/proc/net/tcp──> socket inode ──/proc/PID/fd──> owner
//	two ends of a connection ──inet_diag──> inode of either
//
// It is how faults are proved by another way than they were injected, and how the ledger never
// kills a stranger. It needs Linux: elsewhere every call returns an error that wraps
// fs.ErrNotExist. The package imports the standard library only.
package procfs
