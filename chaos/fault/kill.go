package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/procfs"
)

// dialWithin bounds one look at the address: on one machine it is refused or accepted at once.
const dialWithin = time.Second

// kill ends a node's process with SIGKILL and starts it again.
//
//	effect: /proc shows the process gone, a zombie, or another one under its pid, and the address
//	        refuses connections
//	heal:   a process with another identity owns the socket that listens on the node's port, and
//	        the node answers on a new connection
type kill struct {
	cluster cluster.Cluster
	killer  cluster.Killer
	node    int32

	// before is the process that is killed; sent says that it was sent the signal.
	before procfs.Identity
	sent   bool
}

// Inject sends the signal.
func (k *kill) Inject(ctx context.Context) (string, error) {
	before, _, err := procfs.Identify(k.killer.Pid(k.node))
	if err != nil {
		return "", fmt.Errorf("there is nothing to kill: %w", err)
	}
	if !before.Alive() {
		return "", fmt.Errorf("there is nothing to kill: pid %d has ended", before.Pid)
	}
	k.before = before
	if err := k.killer.Kill(ctx, k.node); err != nil {
		return "", err
	}
	k.sent = true
	return fmt.Sprintf("SIGKILL to the process group of pid %d", before.Pid), nil
}

// Prove waits until the process is gone and nobody listens in its place.
func (k *kill) Prove(ctx context.Context) (string, error) {
	address := k.cluster.Address(k.node)
	err := until(ctx, func() error {
		if k.before.Alive() {
			return fmt.Errorf("pid %d still runs", k.before.Pid)
		}
		return refused(address)
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d is gone, %s refuses connections", k.before.Pid, address), nil
}

// refused is nil when nobody listens at the address.
func refused(address string) error {
	conn, err := net.DialTimeout("tcp", address, dialWithin)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s still accepts connections", address)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s does not refuse connections: %w", address, err)
	}
	return nil
}

// Heal starts the node again.
func (k *kill) Heal(ctx context.Context) (string, error) {
	if !k.sent {
		return "nothing was killed: nothing to start", nil
	}
	if err := k.killer.Restart(ctx, k.node); err != nil {
		return "", err
	}
	return fmt.Sprintf("started as pid %d", k.killer.Pid(k.node)), nil
}

// ProveHealed waits until the node answers and shows that it is the new process which does.
func (k *kill) ProveHealed(ctx context.Context) (string, error) {
	if err := k.cluster.WaitReady(ctx, k.node); err != nil {
		return "", err
	}
	address := k.cluster.Address(k.node)
	port, err := procfs.Port(address)
	if err != nil {
		return "", err
	}
	pid := k.killer.Pid(k.node)
	after, _, err := procfs.Identify(pid)
	if err != nil {
		return "", err
	}
	if after == k.before {
		return "", fmt.Errorf("pid %d is the process that was to be killed, not a new one", pid)
	}
	if err := owner(pid, port); err != nil {
		return "", err
	}
	if !after.Alive() {
		return "", fmt.Errorf("pid %d answered and ended", pid)
	}
	return fmt.Sprintf("pid %d listens on %s and answers ApiVersions", pid, address), nil
}

// owner is nil when the process has the socket that listens on the port.
func owner(pid int, port uint16) error {
	inode, ok, err := procfs.Listener(port)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("nobody listens on port %d any more", port)
	}
	owns, err := procfs.Owns(pid, inode)
	if err != nil {
		return err
	}
	if !owns {
		return fmt.Errorf("port %d is served by another process (pid %d), not by the node's pid %d", port, procfs.Owner(inode), pid)
	}
	return nil
}
