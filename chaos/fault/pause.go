package fault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/procfs"
)

// silence is how long a paused node must leave a request unanswered. A node that runs answers
// ApiVersions within a few milliseconds, on a busy machine too: nothing of it waits for a disk.
const silence = 100 * time.Millisecond

// pause stops every process of a node's group where it stands and lets it go on: with SIGSTOP, or, in a
// container, with the freezer of its control group.
//
//	effect: /proc shows every thread of every process of the group stopped, or its control group frozen, and
//	        the kernel accepts a new connection and a request for it, which nobody answers
//	heal:   /proc shows no process of the group stopped or frozen, and the same process as before answers
//	        ApiVersions on a new connection
type pause struct {
	cluster cluster.Cluster
	pauser  cluster.Pauser
	node    int32

	// before is the process that is paused; sent says that it was sent the signal.
	before procfs.Identity
	sent   bool
}

// Inject sends the signal.
func (p *pause) Inject(ctx context.Context) (string, error) {
	before, _, err := procfs.Identify(p.pauser.Pid(p.node))
	if err != nil {
		return "", fmt.Errorf("there is nothing to pause: %w", err)
	}
	if !before.Alive() {
		return "", fmt.Errorf("there is nothing to pause: pid %d has ended", before.Pid)
	}
	p.before = before
	if err := p.pauser.Pause(ctx, p.node); err != nil {
		return "", err
	}
	p.sent = true
	return fmt.Sprintf("pid %d and its process group were stopped", before.Pid), nil
}

// Prove waits until the whole group stands still, and then asks it.
func (p *pause) Prove(ctx context.Context) (string, error) {
	processes := 0
	err := until(ctx, func() (err error) {
		processes, err = p.stopped()
		return err
	})
	if err != nil {
		return "", err
	}
	address := direct(p.cluster, p.node)
	if err := silent(ctx, address); err != nil {
		return "", err
	}
	// It might have gone on since: the silence is that of a node which stands still now, too.
	if _, err := p.stopped(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d stopped of the group of pid %d, %s accepts a request and says nothing for %v",
		processes, p.before.Pid, address, silence), nil
}

// stopped is nil when every process of the group is stopped, the one that was paused among them.
func (p *pause) stopped() (processes int, err error) {
	members, err := procfs.Group(p.before.Pid)
	if err != nil {
		return 0, err
	}
	leads := false
	for _, m := range members {
		still, err := stands(m)
		if err != nil {
			return 0, err
		}
		if !still {
			return 0, fmt.Errorf("pid %d is not stopped, its state is %c", m.Pid, m.State)
		}
		leads = leads || m.Identity == p.before
	}
	if !leads {
		return 0, fmt.Errorf("pid %d has ended, it is not paused", p.before.Pid)
	}
	return len(members), nil
}

// stands reports whether a process is stopped or frozen.
func stands(m procfs.Member) (bool, error) {
	if m.State == procfs.Stopped {
		return true, nil
	}
	return procfs.Frozen(m.Pid)
}

// silent is nil when the address accepts a connection and a request and does not answer it.
func silent(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: dialWithin}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s does not accept connections, so its process is not merely paused: %w", address, err)
	}
	defer conn.Close()
	if _, err := conn.Write(versionsRequest()); err != nil {
		return fmt.Errorf("%s does not take a request: %w", address, err)
	}
	// A run that is interrupted does not wait for the silence to be over.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	n, err := conn.Read(make([]byte, 1))
	switch {
	case n > 0:
		return fmt.Errorf("%s answers", address)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return fmt.Errorf("%s ended the connection: %w", address, err)
}

// versionsRequest is a whole ApiVersions request, version 0, without a client id: a Kafka server
// answers it to anybody. Its bytes stand here because faults know addresses, not protocols.
func versionsRequest() []byte {
	const (
		size        = 10 // what follows the size itself
		apiVersions = 18
		correlation = 1
		noClient    = 0xffff // the null string
	)
	frame := binary.BigEndian.AppendUint32(nil, size)
	frame = binary.BigEndian.AppendUint16(frame, apiVersions)
	frame = binary.BigEndian.AppendUint16(frame, 0)
	frame = binary.BigEndian.AppendUint32(frame, correlation)
	return binary.BigEndian.AppendUint16(frame, noClient)
}

// Heal lets the node go on. One that has ended meanwhile cannot.
func (p *pause) Heal(ctx context.Context) (string, error) {
	if !p.sent {
		return "nothing was paused: nothing to resume", nil
	}
	if pid := p.pauser.Pid(p.node); pid != p.before.Pid {
		return "", fmt.Errorf("pid %d was paused and the node is pid %d now", p.before.Pid, pid)
	}
	if err := p.pauser.Resume(ctx, p.node); err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d and its process group were let go on", p.before.Pid), nil
}

// ProveHealed waits until the group goes on, and shows that it is the same process which answers.
func (p *pause) ProveHealed(ctx context.Context) (string, error) {
	if err := until(ctx, p.running); err != nil {
		return "", err
	}
	if err := p.cluster.WaitReady(ctx, p.node); err != nil {
		return "", err
	}
	address := direct(p.cluster, p.node)
	port, err := procfs.Port(address)
	if err != nil {
		return "", err
	}
	if err := owner(p.before.Pid, port); err != nil {
		return "", err
	}
	if !p.before.Alive() {
		return "", fmt.Errorf("pid %d answered and ended", p.before.Pid)
	}
	return fmt.Sprintf("pid %d, the same as before, goes on and answers ApiVersions at %s", p.before.Pid, address), nil
}

// running is nil when no process of the group is stopped and the one that was paused lives.
func (p *pause) running() error {
	members, err := procfs.Group(p.before.Pid)
	if err != nil {
		return err
	}
	for _, m := range members {
		// Group calls a process stopped when all of its threads are; a process goes on with its
		// first thread, and the others are shown to by the answer.
		still, err := stands(m)
		if err != nil {
			return err
		}
		if still {
			return fmt.Errorf("pid %d is still stopped", m.Pid)
		}
	}
	if !p.before.Alive() {
		return fmt.Errorf("pid %d has ended", p.before.Pid)
	}
	return nil
}
