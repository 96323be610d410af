package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
)

// longEnv asks for the tests that take long.
const longEnv = "LOGPROOF_TEST_LONG"

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// backend is a node's own listener; serve handles each connection and the backend closes it after.
type backend struct {
	ln    *net.TCPListener
	work  sync.WaitGroup
	mu    sync.Mutex
	conns []*net.TCPConn
}

func startBackend(t testing.TB, serve func(*net.TCPConn)) *backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{ln: ln.(*net.TCPListener)}
	b.work.Go(func() {
		for {
			conn, err := b.ln.AcceptTCP()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, conn)
			b.mu.Unlock()
			b.work.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(b.stop)
	return b
}

func (b *backend) address() string { return b.ln.Addr().String() }

// count of connections that were accepted so far.
func (b *backend) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// stop looks like the end of the node's process.
func (b *backend) stop() {
	b.ln.Close()
	b.mu.Lock()
	for _, conn := range b.conns {
		conn.Close()
	}
	b.mu.Unlock()
	b.work.Wait()
}

// echo sends everything back, and the end of the stream. It does not splice: the pipes for that would
// stay open in the standard library's pool.
func echo(conn *net.TCPConn) {
	io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn})
	conn.CloseWrite()
}

// startProxy puts a proxy before one backend, which is node 1. This process is node 0 if node0 is set,
// else a client.
func startProxy(t testing.TB, b *backend, node0 bool) *Proxy {
	t.Helper()
	cfg := Config{Listeners: []Listener{{Node: 1, Advertised: "127.0.0.1:0", Upstream: b.address()}}}
	cfg.Processes = func() map[int]int32 {
		if node0 {
			return map[int]int32{os.Getpid(): 0}
		}
		return map[int]int32{}
	}
	return start(t, cfg)
}

func start(t testing.TB, cfg Config) *Proxy {
	t.Helper()
	p, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func dialTCP(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

func send(t testing.TB, conn net.Conn, b string) {
	t.Helper()
	if _, err := conn.Write([]byte(b)); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, conn net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(conn, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// expectReset reads until the connection ends, which must be with RST.
func expectReset(t testing.TB, conn net.Conn) {
	t.Helper()
	if n, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("after %d bytes: %v; want %v", n, err, syscall.ECONNRESET)
	}
}

// expectDead dials an address that must be reset at once: a connect may already say so.
func expectDead(t testing.TB, address string, first string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err = io.WriteString(conn, first); !errors.Is(err, syscall.ECONNRESET) { // told once only
			expectReset(t, conn)
		}
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
}

// rules sets rules on the link from node 0, or from clients, to node 1 and back, as links says.
func rules(t testing.TB, p *Proxy, rules ...cluster.LinkRule) {
	t.Helper()
	if err := p.SetLinks(context.Background(), rules); err != nil {
		t.Fatal(err)
	}
}

var (
	there = cluster.Link{From: cluster.NodeEnd(0), To: cluster.NodeEnd(1)}
	back  = there.Reverse()
)

// links gives the only connection that is open, once look is content with it.
func eventualLink(t testing.TB, p *Proxy, look func(cluster.LinkConnection) bool) cluster.LinkConnection {
	t.Helper()
	var found cluster.LinkConnection
	eventually(t, func() error {
		all, err := p.Links(context.Background())
		if err != nil || len(all) != 1 || !look(all[0]) {
			return fmt.Errorf("links are %+v, %v", all, err)
		}
		found = all[0]
		return nil
	})
	return found
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, look func() error) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for err := look(); err != nil; err = look() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal(err)
		}
	}
}

// descriptors that this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	return len(entries)
}

// ours lists the goroutines that run code of this package with a text in it, but for those of the tests.
func ours(code string) []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, code) && !strings.Contains(g, "testing.tRunner") {
			found = append(found, g)
		}
	}
	return found
}
