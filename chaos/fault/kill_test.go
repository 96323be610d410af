package fault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/timeline"
)

// roleEnv makes the test binary play a node that answers ApiVersions.
const roleEnv = "LOGPROOF_TEST_ROLE"

// PlayBroker makes the test binary play a node of the reference system. The tests that need one are outside
// of this package, as the program imports it.
var PlayBroker func(args []string) int

// PlayHarness makes it play a harness that injects a fault in the middle of which it is killed.
var PlayHarness func(dir, fault string) int

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "node":
		playNode(os.Args[1], os.Args[2])
	case "broker":
		os.Exit(PlayBroker(os.Args[1:]))
	case "harness":
		os.Exit(PlayHarness(os.Args[1], os.Args[2]))
	}
	os.Exit(m.Run())
}

// playNode serves at listen; told to stop, it notes that in events, if it has any, and ends.
func playNode(listen, events string) {
	if events != "" {
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		go func() {
			<-term
			line := fmt.Sprintf(`{"at":%q,"node":0,"event":"node-stopped"}`+"\n", time.Now().UTC().Format(time.RFC3339Nano))
			if os.WriteFile(events, []byte(line), 0o644) == nil {
				os.Exit(0)
			}
		}()
	}
	ln, err := net.Listen("tcp", listen)
	for err == nil {
		var conn net.Conn
		if conn, err = ln.Accept(); err == nil {
			go answer(conn)
		}
	}
	os.Exit(1)
}

// answer answers one request with an ApiVersions response, version 0.
func answer(conn net.Conn) {
	defer conn.Close()
	var header [12]byte // size, key, version, correlation
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return
	}
	response := kmsg.NewPtrApiVersionsResponse()
	response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MaxVersion: 4}}
	body := response.AppendTo(header[8:12:12])
	conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	io.Copy(io.Discard, conn)
}

// node starts a cluster of one node that serves.
func node(t *testing.T) *process.Cluster {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Open(dir+"/ledger", dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := process.Start(t.Context(), process.Config{
		Binary: "/proc/self/exe", Env: []string{roleEnv + "=node"}, Dir: dir, Brokers: []int32{0}, Ledger: l,
		Args: func(self process.Endpoint, _ []process.Endpoint) []string {
			return []string{self.Direct, self.Events()}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(t.Context()) })
	if err := c.WaitReady(within(t, 30*time.Second), 0); err != nil {
		t.Fatal(err)
	}
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func newKill(t *testing.T, c cluster.Cluster) Fault {
	t.Helper()
	f, err := New(timeline.Fault{Kind: timeline.Kill}, c, timeline.NodeEnd(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestKillIsProvedInAndOut(t *testing.T) {
	f := newKill(t, node(t))
	ctx := within(t, 30*time.Second)
	for _, stage := range []struct {
		name string
		do   func(context.Context) (string, error)
		want string
	}{
		{"Inject", f.Inject, "SIGKILL to the process group of pid"},
		{"Prove", f.Prove, "refuses connections"},
		{"Heal", f.Heal, "started as pid"},
		{"ProveHealed", f.ProveHealed, "answers ApiVersions"},
	} {
		if detail, err := stage.do(ctx); err != nil || !strings.Contains(detail, stage.want) {
			t.Fatalf("%s = %q, %v; want %q", stage.name, detail, err, stage.want)
		}
	}
}

// spared claims to kill and does nothing: the effect of the injection is switched off.
type spared struct{ *process.Cluster }

func (spared) Kill(context.Context, int32) error { return nil }

func TestKillThatDoesNothingIsNotProved(t *testing.T) {
	f := newKill(t, spared{node(t)})
	if _, err := f.Inject(t.Context()); err != nil {
		t.Fatal(err)
	}
	detail, err := f.Prove(within(t, 50*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "still runs") {
		t.Errorf("Prove = %q, %v; want that the process still runs", detail, err)
	}
	if detail, err := f.Heal(t.Context()); err == nil {
		t.Errorf("Heal of a node that runs = %q; want an error", detail)
	}
	if detail, err := f.ProveHealed(within(t, 30*time.Second)); err == nil || !strings.Contains(err.Error(), "not a new one") {
		t.Errorf("ProveHealed = %q, %v; want that it is the old process", detail, err)
	}
}

func TestKillIsNotProvedWhileSomebodyListens(t *testing.T) {
	c := node(t)
	f := newKill(t, c)
	if _, err := f.Inject(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Prove(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", c.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if detail, err := f.Prove(within(t, 50*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "still accepts") {
		t.Errorf("Prove = %q, %v; want that the address accepts", detail, err)
	}
}

// forgetful claims to restart and does nothing.
type forgetful struct{ *process.Cluster }

func (forgetful) Restart(context.Context, int32) error { return nil }

func TestHealThatDoesNothingIsNotProved(t *testing.T) {
	f := newKill(t, forgetful{node(t)})
	if _, err := f.Inject(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if detail, err := f.ProveHealed(within(t, 30*time.Second)); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("ProveHealed = %q, %v; want how the process ended", detail, err)
	}
}

// impostor answers for a node that is down, as another process on its port would.
type impostor struct{ *process.Cluster }

func (impostor) WaitReady(context.Context, int32) error { return nil }

func TestHealIsNotProvedByAnotherProcess(t *testing.T) {
	c := node(t)
	f := newKill(t, impostor{c})
	if _, err := f.Inject(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Prove(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", c.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := uint16(ln.Addr().(*net.TCPAddr).Port)
	other := node(t)
	if err := owner(other.Pid(0), port); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("owner = %v; want that another process serves the port", err)
	}
	if detail, err := f.ProveHealed(t.Context()); err == nil {
		t.Errorf("ProveHealed = %q; want an error, this test listens there", detail)
	}
}

func TestKillOfADeadNodeHasNothingToHeal(t *testing.T) {
	c := node(t)
	first := newKill(t, c)
	ctx := within(t, 30*time.Second)
	if _, err := first.Inject(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Prove(ctx); err != nil {
		t.Fatal(err)
	}
	second := newKill(t, c)
	if detail, err := second.Inject(ctx); err == nil {
		t.Errorf("Inject on a dead node = %q; want an error", detail)
	}
	if detail, err := second.Heal(ctx); err != nil || !strings.Contains(detail, "nothing") {
		t.Errorf("Heal = %q, %v; want nothing to do", detail, err)
	}
}

// plain is a cluster without capabilities.
type plain struct{ cluster.Cluster }

func TestEveryKindHasAnImplementationOrSaysWhatItNeeds(t *testing.T) {
	for _, info := range timeline.Kinds() {
		_, err := New(timeline.Fault{Kind: info.Kind}, plain{}, timeline.NodeEnd(0), nil)
		if info.Capability == "Cluster" && err == nil {
			continue // any cluster will do
		}
		if err == nil || !strings.Contains(err.Error(), info.Capability) {
			t.Errorf("New(%s) on a cluster without capabilities = %v; want %s named", info.Kind, err, info.Capability)
		}
	}
	if _, err := New(timeline.Fault{Kind: "explode"}, plain{}, timeline.NodeEnd(0), nil); err == nil || !strings.Contains(err.Error(), "unknown fault") {
		t.Errorf("New(explode) = %v", err)
	}
}
