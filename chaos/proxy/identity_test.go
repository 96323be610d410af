package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/logproof/logproof/chaos/cluster"
)

// roleEnv makes the test binary dial the address in it, say what its input says, and end with its input.
const roleEnv = "LOGPROOF_TEST_DIAL"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(roleEnv) != "":
		conn, err := net.Dial("tcp", os.Getenv(roleEnv))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		io.Copy(conn, os.Stdin)
	case os.Getenv(endpointsEnv) != "":
		serveEndpoints()
	default:
		os.Exit(m.Run())
	}
}

func TestNodeOfAClientID(t *testing.T) {
	for id, want := range map[string]int32{
		"raft-client-3": 3, "broker-12-fetcher-0": 12, "broker-2": 2, "2": 2, "node-5": 5, "broker-4-txn-marker-sender": 4,
		"": nobody, "producer-1": nobody, "broker-": nobody, "raft-client-3x": nobody, "99999999999": nobody, "console-3": nobody,
	} {
		if got := nodeOf(id); got != want {
			t.Errorf("%q is node %d, want %d", id, got, want)
		}
	}
}

// Processes that dial are told apart although they dial the same address: two nodes, and one that is
// none, which is a client.
func TestDiallersAreKnownByTheirProcess(t *testing.T) {
	b := startBackend(t, echo)
	nodes := map[int]int32{}
	ready := make(chan struct{})
	p := start(t, Config{
		Listeners: []Listener{{Node: 9, Advertised: "127.0.0.1:0", Upstream: b.address()}},
		Processes: func() map[int]int32 { <-ready; return nodes },
	})
	want := map[string]cluster.End{}
	for i := range int32(3) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleEnv+"="+p.Address(0))
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		end := cluster.AllClients
		if i < 2 {
			nodes[cmd.Process.Pid] = i
			end = cluster.NodeEnd(i)
		}
		want[end.String()] = end
	}
	nodes[1<<30] = 7 // a process that has ended
	zombie := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	nodes[zombie.Process.Pid] = 8 // and one whose end nobody has asked for
	eventually(t, func() error {
		if !ended(zombie.Process.Pid) {
			return errors.New("it runs")
		}
		return nil
	})
	close(ready)
	eventually(t, func() error {
		all, err := p.Links(t.Context())
		if err != nil || len(all) != 3 {
			return fmt.Errorf("%d links, %v", len(all), err)
		}
		for _, l := range all {
			if _, ok := want[l.Link.From.String()]; !ok || l.KnownBy != byProcess || l.Link.To != cluster.NodeEnd(9) {
				return fmt.Errorf("a link is %+v", l)
			}
			delete(want, l.Link.From.String())
		}
		return nil
	})
}

// Without /proc the client id of the first request tells: nodes that are known, clients with a number,
// clients without. A rule holds from the first byte.
func TestDiallersAreKnownByTheirClientID(t *testing.T) {
	b := startBackend(t, echo)
	p := start(t, Config{
		Listeners: []Listener{{Node: 1, Advertised: "127.0.0.1:0", Upstream: b.address()}, {Node: 2, Advertised: "127.0.0.1:0", Upstream: b.address()}},
		ClientNumber: func(id string) (n int32, ok bool) {
			_, err := fmt.Sscanf(id, "producer-%d", &n)
			return n, err == nil
		},
	})
	hello := func(id string) string {
		b := frame(18, 3, 1, nil)
		b = append(append(b[:requestHead], 0, byte(len(id))), id...)
		b[3] = byte(len(b) - sizeLength)
		return string(b)
	}
	for id, want := range map[string]cluster.End{
		"broker-2-fetcher-0": cluster.NodeEnd(2), "producer-7": cluster.ClientEnd(7), "broker-8-fetcher-0": cluster.AllClients, "console": cluster.AllClients,
	} {
		rules(t, p)
		conn := dialTCP(t, p.Address(0))
		text := hello(id)
		send(t, conn, text[:9]) // not enough to know
		send(t, conn, text[9:])
		expect(t, conn, text)
		link := eventualLink(t, p, func(l cluster.LinkConnection) bool { return l.ClientID == id })
		if link.Link.From != want || link.KnownBy != byClientID {
			t.Errorf("%s: the link is %+v", id, link)
		}
		rules(t, p, cluster.LinkRule{Link: cluster.Link{From: want, To: cluster.NodeEnd(1)}, Mode: cluster.Refuse})
		expectReset(t, conn)
		expectDead(t, p.Address(0), text)
	}
	rules(t, p)
	for _, other := range []string{"GET / HTTP/1.1\r\n\r\n", "x"} { // no Kafka at all, and too little of anything
		conn := dialTCP(t, p.Address(0))
		send(t, conn, other)
		conn.CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || string(got) != other {
			t.Errorf("%q came back as %q, %v", other, got, err)
		}
	}
}

// A client that /proc knows for one still gets its number from its client id, and a client id that is a
// node's does not make it one.
func TestProcessesOutweighClientIDs(t *testing.T) {
	b := startBackend(t, echo)
	p := start(t, Config{
		Listeners: []Listener{{Node: 1, Advertised: "127.0.0.1:0", Upstream: b.address()}},
		Processes: func() map[int]int32 { return map[int]int32{} },
		ClientNumber: func(id string) (int32, bool) {
			return 4, strings.HasPrefix(id, "te")
		},
	})
	conn := dialTCP(t, p.Address(0))
	send(t, conn, string(frame(18, 3, 1, nil)))
	link := eventualLink(t, p, func(l cluster.LinkConnection) bool { return l.ClientID != "" })
	if link.Link.From != cluster.ClientEnd(4) || link.KnownBy != byProcess {
		t.Errorf("the link is %+v", link)
	}
}

// A node with an address of its own is known by it, whatever process dials.
func TestDiallersAreKnownByTheirAddress(t *testing.T) {
	b := startBackend(t, echo)
	p := start(t, Config{
		Listeners: []Listener{{Node: 9, Advertised: "127.0.0.1:0", Upstream: b.address()}},
		Addresses: func(a netip.Addr) (int32, bool) { return 4, a == netip.MustParseAddr("127.0.0.44") },
		Processes: func() map[int]int32 { return map[int]int32{os.Getpid(): 5} },
	})
	for from, want := range map[string]cluster.LinkConnection{
		"127.0.0.44": {Link: cluster.Link{From: cluster.NodeEnd(4)}, KnownBy: byAddress},
		"127.0.0.1":  {Link: cluster.Link{From: cluster.NodeEnd(5)}, KnownBy: byProcess},
	} {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", p.Address(0))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			links, err := p.Links(t.Context())
			if err != nil || len(links) != 1 || links[0].Link.From != want.Link.From || links[0].KnownBy != want.KnownBy {
				return fmt.Errorf("who dials from %s is %+v, %v", from, links, err)
			}
			return nil
		})
		conn.Close()
		eventually(t, func() error {
			links, err := p.Links(t.Context())
			if err != nil || len(links) != 0 {
				return fmt.Errorf("%d connections are left, %v", len(links), err)
			}
			return nil
		})
	}
}
