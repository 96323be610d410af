package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a cluster of nodes 0 and 1 that says what it was asked; node 1 fails.
type fake struct {
	mu    sync.Mutex
	asked []string
	// block, if set, is what WaitReady waits for beside its context.
	block chan struct{}
	began chan struct{}
}

func (f *fake) act(what string, node int32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprint(what, " ", node))
	if node != 0 {
		return errors.New("node 1 is on fire")
	}
	return nil
}

func (f *fake) Nodes() []int32                             { return []int32{0, 1} }
func (f *fake) Address(int32) string                       { return "127.0.0.1:9092" }
func (f *fake) Pid(int32) int                              { return 4711 }
func (f *fake) Kill(_ context.Context, n int32) error      { return f.act("kill", n) }
func (f *fake) Pause(_ context.Context, n int32) error     { return f.act("pause", n) }
func (f *fake) Resume(_ context.Context, n int32) error    { return f.act("resume", n) }
func (f *fake) Terminate(_ context.Context, n int32) error { return f.act("terminate", n) }
func (f *fake) Restart(_ context.Context, n int32) error   { return f.act("restart", n) }
func (f *fake) WaitReady(ctx context.Context, n int32) error {
	if f.block != nil {
		close(f.began)
		select {
		case <-f.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f.act("ready", n)
}

// dir is a directory whose name is short enough for a socket.
func dir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "lp-control-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}

func serve(t *testing.T, d string, c Cluster) *Server {
	t.Helper()
	s, err := Listen(d)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(c)
	t.Cleanup(func() { s.Close() })
	return s
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestEachVerbReachesTheCluster(t *testing.T) {
	d, c := dir(t), &fake{}
	serve(t, d, c)
	for _, v := range []struct {
		do   Verb
		says string
		asks []string
	}{
		{Kill, "node 0, pid 4711: killed with SIGKILL", []string{"kill 0"}},
		{Pause, "node 0, pid 4711: paused with SIGSTOP", []string{"pause 0"}},
		{Resume, "node 0, pid 4711: goes on", []string{"resume 0"}},
		{Restart, "node 0, pid 4711: serves on 127.0.0.1:9092 again", []string{"terminate 0", "restart 0", "ready 0"}},
	} {
		c.asked = nil
		if detail, err := Do(soon(t), d, v.do, 0); err != nil || !strings.HasPrefix(detail, v.says) || !slices.Equal(c.asked, v.asks) {
			t.Errorf("%s = %q, %v, asked %q; want %q, asked %q", v.do, detail, err, c.asked, v.says, v.asks)
		}
		if detail, err := Do(soon(t), d, v.do, 1); err == nil || err.Error() != "node 1 is on fire" || detail != "" {
			t.Errorf("%s of node 1 = %q, %v; want what the cluster says", v.do, detail, err)
		}
	}
	if nodes, err := Nodes(soon(t), d); err != nil || !slices.Equal(nodes, []int32{0, 1}) {
		t.Errorf("Nodes = %v, %v", nodes, err)
	}
	if _, err := Do(soon(t), d, "explode", 0); err == nil || !strings.Contains(err.Error(), "explode") {
		t.Errorf("an unknown verb gave %v", err)
	}
}

func TestOneClusterPerDirectory(t *testing.T) {
	d := dir(t)
	s := serve(t, d, &fake{})
	if _, err := Listen(d); err == nil || !strings.Contains(err.Error(), "a cluster runs in "+d+" already") {
		t.Errorf("a second Listen = %v", err)
	}
	if found, err := Find(d); err != nil || !slices.Equal(found, []string{d}) {
		t.Errorf("Find = %v, %v; want %s", found, err, d)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Nodes(soon(t), d); !errors.Is(err, ErrNone) {
		t.Errorf("Nodes after Close = %v; want ErrNone", err)
	}
	serve(t, d, &fake{})
	if _, err := Nodes(soon(t), d); err != nil {
		t.Errorf("Nodes of the next cluster = %v", err)
	}
}

// A server that was killed leaves its socket: nobody answers there, and the next one takes it over.
func TestASocketLeftBehindIsReplaced(t *testing.T) {
	d := dir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(d, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Nodes(soon(t), d); !errors.Is(err, ErrNone) {
		t.Errorf("Nodes = %v; want ErrNone", err)
	}
	serve(t, d, &fake{})
	if _, err := Nodes(soon(t), d); err != nil {
		t.Error(err)
	}
}

func TestDirectoriesThatCannotBeUsed(t *testing.T) {
	if _, err := Nodes(soon(t), filepath.Join(dir(t), "missing")); !errors.Is(err, ErrNone) {
		t.Errorf("Nodes of a missing directory = %v; want ErrNone", err)
	}
	if _, err := Listen(filepath.Join(dir(t), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Listen in a missing directory = %v", err)
	}
	if _, err := Listen(filepath.Join(dir(t), strings.Repeat("x", 90))); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("Listen in a directory with a long name = %v", err)
	}
}

// Closing ends what is under way and clients that say nothing; who asked is told.
func TestCloseWaitsForNobody(t *testing.T) {
	d, c := dir(t), &fake{block: make(chan struct{}), began: make(chan struct{})}
	s := serve(t, d, c)
	silent, err := net.Dial("unix", filepath.Join(d, socketName))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := Do(context.Background(), d, Restart, 0)
		failed <- err
	}()
	<-c.began
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("what was under way ended with %v", err)
	}
}

func TestGarbageIsAnswered(t *testing.T) {
	d := dir(t)
	serve(t, d, &fake{})
	conn, err := net.Dial("unix", filepath.Join(d, socketName))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("GET / HTTP/1.1\n"))
	answer := make([]byte, 200)
	if n, err := conn.Read(answer); err != nil || !strings.Contains(string(answer[:n]), `"error":"invalid character`) {
		t.Errorf("answer %q, %v", answer[:n], err)
	}
}

func TestAClientGivesUpWithItsContext(t *testing.T) {
	d := dir(t)
	s, err := Listen(d) // nobody serves
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Nodes(ctx, d); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Nodes = %v; want the end of its context", err)
	}
}
