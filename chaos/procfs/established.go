package procfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// established is the state ESTABLISHED in /proc/net/tcp.
const established = "01"

// Established counts the connections that were accepted at a TCP port of this machine and are open at both
// ends.
func Established(port uint16) (int, error) {
	n := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if errors.Is(err, os.ErrNotExist) && table == "/proc/net/tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, fmt.Errorf("count the connections at port %d: %w", port, err)
		}
		found, err := countEstablished(f, port)
		f.Close()
		if err != nil {
			return 0, fmt.Errorf("count the connections at port %d in %s: %w", port, table, err)
		}
		n += found
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
