package procfs

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// Both ways of asking find both ends of a connection, and they are ours.
func TestSocketOfAConnection(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("no %s here: %v", address, err)
			continue
		}
		defer ln.Close()
		here, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer here.Close()
		there, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer there.Close()
		local, remote := here.LocalAddr().(*net.TCPAddr).AddrPort(), here.RemoteAddr().(*net.TCPAddr).AddrPort()
		inode, ok, err := Socket(local, remote)
		if err != nil || !ok {
			t.Fatalf("Socket(%v, %v) = %d, %v, %v", local, remote, inode, ok, err)
		}
		diagnosed, err := diagnose(local, remote)
		if err != nil || diagnosed != inode {
			t.Errorf("diagnose = %d, %v; want %d", diagnosed, err, inode)
		}
		if listed, err := tabulated(local, remote); err != nil || listed != inode {
			t.Errorf("tabulated = %d, %v; want %d", listed, err, inode)
		}
		other, ok, err := Socket(remote, local)
		if err != nil || !ok || other == inode {
			t.Errorf("the other end = %d, %v, %v; want another socket than %d", other, ok, err, inode)
		}
		found := 0
		if err := Sockets(os.Getpid(), func(i uint64) bool {
			if i == inode || i == other {
				found++
			}
			return found < 2
		}); err != nil || found != 2 {
			t.Errorf("this process has %d of the two sockets, %v", found, err)
		}
		nobody := netip.AddrPortFrom(local.Addr(), 1)
		if inode, ok, err := Socket(remote, nobody); err != nil || ok {
			t.Errorf("a connection that is not there = %d, %v, %v", inode, ok, err)
		}
	}
	if err := Sockets(1<<30, func(uint64) bool { return true }); err == nil {
		t.Error("the sockets of no process gave no error")
	}
}

func TestFindSocketReadsMappedAddresses(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:4E20 0000000000000000FFFF00000100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 11 1 0 20 4 30 10 -1
   1: 0100007F:4E21 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 22 1 0 20 4 30 10 -1
`
	port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), n) }
	for local, want := range map[uint16]uint64{20000: 11, 20001: 22, 20002: 0} {
		if inode, err := findSocket(strings.NewReader(table), port(local), port(0x9999)); err != nil || inode != want {
			t.Errorf("findSocket(%d) = %d, %v; want %d", local, inode, err, want)
		}
	}
	for _, damage := range [][2]string{{" 22 ", " x "}, {"0100007F:4E21", "0100007F"}, {"0100007F:4E21", "01007F:4E21"}, {"7F:4E21 0100007F", "7F:4E21 0100007G"}} {
		bad := strings.Replace(table, damage[0], damage[1], 1)
		if _, err := findSocket(strings.NewReader(bad), port(20001), port(0x9999)); err == nil {
			t.Errorf("a table with %q gave no error", damage[1])
		}
	}
}
