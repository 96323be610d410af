package proxy

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"sync"

	"github.com/logproof/logproof/chaos/procfs"
)

// Ways a dialler is known, as LinkConnection.KnownBy tells them.
const (
	byAddress  = "address"
	byProcess  = "process"
	byClientID = "client id"
)

// nobody is the node of a dialler that is none.
const nobody int32 = -1

// nodeClientIDs are the client ids that nodes give when they dial: Apache Kafka's brokers for the raft
// quorum, for fetching and other work between brokers, and plainly for the controller; and the
// reference broker's.
var nodeClientIDs = regexp.MustCompile(`^(?:raft-client-|broker-|node-)?(\d{1,9})$|^broker-(\d{1,9})-`)

// nodeOf reads the node out of a client id; nobody if it is not one of a node.
func nodeOf(clientID string) int32 {
	m := nodeClientIDs.FindStringSubmatch(clientID)
	if m == nil {
		return nobody
	}
	id, err := strconv.ParseInt(m[1]+m[2], 10, 32)
	if err != nil {
		return nobody
	}
	return int32(id)
}

// finder finds the node that has a socket open. One look at all processes serves everybody who waited
// for it to begin: it takes milliseconds, and connections come in storms.
type finder struct {
	addresses func(netip.Addr) (int32, bool)
	processes func() map[int]int32
	mu        sync.Mutex
	looking   bool
	waiting   map[uint64][]chan found
}

// found is what a look gave: a node or nobody, and what it is known by; "" is that it could not be known.
type found struct {
	node int32
	by   string
}

// dialler finds out who dialled a connection that was accepted: by its address, else from /proc.
func (f *finder) dialler(conn *net.TCPConn) found {
	// The dialler's own end is the other one of ours.
	local, lok := conn.RemoteAddr().(*net.TCPAddr)
	remote, rok := conn.LocalAddr().(*net.TCPAddr)
	if !lok || !rok {
		return found{node: nobody}
	}
	if f.addresses != nil {
		if node, ok := f.addresses(local.AddrPort().Addr().Unmap()); ok {
			return found{node, byAddress}
		}
	}
	if f.processes == nil {
		return found{node: nobody}
	}
	inode, ok, err := procfs.Socket(local.AddrPort(), remote.AddrPort())
	if err != nil || !ok {
		return found{node: nobody} // of another machine or namespace, or closed already
	}
	answer := make(chan found, 1)
	f.mu.Lock()
	f.waiting[inode] = append(f.waiting[inode], answer)
	if !f.looking {
		f.looking = true
		f.look()
	}
	f.mu.Unlock()
	return <-answer
}

// look answers those who wait until nobody does. It is called, and returns, with f.mu locked.
func (f *finder) look() {
	for len(f.waiting) > 0 {
		wanted := f.waiting
		f.waiting = make(map[uint64][]chan found)
		f.mu.Unlock()
		processes := f.processes()
		by := byProcess
		if processes == nil {
			by = ""
		}
		for pid, node := range processes {
			err := procfs.Sockets(pid, func(inode uint64) bool {
				tell(wanted, inode, found{node, byProcess})
				return len(wanted) > 0
			})
			// Whose process has ended does not dial; one that may not be read may be who did.
			if err != nil && !ended(pid) {
				by = ""
			}
			if len(wanted) == 0 {
				break
			}
		}
		for inode := range wanted {
			tell(wanted, inode, found{nobody, by})
		}
		f.mu.Lock()
	}
	f.looking = false
}

// ended says that a process runs no more: it is gone, or nobody has asked yet how it ended.
func ended(pid int) bool {
	_, state, err := procfs.Identify(pid)
	return state == procfs.Zombie || errors.Is(err, fs.ErrNotExist)
}

func tell(wanted map[uint64][]chan found, inode uint64, with found) {
	for _, c := range wanted[inode] {
		c <- with
	}
	delete(wanted, inode)
}
