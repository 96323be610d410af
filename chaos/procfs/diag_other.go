//go:build !linux

package procfs

import (
	"errors"
	"net/netip"
)

// diagnose is Linux's; the table that is read instead is too, and says so.
func diagnose(netip.AddrPort, netip.AddrPort) (uint64, error) { return 0, errors.ErrUnsupported }
