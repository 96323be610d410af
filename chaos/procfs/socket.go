package procfs

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Socket returns the inode of the TCP socket of this machine whose own address is local and whose other
// end is remote, or ok false when there is none, or nobody has it open any more. It asks the kernel for
// this one socket (netlink, inet_diag); where that is refused it reads the table of all of them.
func Socket(local, remote netip.AddrPort) (inode uint64, ok bool, err error) {
	local, remote = unmap(local), unmap(remote)
	inode, err = diagnose(local, remote)
	if err != nil {
		inode, err = tabulated(local, remote)
	}
	if err != nil {
		return 0, false, fmt.Errorf("look for the socket of %v with %v: %w", local, remote, err)
	}
	return inode, inode != 0, nil
}

// unmap makes an IPv4 address of one that is written as IPv6.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// tabulated looks in /proc/net/tcp and tcp6; 0 is no such socket.
func tabulated(local, remote netip.AddrPort) (uint64, error) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if errors.Is(err, os.ErrNotExist) && table == "/proc/net/tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, err
		}
		inode, err := findSocket(f, local, remote)
		f.Close()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", table, err)
		}
		if inode != 0 {
			return inode, nil
		}
	}
	return 0, nil
}

// findSocket scans a table such as findListener does.
func findSocket(table io.Reader, local, remote netip.AddrPort) (uint64, error) {
	lines := bufio.NewScanner(table)
	lines.Scan() // the headings
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		own, err := parseAddress(fields[1])
		if err != nil {
			return 0, err
		}
		if own != local {
			continue
		}
		other, err := parseAddress(fields[2])
		if err != nil {
			return 0, err
		}
		if other != remote {
			continue
		}
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("inode in the line %q: %w", lines.Text(), err)
		}
		return inode, nil
	}
	return 0, lines.Err()
}

// parseAddress reads "0100007F:4E20": the address as words of four bytes, each with its last byte first
// (Linux runs little-endian wherever this project does), and the port.
func parseAddress(text string) (netip.AddrPort, error) {
	address, port, ok := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(address)
	number, perr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || perr != nil || len(bytes) != 4 && len(bytes) != 16 {
		return netip.AddrPort{}, fmt.Errorf("the address %q is not hexadecimal address:port", text)
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word)
	}
	parsed, _ := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(parsed.Unmap(), uint16(number)), nil
}

// Sockets calls yield with the inode of every socket that a process has open, until yield returns
// false. Reading the files of a process needs the same user or root.
func Sockets(pid int, yield func(inode uint64) bool) error {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("list the open files of pid %d: %w", pid, err)
	}
	names, err := f.Readdirnames(-1)
	f.Close()
	if err != nil {
		return fmt.Errorf("list the open files of pid %d: %w", pid, err)
	}
	for _, name := range names {
		link, err := os.Readlink(dir + "/" + name)
		if err != nil {
			continue // closed since the listing
		}
		number, ok := strings.CutPrefix(link, "socket:[")
		if !ok {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		if err == nil && !yield(inode) {
			return nil
		}
	}
	return nil
}
