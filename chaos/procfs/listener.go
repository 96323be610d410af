package procfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listening is the state LISTEN in /proc/net/tcp (include/net/tcp_states.h).
const listening = "0A"

// Listener returns the inode of the socket that listens on a TCP port of this machine (of any local
// address), or ok false when none does.
func Listener(port uint16) (inode uint64, ok bool, err error) { return listener("/proc/net", port) }

// ListenerOf is Listener in the network that a process has: a container's is its own.
func ListenerOf(pid int, port uint16) (inode uint64, ok bool, err error) {
	return listener(networkOf(pid), port)
}

// networkOf is where /proc shows the network of a process.
func networkOf(pid int) string { return fmt.Sprintf("/proc/%d/net", pid) }

func listener(network string, port uint16) (inode uint64, ok bool, err error) {
	err = eachTable(network, func(table io.Reader) (err error) {
		if !ok {
			inode, ok, err = findListener(table, port)
		}
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("look for the listener of port %d: %w", port, err)
	}
	return inode, ok, nil
}

// eachTable hands over the tables of TCP sockets of a network, that of IPv6 only where the kernel has it.
func eachTable(network string, use func(table io.Reader) error) error {
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(network, name))
		if errors.Is(err, os.ErrNotExist) && name == "tcp6" {
			continue
		}
		if err != nil {
			return err
		}
		err = use(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

// findListener scans a table such as /proc/net/tcp: its columns are slot, local address
// (hexadecimal address:port), remote address, state, and the inode as the tenth.
func findListener(table io.Reader, port uint16) (uint64, bool, error) {
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening || !strings.HasSuffix(fields[1], suffix) {
			continue
		}
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if err != nil {
			return 0, false, fmt.Errorf("inode in the line %q: %w", lines.Text(), err)
		}
		return inode, true, nil
	}
	return 0, false, lines.Err()
}

// Owns reports whether a process has the socket with this inode open. Reading the files of a
// process needs the same user or root.
func Owns(pid int, inode uint64) (bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("list the open files of pid %d: %w", pid, err)
	}
	want := fmt.Sprintf("socket:[%d]", inode)
	for _, entry := range entries {
		// A file may be closed between the listing and here: that one is not the listener.
		if link, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil && link == want {
			return true, nil
		}
	}
	return false, nil
}

// Owner returns a process that has the socket open, among those whose files this user may read;
// 0 when there is none. It reads the files of every process: use it for messages, not in loops.
func Owner(inode uint64) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if owns, err := Owns(pid, inode); err == nil && owns {
			return pid
		}
	}
	return 0
}

// Port of an address "host:port" with a numeric host, as clusters hand them out.
func Port(address string) (uint16, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, fmt.Errorf("address %q is not IP:port: %w", address, err)
	}
	return a.Port(), nil
}
