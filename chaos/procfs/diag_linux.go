package procfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// What linux/inet_diag.h and sock_diag.h call these.
const (
	netlinkSockDiag   = 4  // NETLINK_SOCK_DIAG
	sockDiagByFamily  = 20 // SOCK_DIAG_BY_FAMILY
	requestLength     = syscall.NLMSG_HDRLEN + 8 + 48
	answerLength      = 4 + 48 + 20
	answerRemotePort  = 4 + 2
	answerInode       = 4 + 48 + 16
	everyState        = 1<<32 - 1
	diagnosisPatience = time.Second
)

// diagnose asks the kernel for one socket by its two addresses; 0 is no such socket.
func diagnose(local, remote netip.AddrPort) (uint64, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer syscall.Close(fd)
	patience := syscall.NsecToTimeval(int64(diagnosisPatience))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &patience); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Sendto(fd, diagnosis(local, remote), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return 0, os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 4096)
	for {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return 0, os.NewSyscallError("recvfrom", err)
		}
		return parseDiagnosis(buf[:n], remote.Port())
	}
}

// diagnosis is a request for exactly one socket: nlmsghdr, inet_diag_req_v2, inet_diag_sockid.
func diagnosis(local, remote netip.AddrPort) []byte {
	b := make([]byte, 0, requestLength)
	b = binary.NativeEndian.AppendUint32(b, requestLength)
	b = binary.NativeEndian.AppendUint16(b, sockDiagByFamily)
	b = binary.NativeEndian.AppendUint16(b, syscall.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence, port id: there is one request on this socket
	family := byte(syscall.AF_INET)
	if local.Addr().Is6() {
		family = syscall.AF_INET6
	}
	b = append(b, family, syscall.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, everyState)
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, remote.Port())
	for _, a := range []netip.Addr{local.Addr(), remote.Addr()} {
		var field [16]byte
		copy(field[:], a.AsSlice())
		b = append(b, field[:]...)
	}
	b = append(b, 0, 0, 0, 0)                                        // any interface
	return append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // INET_DIAG_NOCOOKIE
}

// parseDiagnosis takes the inode out of the answer. Where no connection fits, the kernel tells of a
// listener on the local address: its remote port is 0.
func parseDiagnosis(answer []byte, remotePort uint16) (uint64, error) {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil || len(messages) == 0 {
		return 0, fmt.Errorf("netlink answer of %d bytes: %w", len(answer), errors.Join(err, syscall.EBADMSG))
	}
	m := messages[0]
	if m.Header.Type == syscall.NLMSG_ERROR && len(m.Data) >= 4 {
		errno := syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
		if errno == syscall.ENOENT {
			return 0, nil
		}
		return 0, os.NewSyscallError("inet_diag", errno)
	}
	if m.Header.Type != sockDiagByFamily || len(m.Data) < answerLength {
		return 0, fmt.Errorf("netlink answer of type %d with %d bytes: %w", m.Header.Type, len(m.Data), syscall.EBADMSG)
	}
	if binary.BigEndian.Uint16(m.Data[answerRemotePort:]) != remotePort {
		return 0, nil
	}
	return uint64(binary.NativeEndian.Uint32(m.Data[answerInode:])), nil
}
