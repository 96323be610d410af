package fault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/timeline"
)

// synced is a cluster whose replicas are in sync unless err says that they are not.
type synced struct {
	*process.Cluster
	err error
}

func (s synced) WaitInSync(context.Context, int32) error { return s.err }

func newFault(t *testing.T, kind timeline.Kind, c synced) Fault {
	t.Helper()
	f, err := New(timeline.Fault{Kind: kind}, c, timeline.NodeEnd(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stages runs a fault up to its end or to the first stage that fails, and says which.
func stages(t *testing.T, f Fault) (detail, failed string, err error) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	for _, stage := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{{"Inject", f.Inject}, {"Prove", f.Prove}, {"Heal", f.Heal}, {"ProveHealed", f.ProveHealed}} {
		said, err := stage.do(ctx)
		if err != nil {
			return detail, stage.name, err
		}
		detail += said + "\n"
	}
	return detail, "", nil
}

func TestRestartIsProvedInAndOut(t *testing.T) {
	detail, failed, err := stages(t, newFault(t, timeline.Restart, synced{Cluster: node(t)}))
	if failed != "" {
		t.Fatalf("%s: %v", failed, err)
	}
	for _, want := range []string{"SIGTERM to the process group of pid", "refuses connections, the last it noted is that it stopped cleanly", "started as pid", "answers ApiVersions, its replicas are in sync"} {
		if !strings.Contains(detail, want) {
			t.Errorf("it does not say %q:\n%s", want, detail)
		}
	}
}

// hasty kills where it was to stop in order.
type hasty struct{ synced }

func (h hasty) Terminate(ctx context.Context, node int32) error { return h.Kill(ctx, node) }

func TestAKillIsNoCleanStop(t *testing.T) {
	c := node(t)
	f, err := New(timeline.Fault{Kind: timeline.Restart}, hasty{synced{Cluster: c}}, timeline.NodeEnd(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, failed, err := stages(t, f); failed != "Prove" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s failed with %v; want Prove, as the node noted nothing", failed, err)
	}
	if detail, err := f.Heal(t.Context()); err != nil || !strings.Contains(detail, "started") {
		t.Errorf("Heal = %q, %v", detail, err)
	}
}

func TestWhatIsACleanStop(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.jsonl")
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for lines, want := range map[string]string{
		`{"at":"2026-01-02T03:04:06Z","event":"node-stopped"}` + "\n":                                                                   "",
		`{"event":"node-started"}` + "\n" + `{"at":"2026-01-02T03:04:06Z","event":"node-stopped"}` + "\n":                               "",
		`{"at":"2026-01-02T03:04:04Z","event":"node-stopped"}` + "\n":                                                                   "did not stop cleanly",
		`{"at":"2026-01-02T03:04:06Z","event":"node-stopped"}` + "\n" + `{"at":"2026-01-02T03:04:07Z","event":"leader-elected"}` + "\n": "the last event in " + file + " is leader-elected",
		`{"at":"2026-01-02T03:04:06Z","event":"node-st`:                                                                                 "is no event",
		"": "is no event",
	} {
		if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
		err := stoppedCleanly(file, began)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", lines, err, want)
		}
	}
}

func TestDiskLossIsProvedInAndOut(t *testing.T) {
	c := node(t)
	inside := filepath.Join(c.Data(0), "orders-0")
	if err := errors.Join(os.Mkdir(inside, 0o755), os.WriteFile(filepath.Join(inside, "log"), []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	detail, failed, err := stages(t, newFault(t, timeline.DiskLoss, synced{Cluster: c}))
	if failed != "" {
		t.Fatalf("%s: %v", failed, err)
	}
	for _, want := range []string{"SIGKILL to the process group of pid", "then everything in " + c.Data(0) + " deleted", c.Data(0) + " is empty", "its replicas are in sync"} {
		if !strings.Contains(detail, want) {
			t.Errorf("it does not say %q:\n%s", want, detail)
		}
	}
	if _, err := os.Stat(inside); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", inside)
	}
	if err := c.Wipe(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("Wipe of a node that runs = %v; want a refusal", err)
	}
}

// sparing claims to delete and does nothing.
type sparing struct{ synced }

func (sparing) Wipe(context.Context, int32) error { return nil }

func TestADiskThatIsNotLostIsNotProved(t *testing.T) {
	c := node(t)
	if err := os.WriteFile(filepath.Join(c.Data(0), "left"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := New(timeline.Fault{Kind: timeline.DiskLoss}, sparing{synced{Cluster: c}}, timeline.NodeEnd(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, failed, err := stages(t, f); failed != "Prove" || !strings.Contains(err.Error(), "is not empty: it holds 1 entries, such as left") {
		t.Errorf("%s failed with %v; want Prove, which finds what was left", failed, err)
	}
}

// A node that serves and has not caught up is not healed.
func TestReplicasThatAreNotInSyncAreNotHealed(t *testing.T) {
	behind := errors.New("orders/0 has ISR [1 2]")
	for _, kind := range []timeline.Kind{timeline.Restart, timeline.DiskLoss} {
		if _, failed, err := stages(t, newFault(t, kind, synced{node(t), behind})); failed != "ProveHealed" || !errors.Is(err, behind) {
			t.Errorf("%s: %s failed with %v; want ProveHealed", kind, failed, err)
		}
	}
}
