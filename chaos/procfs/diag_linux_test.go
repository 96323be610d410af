package procfs

import (
	"encoding/binary"
	"syscall"
	"testing"
)

func TestParseDiagnosis(t *testing.T) {
	message := func(kind uint16, data []byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(syscall.NLMSG_HDRLEN+len(data)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		return append(append(b, make([]byte, 10)...), data...)
	}
	errno := func(e syscall.Errno) []byte {
		return append(binary.NativeEndian.AppendUint32(nil, uint32(-int32(e))), make([]byte, 16)...)
	}
	socket := make([]byte, answerLength)
	binary.BigEndian.PutUint16(socket[answerRemotePort:], 99)
	binary.NativeEndian.PutUint32(socket[answerInode:], 1234)

	if inode, err := parseDiagnosis(message(sockDiagByFamily, socket), 99); err != nil || inode != 1234 {
		t.Errorf("an answer gives %d, %v", inode, err)
	}
	if inode, err := parseDiagnosis(message(sockDiagByFamily, socket), 98); err != nil || inode != 0 {
		t.Errorf("an answer about another socket gives %d, %v", inode, err)
	}
	if inode, err := parseDiagnosis(message(syscall.NLMSG_ERROR, errno(syscall.ENOENT)), 99); err != nil || inode != 0 {
		t.Errorf("no such socket gives %d, %v", inode, err)
	}
	for _, bad := range [][]byte{nil, {1, 2}, message(sockDiagByFamily, socket[:20]), message(77, socket),
		message(syscall.NLMSG_ERROR, errno(syscall.EPERM))} {
		if _, err := parseDiagnosis(bad, 99); err == nil {
			t.Errorf("%x gave no error", bad)
		}
	}
}
