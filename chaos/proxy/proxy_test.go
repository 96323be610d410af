package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
)

func TestBytesAndTheEndPassBothWays(t *testing.T) {
	p := startProxy(t, startBackend(t, echo), true)
	conn := dialTCP(t, p.Address(0))
	send(t, conn, "hello")
	expect(t, conn, "hello")
	link := eventualLink(t, p, func(l cluster.LinkConnection) bool { return l.Requests.Passed == 5 && l.Responses.Passed == 5 })
	if link.Link != there || link.KnownBy != byProcess || link.Dialler != conn.LocalAddr().String() {
		t.Errorf("the link is %+v", link)
	}
	conn.CloseWrite() // half of it: the answer still comes
	if rest, err := io.ReadAll(conn); err != nil || len(rest) != 0 {
		t.Errorf("after the end %q, %v", rest, err)
	}
	eventually(t, func() error {
		if all, _ := p.Links(context.Background()); len(all) != 0 {
			return fmt.Errorf("still open: %+v", all)
		}
		return nil
	})
}

// Frames and streams that are none, small and large, pass unchanged while rules come and go.
func TestNoByteIsLostWhenRulesChange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	for len(stream) < 12<<20 {
		size := random.IntN(3000)
		if random.IntN(20) == 0 {
			size = random.IntN(1 << 20)
		}
		stream = append(stream, frame(18, 3, random.Int32(), make([]byte, size))...)
	}
	for i := range stream[len(stream)-4<<20:] { // and no frames at all
		stream[len(stream)-4<<20+i] = byte(random.Uint32())
	}
	p := startProxy(t, startBackend(t, echo), true)
	conn := dialTCP(t, p.Address(0))
	sets := [][]cluster.LinkRule{
		nil,
		{{Link: there, Mode: cluster.Delay, Delay: 2 * time.Millisecond, Jitter: time.Millisecond}},
		{{Link: there, Mode: cluster.DelayResponse, Delay: time.Millisecond, API: "ApiVersions"}},
		{{Link: back, Mode: cluster.Stall}},
		{{Link: back, Mode: cluster.Bandwidth, Rate: 200 << 20}, {Link: there, Mode: cluster.SlowClose, Delay: time.Millisecond}},
		{{Link: there, Mode: cluster.RewriteError, API: "ApiVersions", Topic: "orders", Error: "UNKNOWN_SERVER_ERROR"}},
	}
	done := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		conn.Write(stream)
		conn.CloseWrite()
	})
	work.Go(func() {
		for i := 0; ; i++ {
			if err := p.SetLinks(context.Background(), sets[i%len(sets)]); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond): // not for the outcome: so that rules have work to do
			}
		}
	})
	got, err := io.ReadAll(conn)
	close(done)
	work.Wait()
	if err != nil || !bytes.Equal(got, stream) {
		i := 0
		for i < min(len(got), len(stream)) && got[i] == stream[i] {
			i++
		}
		t.Fatalf("%d bytes of %d came back, the first wrong one is %d; %v", len(got), len(stream), i, err)
	}
}

func TestCutLosesBytesAndHealResets(t *testing.T) {
	for name, cut := range map[string][]cluster.LinkRule{
		"requests":  {{Link: there, Mode: cluster.Cut}},
		"responses": {{Link: back, Mode: cluster.Cut}},
		"both":      {{Link: there, Mode: cluster.Cut}, {Link: back, Mode: cluster.Cut}},
		"everybody": {{Link: cluster.Link{From: cluster.Everyone, To: cluster.NodeEnd(1)}, Mode: cluster.Cut}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBackend(t, echo)
			p := startProxy(t, b, true)
			conn, idle := dialTCP(t, p.Address(0)), dialTCP(t, p.Address(0))
			for _, c := range []net.Conn{conn, idle} {
				send(t, c, "before")
				expect(t, c, "before")
			}
			rules(t, p, cut...)
			send(t, conn, "lost")
			eventually(t, func() error {
				all, _ := p.Links(context.Background())
				for _, l := range all {
					if l.Requests.Dropped+l.Responses.Dropped == 4 {
						return nil
					}
				}
				return fmt.Errorf("nothing was dropped: %+v", all)
			})
			rules(t, p)
			expectReset(t, conn)
			// Whoever lost nothing goes on.
			send(t, idle, "after")
			expect(t, idle, "after")
		})
	}
}

func TestNewConnectionsUnderACut(t *testing.T) {
	b := startBackend(t, echo)
	p := startProxy(t, b, true)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.Cut})
	lost, quiet, gone := dialTCP(t, p.Address(0)), dialTCP(t, p.Address(0)), dialTCP(t, p.Address(0))
	send(t, lost, "lost")
	links := func(n int) {
		eventually(t, func() error {
			if all, _ := p.Links(context.Background()); len(all) != n {
				return fmt.Errorf("links are %+v", all)
			}
			return nil
		})
	}
	links(3) // once it is known who dialled
	gone.Close()
	links(2)
	eventually(t, func() error {
		all, _ := p.Links(context.Background())
		if len(all) != 2 || all[0].Requests.Dropped != 4 {
			return fmt.Errorf("links are %+v", all)
		}
		return nil
	})
	if b.count() != 0 {
		t.Errorf("the node heard of %d connections", b.count())
	}
	rules(t, p)
	expectReset(t, lost)
	send(t, quiet, "hello")
	expect(t, quiet, "hello")
}

// The end of a stream is lost like its bytes: nobody learns of a process that died behind a cut.
func TestCutHidesTheEnd(t *testing.T) {
	b := startBackend(t, echo)
	p := startProxy(t, b, true)
	conn := dialTCP(t, p.Address(0))
	send(t, conn, "hello")
	expect(t, conn, "hello")
	rules(t, p, cluster.LinkRule{Link: back, Mode: cluster.Cut})
	b.stop()
	eventually(t, func() error {
		if all := p.only(); all == nil || !all.responses.lost.Load() {
			return errors.New("the end did not come yet")
		}
		return nil
	})
	conn.SetReadDeadline(time.Now()) // nothing is there
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Fatalf("read under a cut: %d, %v", n, err)
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	rules(t, p)
	expectReset(t, conn)
}

// only is the only connection; nil if there is another number of them.
func (p *Proxy) only() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.connections) != 1 {
		return nil
	}
	for c := range p.connections {
		return c
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// What is held back by a rule flows on, in order, when it goes: nothing is lost.
func TestHeldBytesFlowOn(t *testing.T) {
	for name, hold := range map[string]cluster.LinkRule{
		"stall":      {Mode: cluster.Stall},
		"delay":      {Mode: cluster.Delay, Delay: time.Hour},
		"bandwidth":  {Mode: cluster.Bandwidth, Rate: 1},
		"slow-close": {Mode: cluster.SlowClose, Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProxy(t, startBackend(t, echo), true)
			conn := dialTCP(t, p.Address(0))
			send(t, conn, "before ")
			expect(t, conn, "before ")
			hold.Link = there
			rules(t, p, hold)
			data := strings.Repeat("0123456789", 400_000) // more than a pipe holds
			var work sync.WaitGroup
			work.Go(func() {
				io.WriteString(conn, data)
				conn.CloseWrite()
			})
			if hold.Mode == cluster.SlowClose {
				expect(t, conn, data)
			} else {
				eventually(t, func() error {
					if c := p.only(); c == nil || !c.requests.idles() {
						return errors.New("the pipe does not wait")
					}
					return nil
				})
			}
			rules(t, p)
			rest, err := io.ReadAll(conn)
			work.Wait()
			if want := map[bool]int{true: 0, false: len(data)}[hold.Mode == cluster.SlowClose]; err != nil || len(rest) != want {
				t.Fatalf("%d bytes came, %v; want %d", len(rest), err, want)
			}
		})
	}
}

// idles says that the goroutine has been told to wait for something else than bytes.
func (p *pipe) idles() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waits || p.shape.Load().stall
}

func TestRefuseAndReset(t *testing.T) {
	for _, mode := range []cluster.LinkMode{cluster.Refuse, cluster.Reset} {
		t.Run(string(mode), func(t *testing.T) {
			p := startProxy(t, startBackend(t, echo), true)
			conn := dialTCP(t, p.Address(0))
			send(t, conn, "hello")
			expect(t, conn, "hello")
			rules(t, p, cluster.LinkRule{Link: there, Mode: mode})
			expectReset(t, conn)
			first := ""
			if mode == cluster.Reset {
				first = "x"
			}
			expectDead(t, p.Address(0), first)
			rules(t, p, cluster.LinkRule{Link: back, Mode: mode}) // of what node 1 dials: not this
			conn = dialTCP(t, p.Address(0))
			send(t, conn, "hello")
			expect(t, conn, "hello")
		})
	}
}

func TestADeadNodeResetsAndComesBackElsewhere(t *testing.T) {
	b := startBackend(t, echo)
	p := startProxy(t, b, false)
	b.stop()
	expectDead(t, p.Address(0), "")
	if err := p.SetUpstream(p.Address(0), startBackend(t, echo).address()); err != nil {
		t.Fatal(err)
	}
	conn := dialTCP(t, p.Address(0))
	send(t, conn, "hello")
	expect(t, conn, "hello")
	for _, bad := range [][2]string{{"127.0.0.1:1", "127.0.0.1:2"}, {p.Address(0), "nowhere"}} {
		if err := p.SetUpstream(bad[0], bad[1]); err == nil {
			t.Errorf("SetUpstream%v gave no error", bad)
		}
	}
}

// A node that does not answer keeps nobody else from being served.
func TestAcceptGoesOnWhileANodeIsSilent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := startProxy(t, &backend{ln: silent.(*net.TCPListener)}, false)
	waiting := dialTCP(t, p.Address(0))
	send(t, waiting, "is anybody there?")
	if err := p.SetUpstream(p.Address(0), startBackend(t, echo).address()); err != nil {
		t.Fatal(err)
	}
	conn := dialTCP(t, p.Address(0))
	send(t, conn, "hello")
	expect(t, conn, "hello")
}

func TestCloseLeavesNothing(t *testing.T) {
	before := descriptors(t)
	b := startBackend(t, echo)
	p := startProxy(t, b, true)
	stalled := dialTCP(t, p.Address(0))
	send(t, stalled, "x")
	expect(t, stalled, "x")
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.Stall})
	send(t, stalled, strings.Repeat("y", 1<<20))
	var work sync.WaitGroup
	conn := dialTCP(t, p.Address(0))
	work.Go(func() { // in the middle of a large frame; nobody reads what comes back
		conn.Write(frame(0, 9, 1, make([]byte, 32<<20)))
		conn.Close()
	})
	eventually(t, func() error {
		if all, _ := p.Links(context.Background()); len(all) < 2 {
			return fmt.Errorf("%d links", len(all))
		}
		return nil
	})
	rules(t, p)
	p.Close()
	work.Wait()
	expectReset(t, stalled)
	stalled.Close()
	b.stop()
	if left := ours("proxy.(*"); len(left) > 0 {
		t.Errorf("goroutines are left:\n%s", strings.Join(left, "\n\n"))
	}
	eventually(t, func() error {
		if now := descriptors(t); now > before {
			return fmt.Errorf("%d descriptors are left", now-before)
		}
		return nil
	})
	if err := p.SetLinks(context.Background(), nil); err == nil {
		t.Error("rules for a closed proxy gave no error")
	}
	if conn, err := net.Dial("tcp", p.Address(0)); err == nil {
		conn.Close()
		t.Error("a closed proxy listens")
	}
}

// Connections that end, however they do, are forgotten with all they had.
func TestEndedConnectionsLeaveNothing(t *testing.T) {
	p := startProxy(t, startBackend(t, echo), true)
	before, goroutines := descriptors(t), len(ours("proxy.(*connection)"))
	ends := []func(*net.TCPConn){
		func(c *net.TCPConn) { c.Close() },
		func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		func(c *net.TCPConn) { c.CloseWrite(); io.Copy(io.Discard, c); c.Close() },
	}
	for i := range 60 {
		conn := dialTCP(t, p.Address(0))
		send(t, conn, "hello")
		expect(t, conn, "hello")
		ends[i%len(ends)](conn)
	}
	eventually(t, func() error {
		if all, _ := p.Links(context.Background()); len(all) > 0 {
			return fmt.Errorf("%d links", len(all))
		}
		if now := len(ours("proxy.(*connection)")); now > goroutines {
			return fmt.Errorf("%d goroutines more: %s", now-goroutines, ours("proxy.(*connection)"))
		}
		if now := descriptors(t); now > before {
			return fmt.Errorf("%d descriptors more", now-before)
		}
		return nil
	})
}

func TestBadConfigurations(t *testing.T) {
	good := Listener{Node: 1, Advertised: "127.0.0.1:0", Upstream: "127.0.0.1:1"}
	for want, cfg := range map[string]Config{
		"no listeners":    {},
		"below 0":         {Listeners: []Listener{{Node: -1, Advertised: good.Advertised, Upstream: good.Upstream}}},
		"missing port":    {Listeners: []Listener{good, {Node: 1, Advertised: "127.0.0.1", Upstream: good.Upstream}}},
		"address of node": {Listeners: []Listener{good, {Node: 1, Advertised: "127.0.0.1:port", Upstream: good.Upstream}}},
	} {
		if p, err := Start(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start: %v, want %q", err, want)
			if p != nil {
				p.Close()
			}
		}
	}
	taken := startBackend(t, echo)
	good.Advertised = taken.address()
	if _, err := Start(Config{Listeners: []Listener{good}}); err == nil || !strings.Contains(err.Error(), "end what uses the port") {
		t.Errorf("a port in use: %v", err)
	}
}

func TestBadRulesChangeNothing(t *testing.T) {
	p := startProxy(t, startBackend(t, echo), true)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.Stall})
	conn := dialTCP(t, p.Address(0))
	send(t, conn, "held")
	for want, r := range map[string]cluster.LinkRule{
		"needs a delay":           {Link: there, Mode: cluster.Delay},
		`no request "Prodce"`:     {Link: there, Mode: cluster.DropResponse, API: "Prodce"},
		`no error "NOT_A_LEADER"`: {Link: there, Mode: cluster.RewriteError, API: "Produce", Error: "NOT_A_LEADER"},
	} {
		if err := p.SetLinks(context.Background(), []cluster.LinkRule{r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", r, err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.SetLinks(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
	link := eventualLink(t, p, func(l cluster.LinkConnection) bool { return true })
	if len(link.Rules) != 1 || link.Rules[0].Mode != cluster.Stall || link.Requests.Passed != 0 {
		t.Errorf("the link is %+v", link)
	}
	rules(t, p)
	expect(t, conn, "held")
}
