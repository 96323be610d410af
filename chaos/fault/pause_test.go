package fault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/timeline"
)

func newPause(t *testing.T, c cluster.Cluster) Fault {
	t.Helper()
	f, err := New(timeline.Fault{Kind: timeline.Pause}, c, timeline.NodeEnd(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPauseIsProvedInAndOut(t *testing.T) {
	c := node(t)
	f := newPause(t, c)
	before := c.Pid(0)
	ctx := within(t, 30*time.Second)
	for _, stage := range []struct {
		name string
		do   func(context.Context) (string, error)
		want string
	}{
		{"Inject", f.Inject, "and its process group were stopped"},
		{"Prove", f.Prove, "accepts a request and says nothing"},
		{"Heal", f.Heal, "and its process group were let go on"},
		{"ProveHealed", f.ProveHealed, "the same as before, goes on and answers ApiVersions"},
	} {
		if detail, err := stage.do(ctx); err != nil || !strings.Contains(detail, stage.want) {
			t.Fatalf("%s = %q, %v; want %q", stage.name, detail, err, stage.want)
		}
	}
	if c.Pid(0) != before {
		t.Errorf("pid %d became %d: a pause is no restart", before, c.Pid(0))
	}
}

// awake claims to pause and does nothing: the effect of the injection is switched off.
type awake struct{ *process.Cluster }

func (awake) Pause(context.Context, int32) error { return nil }

func TestPauseThatDoesNothingIsNotProved(t *testing.T) {
	f := newPause(t, awake{node(t)})
	if _, err := f.Inject(t.Context()); err != nil {
		t.Fatal(err)
	}
	detail, err := f.Prove(within(t, 50*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "is not stopped") {
		t.Errorf("Prove = %q, %v; want that the process is not stopped", detail, err)
	}
}

// elsewhere says that another node's address is the one of the node that is paused: /proc shows the
// effect and the clients of the address do not see it.
type elsewhere struct {
	*process.Cluster
	address string
}

func (e elsewhere) Address(int32) string { return e.address }
func (e elsewhere) Direct(int32) string  { return e.address }

func TestPauseIsNotProvedWhileSomebodyAnswers(t *testing.T) {
	f := newPause(t, elsewhere{node(t), node(t).Address(0)})
	ctx := within(t, 30*time.Second)
	if _, err := f.Inject(ctx); err != nil {
		t.Fatal(err)
	}
	if detail, err := f.Prove(ctx); err == nil || !strings.Contains(err.Error(), "answers") {
		t.Errorf("Prove = %q, %v; want that the address answers", detail, err)
	}
	if detail, err := f.Heal(ctx); err != nil {
		t.Fatal(detail, err)
	}
	if detail, err := f.ProveHealed(ctx); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("ProveHealed = %q, %v; want that another process serves the address", detail, err)
	}
}

func TestPauseOfANodeThatDiesIsNotProved(t *testing.T) {
	c := node(t)
	f := newPause(t, c)
	ctx := within(t, 30*time.Second)
	if _, err := f.Inject(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if detail, err := f.Prove(within(t, 300*time.Millisecond)); err == nil {
		t.Errorf("Prove of a killed node = %q; want an error", detail)
	}
	if err := c.Restart(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if detail, err := f.Heal(ctx); err == nil || !strings.Contains(err.Error(), "was paused and the node is pid") {
		t.Errorf("Heal = %q, %v; want that it is another process", detail, err)
	}
	if detail, err := f.ProveHealed(within(t, 50*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("ProveHealed = %q, %v; want that the paused process has ended", detail, err)
	}
	// And nothing to pause where nothing runs.
	if err := c.Kill(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx, 0); err == nil {
		t.Fatal("a killed node is ready") // the error comes when it has been reaped
	}
	second := newPause(t, c)
	if detail, err := second.Inject(ctx); err == nil || !strings.Contains(err.Error(), "nothing to pause") {
		t.Errorf("Inject on a dead node = %q, %v; want an error", detail, err)
	}
	if detail, err := second.Heal(ctx); err != nil || !strings.Contains(detail, "nothing") {
		t.Errorf("Heal = %q, %v; want nothing to do", detail, err)
	}
}

// asleep claims to resume and does nothing.
type asleep struct{ *process.Cluster }

func (asleep) Resume(context.Context, int32) error { return nil }

func TestResumeThatDoesNothingIsNotProved(t *testing.T) {
	f := newPause(t, asleep{node(t)})
	ctx := within(t, 30*time.Second)
	for _, do := range []func(context.Context) (string, error){f.Inject, f.Prove, f.Heal} {
		if detail, err := do(ctx); err != nil {
			t.Fatal(detail, err)
		}
	}
	if detail, err := f.ProveHealed(within(t, 50*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "still stopped") {
		t.Errorf("ProveHealed = %q, %v; want that it is still stopped", detail, err)
	}
}

// A proof that is interrupted does not wait for the silence to be over.
func TestProofOfAPauseEndsWithItsContext(t *testing.T) {
	c := node(t)
	if err := c.Pause(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := silent(ctx, c.Address(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("silent = %v; want context.Canceled", err)
	}
}

func TestSeveralStrikeTogetherAndNameTheNode(t *testing.T) {
	a, b := node(t), node(t)
	ctx := within(t, 30*time.Second)
	if err := a.Kill(ctx, 0); err != nil {
		t.Fatal(err)
	}
	f := Several([]timeline.End{timeline.NodeEnd(3), timeline.NodeEnd(4)}, []Fault{newPause(t, a), newPause(t, b)})
	if detail, err := f.Inject(ctx); err != nil && !strings.Contains(err.Error(), "node 3: ") || !strings.Contains(detail, "node 4: pid") {
		t.Fatalf("Inject = %q, %v", detail, err)
	}
	if detail, err := f.Prove(within(t, 300*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "node 3: ") ||
		strings.Contains(err.Error(), "node 4: ") || !strings.Contains(detail, "node 4: 1 stopped") {
		t.Errorf("Prove = %q, %v; want that node 3 failed and node 4 did not", detail, err)
	}
	if detail, err := f.Heal(ctx); !strings.Contains(detail, "node 4: pid") {
		t.Errorf("Heal = %q, %v; want node 4 resumed whatever happened on node 3", detail, err)
	}
}
