package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// placed is a cluster whose nodes have roles: it leads orders/0 on leader, with all nodes as replicas.
type placed struct {
	ids
	leader, controller int32
	err                error
}

func (p placed) Leader(context.Context, string, int32) (int32, error)     { return p.leader, p.err }
func (p placed) Replicas(context.Context, string, int32) ([]int32, error) { return p.ids, p.err }
func (p placed) Controller(context.Context) (int32, error)                { return p.controller, p.err }

// ackEarly is the timeline that overlaps need most: the followers stand still, the leader dies with
// what only it has, and the followers go on before it comes back.
var ackEarly = timeline.Timeline{
	{Kind: timeline.Pause, Target: "followers(orders,0)", After: time.Second, Hold: 800 * time.Millisecond},
	{Kind: timeline.Kill, Target: "leader(orders,0)", After: 400 * time.Millisecond, Hold: 3 * time.Second, Overlap: true},
}

// virtual gives a nemesis a clock that only moves when it waits; the result tells how far.
func virtual(n *Nemesis) func() time.Duration {
	began := time.Unix(0, 0)
	now := began
	n.now = func() time.Time { return now }
	n.wait = func(ctx context.Context, at time.Time) error {
		if at.After(now) {
			now = at
		}
		return ctx.Err()
	}
	return func() time.Duration { return now.Sub(began) }
}

func TestOverlappingFaultsHealWhenTheirOwnHoldIsOver(t *testing.T) {
	var at []string
	var clock func() time.Duration
	gated := 0
	cfg := Config{
		Cluster: placed{ids: ids{0, 1, 2}, leader: 1}, Timeline: ackEarly,
		Gate: func(context.Context, time.Duration) error { gated++; return nil },
		Progress: func(e Event) {
			if e.Done {
				at = append(at, fmt.Sprintf("%v %s %s %s", clock(), e.Kind, e.Target, e.Stage))
			}
		},
	}
	n, rec, _ := scripted(t, cfg, script{})
	clock = virtual(n)
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0s pause nodes 0, 2 inject", "0s pause nodes 0, 2 prove",
		"400ms kill node 1 inject", "400ms kill node 1 prove",
		"800ms pause nodes 0, 2 heal", "800ms pause nodes 0, 2 prove-healed",
		"3.4s kill node 1 heal", "3.4s kill node 1 prove-healed",
	}
	if !slices.Equal(at, want) {
		t.Errorf("happened\n%s\nwant\n%s", strings.Join(at, "\n"), strings.Join(want, "\n"))
	}
	if gated != 1 {
		t.Errorf("the gate was asked %d times; want once, for the first fault of the group", gated)
	}
	if got := clock(); got != ackEarly.InForce() {
		t.Errorf("it took %v; the plan said %v in force", got, ackEarly.InForce())
	}
	if got := rec.ops[0].Fault.Detail; got != "target followers(orders,0) is nodes 0, 2; node 0: did inject; node 2: did inject" {
		t.Errorf("the injection is recorded as %q", got)
	}
	if got := rec.ops[2].Fault.Detail; got != "target leader(orders,0) is node 1; did inject" {
		t.Errorf("the second one is recorded as %q", got)
	}
}

func TestAnInnerFaultHealsFirst(t *testing.T) {
	n, rec, _ := scripted(t, Config{Cluster: ids{0, 1, 2}, Timeline: timeline.Timeline{
		{Kind: timeline.Kill, Target: "node(0)", Hold: 4 * time.Second},
		{Kind: timeline.Kill, Target: "node(1)", After: time.Second, Hold: time.Second, Overlap: true},
		{Kind: timeline.Kill, Target: "node(2)", Hold: 2 * time.Second, Overlap: true},
		{Kind: timeline.Kill, Target: "node(1)"},
	}}, script{})
	virtual(n)
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, op := range rec.ops {
		if op.Fault.Stage == history.Inject || op.Fault.Stage == history.Heal {
			got = append(got, fmt.Sprintf("%v %d", op.Fault.Stage, op.Fault.Index))
		}
	}
	want := []string{"inject 0", "inject 1", "inject 2", "heal 1", "heal 2", "heal 0", "inject 3", "heal 3"}
	if !slices.Equal(got, want) {
		t.Errorf("happened %q\nwant %q", got, want)
	}
}

// Whatever goes wrong while several faults are in force, all are healed, the last first.
func TestEverythingInForceIsHealedInReverse(t *testing.T) {
	line := timeline.Timeline{
		{Kind: timeline.Kill, Target: "node(0)", Hold: time.Second},
		{Kind: timeline.Kill, Target: "node(1)", Hold: time.Hour, Overlap: true},
		{Kind: timeline.Kill, Target: "node(2)", Hold: time.Hour, Overlap: true},
		{Kind: timeline.Kill, Target: "node(0)"},
	}
	healed := []string{"2 node 2 heal ok", "2 node 2 prove-healed ok", "1 node 1 heal ok", "1 node 1 prove-healed ok"}
	both := append(slices.Clone(healed), "0 node 0 heal ok", "0 node 0 prove-healed ok")
	for name, c := range map[string]struct {
		// at is the stage of the fault by index in which it happens.
		index     int
		stage     history.Stage
		interrupt bool
		want      []string
	}{
		"interrupted after the proof of the last":  {2, history.Prove, true, both},
		"interrupted after the first heal":         {0, history.ProveHealed, true, healed},
		"interrupted after the second's injection": {1, history.Inject, true, both[2:]},
		"the last is not proved":                   {2, history.Prove, false, both},
		"the first heal is not proved":             {0, history.ProveHealed, false, healed},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			boom, fail := errors.New("boom"), map[string]error{}
			n, rec, _ := scripted(t, Config{Cluster: ids{0, 1, 2}, Timeline: line, Progress: func(e Event) {
				here := e.Index == c.index && e.Stage == c.stage
				if c.interrupt && here && e.Done {
					cancel()
				}
				delete(fail, c.stage.String())
				if !c.interrupt && here && !e.Done {
					fail[c.stage.String()] = boom
				}
			}}, script{fail: fail})
			virtual(n)
			err := n.Run(ctx)
			if c.interrupt != errors.Is(err, context.Canceled) || c.interrupt == errors.Is(err, boom) {
				t.Errorf("Run = %v", err)
			}
			got := rec.stages()
			if len(got) < len(c.want) || !slices.Equal(got[len(got)-len(c.want):], c.want) {
				t.Errorf("recorded %q\nwant it to end with %q", got, c.want)
			}
		})
	}
}

// A target that does not exist when its fault fires is a failed stage, and what was in force before
// is healed.
func TestATargetThatIsNotThereIsAFailedStage(t *testing.T) {
	gone := errors.New("partition orders/0 has no leader now")
	for name, c := range map[string]struct {
		cluster placed
		want    []string
		says    string
	}{
		"no leader": {placed{ids: ids{0, 1}, err: gone}, []string{"0 leader(orders,0) inject fail"}, "has no leader now"},
		"leader under another fault": {placed{ids: ids{0, 1}, leader: 1, controller: 1}, []string{
			"0 node 1 inject ok", "0 node 1 prove ok", "1 controller inject fail", "0 node 1 heal ok", "0 node 1 prove-healed ok",
		}, "node 1, on which fault 1, kill, is in force"},
		"a stranger": {placed{ids: ids{0, 1}, leader: 9}, []string{"0 leader(orders,0) inject fail"}, "did not start"},
	} {
		t.Run(name, func(t *testing.T) {
			n, rec, _ := scripted(t, Config{Cluster: c.cluster, Timeline: timeline.Timeline{
				{Kind: timeline.Kill, Target: "leader(orders,0)", Hold: time.Second},
				{Kind: timeline.Pause, Target: "controller", Overlap: true},
			}}, script{})
			virtual(n)
			var failed *StageError
			if err := n.Run(t.Context()); !errors.As(err, &failed) || failed.Stage != history.Inject || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Run = %v; want a failed injection that says %q", err, c.says)
			}
			if got := rec.stages(); !slices.Equal(got, c.want) {
				t.Errorf("recorded %q\nwant %q", got, c.want)
			}
		})
	}
}

// One of the nodes of a fault that strikes several fails: the fault fails, names the node, and all
// are healed.
func TestAFaultOnSeveralNodesIsProvedOnEach(t *testing.T) {
	boom := errors.New("boom")
	n, rec, _ := scripted(t, Config{Cluster: placed{ids: ids{0, 1, 2}, leader: 1}, Timeline: ackEarly},
		script{fail: map[string]error{"prove": boom}})
	virtual(n)
	err := n.Run(t.Context())
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "node 0: boom") || !strings.Contains(err.Error(), "node 2: boom") {
		t.Errorf("Run = %v; want that both nodes failed", err)
	}
	want := []string{"0 nodes 0, 2 inject ok", "0 nodes 0, 2 prove fail", "0 nodes 0, 2 heal ok", "0 nodes 0, 2 prove-healed ok"}
	if got := rec.stages(); !slices.Equal(got, want) {
		t.Errorf("recorded %q\nwant %q", got, want)
	}
}

func TestRolesNeedALocator(t *testing.T) {
	cfg := Config{Cluster: ids{0}, Recorder: &memory{}, Gate: open, Timeline: timeline.Timeline{
		{Kind: timeline.Kill, Target: "controller", Overlap: true},
		{Kind: timeline.Kill, Target: "controller"},
	}}
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Locator") || !strings.Contains(err.Error(), "nothing") &&
		!strings.Contains(err.Error(), "no fault before it") {
		t.Errorf("New = %v; want both problems", err)
	}
	cfg.Cluster, cfg.Timeline = placed{ids: ids{0}}, ackEarly
	if _, err := New(cfg); err != nil {
		t.Errorf("New on a cluster that can locate = %v", err)
	}
}
