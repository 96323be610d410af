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

// starter starts a node again whose process has ended.
type starter interface {
	Restart(ctx context.Context, node int32) error
	Pid(node int32) int
}

// mortal is a node whose process ends, is proved gone, and is started again: what kill, restart and
// disk-loss have in common.
type mortal struct {
	cluster cluster.Cluster
	starter starter
	node    int32

	// before is the process that ends; struck says that something was done to it.
	before procfs.Identity
	struck bool
}

// identify notes which process it is; what names the fault in errors.
func (m *mortal) identify(what string) error {
	before, _, err := procfs.Identify(m.starter.Pid(m.node))
	if err != nil {
		return fmt.Errorf("there is nothing to %s: %w", what, err)
	}
	if !before.Alive() {
		return fmt.Errorf("there is nothing to %s: pid %d has ended", what, before.Pid)
	}
	m.before = before
	return nil
}

// gone waits until the process is gone and nobody listens in its place.
func (m *mortal) gone(ctx context.Context) (string, error) {
	address := direct(m.cluster, m.node)
	err := until(ctx, func() error {
		if m.before.Alive() {
			return fmt.Errorf("pid %d still runs", m.before.Pid)
		}
		return refused(address)
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d is gone, %s refuses connections", m.before.Pid, address), nil
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

// start starts the node again.
func (m *mortal) start(ctx context.Context) (string, error) {
	if !m.struck {
		return "nothing was ended: nothing to start", nil
	}
	if err := m.starter.Restart(ctx, m.node); err != nil {
		return "", err
	}
	return fmt.Sprintf("started as pid %d", m.starter.Pid(m.node)), nil
}

// serves waits until the node answers and shows that it is the new process which does.
func (m *mortal) serves(ctx context.Context) (string, error) {
	if err := m.cluster.WaitReady(ctx, m.node); err != nil {
		return "", err
	}
	address := direct(m.cluster, m.node)
	port, err := procfs.Port(address)
	if err != nil {
		return "", err
	}
	pid := m.starter.Pid(m.node)
	after, _, err := procfs.Identify(pid)
	if err != nil {
		return "", err
	}
	if after == m.before {
		return "", fmt.Errorf("pid %d is the process that was to end, not a new one", pid)
	}
	if err := owner(pid, port); err != nil {
		return "", err
	}
	if !after.Alive() {
		return "", fmt.Errorf("pid %d answered and ended", pid)
	}
	return fmt.Sprintf("pid %d listens on %s and answers ApiVersions", pid, address), nil
}

// inSync is serves, and then waits until the node's replicas are in the ISR again.
func (m *mortal) inSync(ctx context.Context, replicated cluster.Replicated) (string, error) {
	detail, err := m.serves(ctx)
	if err != nil {
		return "", err
	}
	if err := replicated.WaitInSync(ctx, m.node); err != nil {
		return "", err
	}
	return detail + ", its replicas are in sync", nil
}

// owner is nil when the process has the socket that listens on the port, in the network that it has.
func owner(pid int, port uint16) error {
	inode, ok, err := procfs.ListenerOf(pid, port)
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
