package proxy

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// door is an advertised address: it stays open for the whole run.
type door struct {
	node     int32
	address  string
	listener *net.TCPListener
	target   atomic.Pointer[string]
}

// openDoor listens. Keep-alive is left to the ends: what is between them is this machine.
func openDoor(l Listener) (*door, error) {
	address, err := net.ResolveTCPAddr("tcp", l.Advertised)
	if err != nil {
		return nil, fmt.Errorf("address of node %d: %w", l.Node, err)
	}
	ln, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for node %d: end what uses the port, or choose another (%w)", l.Node, err)
	}
	d := &door{node: l.Node, address: ln.Addr().String(), listener: ln}
	d.target.Store(&l.Upstream)
	return d, nil
}

func (d *door) upstream() string { return *d.target.Load() }

// acceptPause is how long a door waits when the machine has no descriptor for a connection.
const acceptPause = 5 * time.Millisecond

// accept hands over every connection until the door is closed. Nothing here waits for anybody: the
// dialler is identified, and the node dialled, by the connection's own goroutine.
func (d *door) accept(serve func(*net.TCPConn)) {
	for {
		conn, err := d.listener.AcceptTCP()
		switch {
		case err == nil:
			serve(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default: // no descriptor left, or the dialler has gone already
			time.Sleep(acceptPause)
		}
	}
}
