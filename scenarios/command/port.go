package command

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/chaos/procfs"
)

// withHolder adds to an error about a port in use who holds it. The broker does not look: it need not know of
// other processes.
func withHolder(err error, addresses ...string) error {
	if !strings.Contains(err.Error(), "the port is in use") {
		return err
	}
	for _, address := range addresses {
		if address == "" || !strings.Contains(err.Error(), address+":") {
			continue
		}
		port, bad := procfs.Port(address)
		if bad != nil {
			continue // its host is a name
		}
		inode, ok, bad := procfs.Listener(port)
		if bad != nil || !ok {
			continue
		}
		if pid := procfs.Owner(inode); pid != 0 {
			return fmt.Errorf("%w; it is held by pid %d", err, pid)
		}
		return fmt.Errorf("%w; it is held by a process of another user", err)
	}
	return err
}
