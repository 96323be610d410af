package procfs

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// established is the state ESTABLISHED in /proc/net/tcp.
const established = "01"

// Established counts the connections that were accepted at a TCP port of this machine and are open at both
// ends.
func Established(port uint16) (int, error) { return connectionsAt("/proc/net", port) }

// EstablishedOf is Established in the network that a process has: a container's is its own.
func EstablishedOf(pid int, port uint16) (int, error) { return connectionsAt(networkOf(pid), port) }

func connectionsAt(network string, port uint16) (n int, err error) {
	err = eachTable(network, func(table io.Reader) error {
		found, err := countEstablished(table, port)
		n += found
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the connections at port %d: %w", port, err)
	}
	return n, nil
}

// countEstablished scans a table as findListener does: the local address is that of the port.
func countEstablished(table io.Reader, port uint16) (n int, err error) {
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 4 && fields[3] == established && strings.HasSuffix(fields[1], suffix) {
			n++
		}
	}
	return n, lines.Err()
}
