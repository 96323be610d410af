package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/procfs"
)

// connectionStorm opens many connections to a node and keeps them: of three one says nothing, one has asked
// and stays, and one stops in the middle of a request.
//
//	effect: the kernel counts as many connections more at the node's own port, or the node has ended the rest;
//	        and the node still answers who comes now
//	heal:   the kernel counts no more of them than before
type connectionStorm struct {
	cluster cluster.Cluster
	node    int32
	count   int

	before int // connections at the node's port
	opened []net.Conn
	turned int // how many the node ended or refused
}

// dialling is how many connections are begun at once.
const dialling = 64

// Inject opens the connections.
func (s *connectionStorm) Inject(ctx context.Context) (string, error) {
	port, err := procfs.Port(direct(s.cluster, s.node))
	if err != nil {
		return "", err
	}
	if s.before, err = s.established(port); err != nil {
		return "", err
	}
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	turns := make(chan struct{}, dialling)
	for i := range s.count {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			conn, err := s.open(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				s.opened = append(s.opened, conn)
			case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
				s.turned++
			default:
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	if len(errs) > 0 {
		return "", fmt.Errorf("%d of %d connections could not be opened: %w", len(errs), s.count, errs[0])
	}
	return fmt.Sprintf("%d connections opened, %d turned away", len(s.opened), s.turned), nil
}

// open opens one connection of one of the three kinds.
func (s *connectionStorm) open(ctx context.Context, i int) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", s.cluster.Address(s.node))
	if err != nil {
		return nil, err
	}
	request := versionsRequest()
	switch i % 3 {
	case 0:
		return conn, nil
	case 1:
		request = request[:len(request)/2]
	}
	if _, err := conn.Write(request); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// established counts the connections at the node's own port, in the network of its process where there is one.
func (s *connectionStorm) established(port uint16) (int, error) {
	if p, ok := s.cluster.(interface{ Pid(node int32) int }); ok {
		return procfs.EstablishedOf(p.Pid(s.node), port)
	}
	return procfs.Established(port)
}

// Prove counts them where the node is, and asks it.
func (s *connectionStorm) Prove(ctx context.Context) (string, error) {
	port, err := procfs.Port(direct(s.cluster, s.node))
	if err != nil {
		return "", err
	}
	more := 0
	err = until(ctx, func() error {
		now, err := s.established(port)
		if more = now - s.before; err == nil && more+s.ended() < s.count {
			err = fmt.Errorf("the kernel counts %d connections more at port %d, and %d were ended: there were to be %d", more, port, s.ended(), s.count)
		}
		if err == nil && more < 1 {
			err = fmt.Errorf("the node ended all of the %d connections", s.count)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if err := until(ctx, func() error { return canary.Versions(ctx, direct(s.cluster, s.node)) }); err != nil {
		return "", fmt.Errorf("with %d connections more the node does not answer another: %w", more, err)
	}
	return fmt.Sprintf("the kernel counts %d connections more at port %d, %d were turned away, and the node answers on another", more, port, s.ended()), nil
}

// ended counts the connections that the node turned away or has ended since.
func (s *connectionStorm) ended() int {
	n := s.turned
	for _, conn := range s.opened {
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			continue
		}
		closed := false
		raw.Read(func(fd uintptr) bool {
			var b [1]byte
			got, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			closed = err == nil && got == 0 || errors.Is(err, syscall.ECONNRESET)
			return true
		})
		if closed {
			n++
		}
	}
	return n
}

// Heal closes them.
func (s *connectionStorm) Heal(context.Context) (string, error) {
	for _, conn := range s.opened {
		conn.Close()
	}
	return fmt.Sprintf("%d connections closed", len(s.opened)), nil
}

// ProveHealed waits until the node has let them go.
func (s *connectionStorm) ProveHealed(ctx context.Context) (string, error) {
	port, err := procfs.Port(direct(s.cluster, s.node))
	if err != nil {
		return "", err
	}
	now := 0
	err = until(ctx, func() (err error) {
		// The load comes and goes too: what is left of a storm is more than a few.
		if now, err = s.established(port); err == nil && now-s.before > s.count/10+slack {
			err = fmt.Errorf("the kernel still counts %d connections at port %d, before the storm there were %d", now, port, s.before)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if err := canary.Versions(ctx, direct(s.cluster, s.node)); err != nil {
		return "", err
	}
	return fmt.Sprintf("the kernel counts %d connections at port %d, before the storm there were %d", now, port, s.before), nil
}

// slack is how many connections the load may have more than before a storm.
const slack = 8
