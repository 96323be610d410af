package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/control"
)

// echo answers what it was asked, and fails what has the topic "fails".
type echo struct{ release chan struct{} }

func (e echo) Control(ctx context.Context, q control.Request) (control.Response, error) {
	switch {
	case q.BitRot != nil && q.BitRot.Topic == "fails":
		return control.Response{}, errors.New("it fails")
	case q.Ping != nil:
		select {
		case <-ctx.Done():
			return control.Response{}, ctx.Err()
		case <-e.release:
		}
	}
	return control.Response{Disk: q.Disk, Clock: q.Clock}, nil
}

func serve(t *testing.T, n control.Node) (path string, s *control.Server) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "control.sock")
	s, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(n)
	t.Cleanup(func() { s.Close() })
	return path, s
}

func dial(t *testing.T, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

func ask(t *testing.T, conn net.Conn, in *bufio.Reader, line string) (a control.Response) {
	t.Helper()
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(answer, &a)
	}
	if err != nil {
		t.Fatalf("%s: %q, %v", line, answer, err)
	}
	return a
}

// One connection asks several times, also after something that is wrong; several do so at once.
func TestConversation(t *testing.T) {
	path, _ := serve(t, echo{})
	first, in := dial(t, path)
	second, in2 := dial(t, path)
	if a := ask(t, first, in, `{"disk":"space=1MiB"}`); !a.OK || a.Disk == nil || *a.Disk != "space=1MiB" {
		t.Errorf("disk: %+v", a)
	}
	if a := ask(t, second, in2, `{"clock":"-3s"}`); !a.OK || a.Clock == nil || time.Duration(*a.Clock) != -3*time.Second {
		t.Errorf("clock: %+v", a)
	}
	if a := ask(t, first, in, `nonsense`); a.OK || !strings.Contains(a.Error, "not understood") {
		t.Errorf("nonsense: %+v", a)
	}
	if a := ask(t, first, in, `{"bit-rot":{"topic":"fails","partition":0,"segment":"sealed","seed":1}}`); a.OK || a.Error != "it fails" {
		t.Errorf("failing: %+v", a)
	}
	if a := ask(t, first, in, `{"status":{}}`); !a.OK {
		t.Errorf("status: %+v", a)
	}
}

func TestDo(t *testing.T) {
	path, s := serve(t, echo{})
	rules := "sync-delay=5ms"
	a, err := control.Do(t.Context(), path, control.Request{Disk: &rules})
	if err != nil || a.Disk == nil || *a.Disk != rules {
		t.Errorf("disk: %+v, %v", a, err)
	}
	if _, err := control.Do(t.Context(), path, control.Request{}); err == nil || !strings.Contains(err.Error(), "0 of its fields") {
		t.Errorf("an empty request: %v", err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	ping := control.Request{Ping: &control.Ping{Address: "127.0.0.1:1"}}
	if _, err := control.Do(soon, path, ping); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request that takes too long: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := control.Do(t.Context(), path, ping); !errors.Is(err, control.ErrNone) {
		t.Errorf("a socket that is gone: %v", err)
	}
}

func TestLineTooLong(t *testing.T) {
	path, _ := serve(t, echo{})
	conn, in := dial(t, path)
	a := ask(t, conn, in, strings.Repeat("x", control.MaxLine))
	if !strings.Contains(a.Error, "more than") {
		t.Errorf("%+v", a)
	}
	if line, err := in.ReadBytes('\n'); err == nil {
		t.Errorf("the connection goes on: %q", line)
	}
}

func TestTooManyConnections(t *testing.T) {
	path, _ := serve(t, echo{})
	for range control.MaxConnections {
		conn, in := dial(t, path)
		if a := ask(t, conn, in, `{"status":{}}`); !a.OK {
			t.Fatalf("%+v", a)
		}
	}
	_, in := dial(t, path)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "connections are open") {
		t.Errorf("one too many: %q, %v", line, err)
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	// What a dead process leaves.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	s, err := control.Listen(path)
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want permissions 0600", info, err)
	}
	if _, err := control.Listen(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("over a living socket: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("over a file: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "kept" {
		t.Errorf("the file: %q, %v", text, err)
	}
	if _, err := control.Listen("/" + strings.Repeat("x", control.MaxPath)); err == nil || !strings.Contains(err.Error(), "at most 103") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := control.Listen(filepath.Join(dir, "missing", "s")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no directory: %v", err)
	}
}

// Close ends a request that is under way and connections that say nothing.
func TestClose(t *testing.T) {
	path, s := serve(t, echo{})
	_, silent := dial(t, path)
	asking, in := dial(t, path)
	if _, err := asking.Write([]byte(`{"ping":{"address":"127.0.0.1:1"}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, r := range []*bufio.Reader{silent, in} {
		for {
			if _, err := r.ReadBytes('\n'); err != nil {
				break
			}
		}
	}
}
