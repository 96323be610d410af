package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// voting is a cluster of brokers of which some vote.
type voting struct {
	placed
	voters []int32
}

func (v voting) Voters() []int32 { return v.voters }

// told lists the stages that a nemesis went through, with the time of a clock.
func told(cfg *Config, clock *func() time.Duration) *[]string {
	var all []string
	cfg.Progress = func(e Event) {
		if e.Done && (e.Stage == history.Inject || e.Stage == history.Heal) {
			all = append(all, fmt.Sprintf("%v %s %d", (*clock)(), e.Stage, e.Index+1))
		}
	}
	return &all
}

func TestAFaultWaitsUntilItsConditionIsTrue(t *testing.T) {
	var clock func() time.Duration
	cluster := placed{ids: ids{0, 1, 2}, leader: 1, controller: 0}
	looked := 0
	cfg := Config{
		Cluster: &cluster,
		Timeline: timeline.Timeline{
			{Kind: timeline.Pause, Target: "leader(orders,0)", Hold: time.Second},
			{Kind: timeline.Kill, Target: "leader(orders,0)", After: 100 * time.Millisecond, Overlap: true, Hold: time.Second,
				Until: timeline.Condition{Elsewhere: "leader(orders,0)", InSync: "orders", Within: 5 * time.Second}},
		},
		Watch: func(c timeline.Condition) func(context.Context) error {
			if c.InSync != "orders" || c.Elsewhere != "" {
				t.Errorf("asked for %v", c)
			}
			return func(context.Context) error {
				if looked++; looked == 4 {
					cluster.leader = 2
				}
				return nil
			}
		},
	}
	happened := told(&cfg, &clock)
	n, rec, _ := scripted(t, cfg, script{})
	clock = virtual(n)
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"0s inject 1", "250ms inject 2", "1s heal 1", "1.25s heal 2"}
	if !slices.Equal(*happened, want) {
		t.Errorf("happened %q, want %q", *happened, want)
	}
	if got := rec.ops[2].Fault.Target; got != "node 2" {
		t.Errorf("the second fault struck %s", got)
	}
}

// A condition that does not come true fails its fault with what was seen last, and faults in force heal
// meanwhile when their time has come.
func TestAConditionThatNeverComesTrueFailsTheFault(t *testing.T) {
	var clock func() time.Duration
	cfg := Config{
		Cluster: ids{0, 1}, Timeline: timeline.Timeline{
			{Kind: timeline.Pause, Target: "node(0)", Hold: time.Second},
			{Kind: timeline.Kill, Target: "node(1)", Overlap: true, Until: timeline.Condition{Lag: 10, Within: 3 * time.Second}},
		},
		Watch: func(timeline.Condition) func(context.Context) error {
			return func(context.Context) error { return errors.New("the readers are 77 records behind") }
		},
	}
	happened := told(&cfg, &clock)
	n, rec, _ := scripted(t, cfg, script{})
	clock = virtual(n)
	err := n.Run(t.Context())
	var failed *StageError
	if !errors.As(err, &failed) || failed.Index != 1 || failed.Stage != history.Inject || !strings.Contains(err.Error(), "77 records behind") ||
		!strings.Contains(err.Error(), "did not come true: readers at most 10 records behind, within 3s") {
		t.Errorf("Run = %v", err)
	}
	if want := []string{"0s inject 1", "1s heal 1", "3s inject 2"}; !slices.Equal(*happened, want) {
		t.Errorf("happened %q, want %q", *happened, want)
	}
	if last := rec.ops[len(rec.ops)-1]; last.Outcome != history.Fail {
		t.Errorf("recorded %q", rec.stages())
	}
	cfg.Watch = nil
	cfg.Recorder, cfg.Gate = rec, open
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "nobody watches") {
		t.Errorf("New without a watcher = %v", err)
	}
}

// At fire time a guard counts who is struck, not who might have been.
func TestAGuardThatBreaksAtFireTimeFailsTheFault(t *testing.T) {
	line := timeline.Timeline{
		{Kind: timeline.Pause, Target: "leader(orders,0)", Hold: time.Second},
		{Kind: timeline.Kill, Target: "controller", Overlap: true},
	}
	for name, c := range map[string]struct {
		guards timeline.Guards
		says   string
	}{
		"max_down":    {timeline.Guards{MaxDown: 1}, "target controller is node 2: guard max_down: 1 at most may be down at once, and 2 would be"},
		"keep_quorum": {timeline.Guards{KeepQuorum: true}, "guard keep_quorum: 2 of 3 voters would be down"},
		"enough":      {timeline.Guards{MaxDown: 2}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := voting{placed{ids: ids{0, 1, 2}, leader: 1, controller: 2}, []int32{0, 1, 2}}
			n, rec, _ := scripted(t, Config{Cluster: cluster, Timeline: line, Guards: c.guards}, script{})
			virtual(n)
			err := n.Run(t.Context())
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Run = %v; want %q", err, c.says)
			}
			if got := rec.stages()[2]; got != "1 controller inject fail" {
				t.Errorf("recorded %q", rec.stages())
			}
		})
	}
}

// Drawn faults come at their times, also when those before them have healed; one that would strike a node
// that is struck, or break a guard, waits for what is in force.
func TestDrawnFaultsWaitForEachOther(t *testing.T) {
	drawn := func(f timeline.Fault) timeline.Fault { f.Drawn = 1; return f }
	line := timeline.Timeline{
		drawn(timeline.Fault{Kind: timeline.Kill, Target: "leader(orders,0)", Hold: time.Second}),
		drawn(timeline.Fault{Kind: timeline.Kill, Target: "node(0)", After: 3 * time.Second, Hold: 4 * time.Second, Overlap: true}),
		drawn(timeline.Fault{Kind: timeline.Pause, Target: "controller", After: time.Second, Hold: time.Second, Overlap: true}),
		drawn(timeline.Fault{Kind: timeline.Pause, Target: timeline.Any, After: 500 * time.Millisecond, Hold: time.Second, Overlap: true}),
	}
	var clock func() time.Duration
	cfg := Config{Cluster: placed{ids: ids{0, 1}, leader: 1, controller: 0}, Timeline: line, Guards: timeline.Guards{MaxDown: 2}}
	happened := told(&cfg, &clock)
	n, rec, _ := scripted(t, cfg, script{})
	clock = virtual(n)
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"0s inject 1", "1s heal 1", "3s inject 2", "7s heal 2", "7s inject 3", "7.5s inject 4", "8s heal 3", "8.5s heal 4"}
	if !slices.Equal(*happened, want) {
		t.Errorf("happened %q, want %q", *happened, want)
	}
	for _, op := range rec.ops {
		if op.Fault.Index == 3 && op.Fault.Target != "node 1" {
			t.Errorf("any struck %s, which another fault had in force", op.Fault.Target)
		}
	}
}

// slow takes a while for its proof: a fault whose hold is over by the plan heals before the next one comes.
func TestAFaultHealsBeforeTheNextIfThePlanSaysSo(t *testing.T) {
	var clock func() time.Duration
	cfg := Config{Cluster: ids{0, 1}, Timeline: timeline.Timeline{
		{Kind: timeline.Kill, Target: "node(0)", Hold: time.Second, Drawn: 1},
		{Kind: timeline.Kill, Target: "node(1)", After: 2 * time.Second, Hold: time.Second, Overlap: true, Drawn: 1},
	}}
	happened := told(&cfg, &clock)
	var n *Nemesis
	n, _, _ = scripted(t, cfg, script{during: func(stage string) {
		if stage == "prove" {
			_ = n.wait(t.Context(), n.now().Add(5*time.Second))
		}
	}})
	clock = virtual(n)
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0s inject 1", "6s heal 1", "6s inject 2", "12s heal 2"}; !slices.Equal(*happened, want) {
		t.Errorf("happened %q, want %q", *happened, want)
	}
}

// The peers of a fault of links are resolved with its target, and told with it.
func TestPeersAreResolvedWhenTheFaultFires(t *testing.T) {
	var got []timeline.End
	n, rec, _ := scripted(t, Config{Cluster: placed{ids: ids{0, 1, 2}, leader: 1}, Timeline: timeline.Timeline{
		{Kind: timeline.Kill, Target: "leader(orders,0)"},
	}}, script{})
	n.cfg.Timeline[0].Peers = "nodes"
	before := n.prepare
	n.prepare = func(f timeline.Fault, c cluster.Cluster, target timeline.End, peers []timeline.End) (fault.Fault, error) {
		got = peers
		return before(f, c, target, peers)
	}
	virtual(n)
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []timeline.End{timeline.NodeEnd(0), timeline.NodeEnd(2)}; !slices.Equal(got, want) {
		t.Errorf("peers %v, want %v", got, want)
	}
	if got := rec.ops[0].Fault.Detail; got != "target leader(orders,0) is node 1; peers nodes are nodes 0, 2; did inject" {
		t.Errorf("recorded %q", got)
	}
}
