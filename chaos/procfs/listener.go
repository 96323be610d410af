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
func Listener(port uint16) (inode uint64, ok bool, err error) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if errors.Is(err, os.ErrNotExist) && table == "/proc/net/tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, false, fmt.Errorf("look for the listener of port %d: %w", port, err)
		}
		inode, ok, err = findListener(f, port)
		f.Close()
		if err != nil {
			return 0, false, fmt.Errorf("look for the listener of port %d in %s: %w", port, table, err)
		}
		if ok {
			return inode, true, nil
		}
	}
	return 0, false, nil
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
