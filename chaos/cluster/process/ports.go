package process

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"github.com/logproof/logproof/chaos/procfs"
)

// host of every node: this machine only.
const host = "127.0.0.1"

// Ports are picked below the range that Linux hands to outgoing connections (32768-60999 unless
// configured otherwise): a connection that happened to get the port of a killed node would keep the
// node from coming back.
const (
	lowestPort  = 20000
	highestPort = 32767
)

// pickAttempts of random places in the range; each failing means a very full machine.
const pickAttempts = 64

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// pickPorts returns count consecutive free ports: those that start at first, or anywhere in the
// range when first is 0.
func pickPorts(first, count int) ([]int, error) {
	if first != 0 {
		return consecutive(first, count)
	}
	var err error
	for range pickAttempts {
		var ports []int
		// Where it starts is random, so that harnesses that start together rarely meet.
		if ports, err = consecutive(lowestPort+rand.IntN(highestPort-lowestPort-count), count); err == nil {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("no %d consecutive free ports between %d and %d: end what uses them, or name a first port: %w",
		count, lowestPort, highestPort, err)
}

// consecutive checks that all ports are free now.
func consecutive(first, count int) ([]int, error) {
	if first < 1 || first+count-1 > 65535 {
		return nil, fmt.Errorf("ports %d to %d are not between 1 and 65535: choose another first port", first, first+count-1)
	}
	var ports []int
	var errs []error
	for port := first; port < first+count; port++ {
		ports = append(ports, port)
		if err := checkFree(address(port)); err != nil {
			errs = append(errs, err)
		}
	}
	return ports, errors.Join(errs...)
}

// checkFree reports, by listening there for an instant, why a node could not listen at an address.
func checkFree(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err == nil {
		return ln.Close()
	}
	_, port, _ := net.SplitHostPort(addr)
	by := ""
	if n, perr := procfs.Port(addr); perr == nil {
		if inode, ok, lerr := procfs.Listener(n); lerr == nil && ok {
			by = " by another user's process"
			if pid := procfs.Owner(inode); pid != 0 {
				by = fmt.Sprintf(" by pid %d", pid)
			}
		}
	}
	return fmt.Errorf("port %s on %s is taken%s: end what uses it, or choose other ports (%w)", port, host, by, err)
}
