package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// memory is a Recorder whose clock counts calls.
type memory struct {
	now history.Time
	ops []history.Operation
}

func (m *memory) Now() history.Time { m.now++; return m.now }

func (m *memory) Operation(op history.Operation) {
	if op.Return == 0 {
		op.Return = m.Now()
	}
	m.ops = append(m.ops, op)
}

// stages lists what was recorded as "index target stage outcome".
func (m *memory) stages() []string {
	var all []string
	for _, op := range m.ops {
		all = append(all, fmt.Sprintf("%d %s %v %v", op.Fault.Index, op.Fault.Target, op.Fault.Stage, op.Outcome))
	}
	return all
}

// script is a fault that says what it was asked, and fails where it was told to.
type script struct {
	mu   *sync.Mutex
	log  *[]string
	node int32
	// fail maps a stage to its error.
	fail map[string]error
	// during is called in every stage.
	during func(stage string)
}

func (s script) stage(ctx context.Context, name string) (string, error) {
	s.mu.Lock() // a fault on several nodes is several scripts side by side
	*s.log = append(*s.log, name)
	s.mu.Unlock()
	if s.during != nil {
		s.during(name)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return "did " + name, s.fail[name]
}

func (s script) Inject(ctx context.Context) (string, error)      { return s.stage(ctx, "inject") }
func (s script) Prove(ctx context.Context) (string, error)       { return s.stage(ctx, "prove") }
func (s script) Heal(ctx context.Context) (string, error)        { return s.stage(ctx, "heal") }
func (s script) ProveHealed(ctx context.Context) (string, error) { return s.stage(ctx, "prove-healed") }

// ids is a cluster that has nodes and nothing else.
type ids []int32

func (c ids) Nodes() []int32 { return c }
func (c ids) Brokers() []int32 {
	return slices.DeleteFunc(slices.Clone(c), func(id int32) bool { return id >= 100 })
}
func (ids) Address(int32) string                      { return "" }
func (ids) WaitReady(context.Context, int32) error    { return nil }
func (ids) Kill(context.Context, int32) error         { return nil }
func (ids) Restart(context.Context, int32) error      { return nil }
func (ids) Pid(int32) int                             { return 0 }
func (ids) Pause(context.Context, int32) error        { return nil }
func (ids) Resume(context.Context, int32) error       { return nil }
func open(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// scripted is a nemesis whose faults are scripts; it returns what they were asked.
func scripted(t *testing.T, cfg Config, s script) (*Nemesis, *memory, *[]string) {
	t.Helper()
	rec, log := &memory{}, &[]string{}
	cfg.Recorder = rec
	if cfg.Cluster == nil {
		cfg.Cluster = ids{0}
	}
	if cfg.Gate == nil {
		cfg.Gate = open
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.mu, s.log = &sync.Mutex{}, log
	n.prepare = func(_ timeline.Fault, _ cluster.Cluster, target timeline.End, _ []timeline.End) (fault.Fault, error) {
		s.node = target.ID
		return s, nil
	}
	return n, rec, log
}

func TestEveryStageIsRecorded(t *testing.T) {
	var waited []time.Duration
	gate := func(_ context.Context, hold time.Duration) error { waited = append(waited, hold); return nil }
	var events []string
	line := timeline.Timeline{
		{Kind: timeline.Kill, Target: "node(0)", After: time.Hour},
		{Kind: timeline.Kill, Target: "node(1)", After: 2 * time.Hour, Hold: time.Nanosecond},
	}
	cfg := Config{Cluster: ids{0, 1}, Timeline: line, Gate: gate, Progress: func(e Event) { events = append(events, e.String()) }}
	n, rec, _ := scripted(t, cfg, script{})
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0 node 0 inject ok", "0 node 0 prove ok", "0 node 0 heal ok", "0 node 0 prove-healed ok",
		"1 node 1 inject ok", "1 node 1 prove ok", "1 node 1 heal ok", "1 node 1 prove-healed ok",
	}
	if got := rec.stages(); !slices.Equal(got, want) {
		t.Errorf("recorded %q\nwant %q", got, want)
	}
	for _, op := range rec.ops {
		if op.Process != "nemesis" || op.Kind != history.Fault || op.Invoke >= op.Return || op.Fault.Fault != "kill" ||
			op.Fault.Detail != "did "+op.Fault.Stage.String() {
			t.Errorf("recorded %+v, %+v", op, op.Fault)
		}
	}
	if !slices.Equal(waited, []time.Duration{time.Hour, 2 * time.Hour}) {
		t.Errorf("the gate was asked for %v", waited)
	}
	if len(events) != 16 || events[0] != "fault 1 of 2, kill node 0: inject ..." || events[15] != "fault 2 of 2, kill node 1: prove-healed ok: did prove-healed" {
		t.Errorf("events: %q", events)
	}
}

func TestAStageThatFailsEndsTheTimelineAndIsHealed(t *testing.T) {
	boom := errors.New("boom")
	for stage, want := range map[string][]string{
		"inject":       {"0 node 0 inject fail", "0 node 0 heal ok", "0 node 0 prove-healed ok"},
		"prove":        {"0 node 0 inject ok", "0 node 0 prove fail", "0 node 0 heal ok", "0 node 0 prove-healed ok"},
		"heal":         {"0 node 0 inject ok", "0 node 0 prove ok", "0 node 0 heal fail"},
		"prove-healed": {"0 node 0 inject ok", "0 node 0 prove ok", "0 node 0 heal ok", "0 node 0 prove-healed fail"},
	} {
		t.Run(stage, func(t *testing.T) {
			line := timeline.Timeline{{Kind: timeline.Kill, Target: "any"}, {Kind: timeline.Kill, Target: "any"}}
			n, rec, _ := scripted(t, Config{Timeline: line}, script{fail: map[string]error{stage: boom}})
			err := n.Run(t.Context())
			var failed *StageError
			if !errors.As(err, &failed) || failed.Stage.String() != stage || !errors.Is(err, boom) {
				t.Errorf("Run = %v; want the stage %s", err, stage)
			}
			if got := rec.stages(); !slices.Equal(got, want) {
				t.Errorf("recorded %q\nwant %q", got, want)
			}
		})
	}
}

func TestInterruptedRunHealsFirst(t *testing.T) {
	for _, stage := range []string{"inject", "prove"} {
		t.Run("during "+stage, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			line := timeline.Timeline{{Kind: timeline.Kill, Target: "node(0)", Hold: time.Hour}}
			n, rec, log := scripted(t, Config{Timeline: line}, script{during: func(s string) {
				if s == stage {
					cancel()
				}
			}})
			if err := n.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v; want context.Canceled", err)
			}
			if !slices.Equal((*log)[len(*log)-2:], []string{"heal", "prove-healed"}) {
				t.Errorf("asked for %q; want it to end with the heal", *log)
			}
			last := rec.ops[len(rec.ops)-3:]
			if last[0].Outcome != history.Unknown || last[1].Outcome != history.OK || last[2].Outcome != history.OK {
				t.Errorf("recorded %q", rec.stages())
			}
		})
	}
}

func TestInterruptedHoldHealsFirst(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	line := timeline.Timeline{{Kind: timeline.Kill, Target: "node(0)", Hold: time.Hour}}
	n, rec, _ := scripted(t, Config{Timeline: line, Progress: func(e Event) {
		if e.Done && e.Stage == history.Prove {
			cancel()
		}
	}}, script{})
	if err := n.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v; want context.Canceled", err)
	}
	want := []string{"0 node 0 inject ok", "0 node 0 prove ok", "0 node 0 heal ok", "0 node 0 prove-healed ok"}
	if got := rec.stages(); !slices.Equal(got, want) {
		t.Errorf("recorded %q\nwant %q", got, want)
	}
}

func TestAGateThatGivesUpInjectsNothing(t *testing.T) {
	low := errors.New("12 records/s of 2500")
	line := timeline.Timeline{{Kind: timeline.Kill, Target: "node(0)", After: 2 * time.Second}}
	n, rec, log := scripted(t, Config{Timeline: line, Gate: func(context.Context, time.Duration) error { return low }}, script{})
	if err := n.Run(t.Context()); !errors.Is(err, low) || !strings.Contains(err.Error(), "not injected") {
		t.Errorf("Run = %v", err)
	}
	if len(rec.ops) != 0 || len(*log) != 0 {
		t.Errorf("recorded %q, asked %q; want nothing", rec.stages(), *log)
	}
}

// targets runs ten faults on any of five nodes and lists where they struck.
func targets(t *testing.T, seed int64) []string {
	t.Helper()
	line := slices.Repeat(timeline.Timeline{{Kind: timeline.Kill, Target: timeline.Any}}, 10)
	n, rec, _ := scripted(t, Config{Cluster: ids{0, 1, 2, 3, 4}, Timeline: line, Seed: seed}, script{})
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, op := range rec.ops {
		if op.Fault.Stage == history.Inject {
			all = append(all, op.Fault.Target)
			if want := "target any is " + op.Fault.Target + "; did inject"; op.Fault.Detail != want {
				t.Errorf("detail %q; want %q", op.Fault.Detail, want)
			}
		}
	}
	return all
}

func TestTheSeedDrawsTheTargets(t *testing.T) {
	first := targets(t, 7)
	if again := targets(t, 7); !slices.Equal(first, again) {
		t.Errorf("seed 7 struck %v, then %v", first, again)
	}
	if other := targets(t, 8); slices.Equal(first, other) {
		t.Errorf("seeds 7 and 8 both struck %v", other)
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(first)))
	if len(distinct) < 3 {
		t.Errorf("ten draws of five nodes struck only %v", distinct)
	}
}

// spared is a cluster of this very process, whose Kill does nothing: the effect is switched off.
type spared struct{ ids }

func (spared) Pid(int32) int        { return os.Getpid() }
func (spared) Address(int32) string { return "127.0.0.1:1" }

func TestAKillWithoutEffectIsNotOK(t *testing.T) {
	rec := &memory{}
	n, err := New(Config{
		Cluster: spared{ids{0}}, Recorder: rec, Gate: open, ProveWithin: 20 * time.Millisecond,
		Timeline: timeline.Timeline{{Kind: timeline.Kill, Target: "node(0)"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var failed *StageError
	if err := n.Run(t.Context()); !errors.As(err, &failed) || failed.Stage != history.Prove {
		t.Errorf("Run = %v; want the proof to fail", err)
	}
	want := []string{"0 node 0 inject ok", "0 node 0 prove fail", "0 node 0 heal ok", "0 node 0 prove-healed fail"}
	if got := rec.stages(); !slices.Equal(got, want) {
		t.Errorf("recorded %q\nwant %q", got, want)
	}
}

func TestNewListsEveryFaultThatCannotBeExecuted(t *testing.T) {
	cfg := Config{Cluster: ids{0}, Recorder: &memory{}, Gate: open, Timeline: timeline.Timeline{
		{Kind: timeline.Kill, Target: "node(7)"}, {Kind: "explode", Target: "any"}, {Kind: timeline.Kill, Target: "any"},
	}}
	_, err := New(cfg)
	if err == nil || !strings.Contains(err.Error(), "fault 1 ") || !strings.Contains(err.Error(), "fault 2 ") || strings.Contains(err.Error(), "fault 3 ") {
		t.Errorf("New = %v; want faults 1 and 2", err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("New without a cluster gave no error")
	}
}

// any is a broker whatever the seed draws; a controller is struck when it is named.
func TestAnyIsABroker(t *testing.T) {
	nodes := ids{0, 1, 100, 101, 102}
	for seed := range int64(20) {
		cfg := Config{Cluster: nodes, Seed: seed, Timeline: timeline.Timeline{{Kind: timeline.Kill, Target: timeline.Any}, {Kind: timeline.Kill, Target: "node(101)"}}}
		n, rec, _ := scripted(t, cfg, script{})
		if err := n.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if drawn := rec.ops[0].Fault.Target; drawn != "node 0" && drawn != "node 1" {
			t.Errorf("seed %d: any is %s", seed, drawn)
		}
		if named := rec.ops[4].Fault.Target; named != "node 101" {
			t.Errorf("node(101) is %s", named)
		}
	}
}
