package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// process is the nemesis in the history.
const process = "nemesis"

// Default limits of a stage.
const (
	defaultProveWithin = 10 * time.Second
	defaultHealWithin  = 30 * time.Second
)

// Recorder is what the nemesis needs of a history.Recorder: Operation stamps a Return of 0.
type Recorder interface {
	Now() history.Time
	Operation(history.Operation)
}

// Gate returns when the cluster is worth breaking and the load has held its floor for that long without a
// break, counted from the
// call, or with an error that says what it last saw when ctx ends or the load cannot reach it.
type Gate func(ctx context.Context, hold time.Duration) error

// Watch begins to look at a condition. What it returns is called again and again: it is nil when the
// condition holds, else the error says what it saw. Elsewhere is not asked of it.
type Watch func(timeline.Condition) (look func(context.Context) error)

// Config of a Nemesis.
type Config struct {
	Cluster  cluster.Cluster
	Timeline timeline.Timeline
	// Guards limit what may be in force at once.
	Guards timeline.Guards
	// Seed draws the node of targets that leave it open, one independent draw per fault.
	Seed     int64
	Recorder Recorder
	// Gate holds a fault back until the load is worth breaking.
	Gate Gate
	// Watch looks at the conditions of faults; nil where no fault has one.
	Watch Watch
	// Progress, if set, is called at the beginning and at the end of every stage by Run's goroutine.
	Progress func(Event)
	// ProveWithin bounds Inject and Prove each (0 is 10 s), HealWithin Heal and ProveHealed each (0
	// is 30 s: a node may recover a long log before it serves).
	ProveWithin, HealWithin time.Duration
}

// Nemesis executes one timeline, once.
type Nemesis struct {
	cfg Config
	// locator of the cluster; nil if it has none.
	locator timeline.Locator
	// prepare makes a fault on one end, now is the time and wait returns when it is at, or with
	// ctx's error; tests put others in their place.
	prepare func(timeline.Fault, cluster.Cluster, timeline.End, []timeline.End) (fault.Fault, error)
	now     func() time.Time
	wait    func(ctx context.Context, at time.Time) error
}

// New checks that every fault of the timeline can be executed on the cluster, and lists all that
// cannot. It touches nothing: who has a role is asked when the fault fires.
func New(cfg Config) (*Nemesis, error) {
	if cfg.Cluster == nil || cfg.Recorder == nil || cfg.Gate == nil {
		return nil, errors.New("nemesis: it needs a cluster, a recorder and a gate")
	}
	if cfg.ProveWithin == 0 {
		cfg.ProveWithin = defaultProveWithin
	}
	if cfg.HealWithin == 0 {
		cfg.HealWithin = defaultHealWithin
	}
	cfg.Timeline = slices.Clone(cfg.Timeline)
	for i, f := range cfg.Timeline {
		cfg.Timeline[i] = f.WithDefaults()
	}
	n := &Nemesis{cfg: cfg, prepare: fault.New, now: time.Now, wait: waitUntil}
	n.locator, _ = cfg.Cluster.(cluster.Locator) // nil is an error where a target needs it
	var errs []error
	for i, f := range cfg.Timeline {
		if err := n.check(i); err != nil {
			errs = append(errs, fmt.Errorf("fault %d of the timeline, %s: %w", i+1, f, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("nemesis: %w", err)
	}
	return n, nil
}

// check is the error of a fault that cannot be executed whatever the cluster's state is.
func (n *Nemesis) check(i int) error {
	planned := n.cfg.Timeline[i]
	s, err := planned.Target.Selector()
	if err != nil {
		return err
	}
	if i == 0 && planned.Overlap {
		return errors.New("there is no fault before it to overlap with")
	}
	if planned.Until.Holds() && n.cfg.Watch == nil {
		return errors.New("it has a condition, and nobody watches the load")
	}
	if (s.Asked() || planned.Until.Elsewhere != "") && n.locator == nil {
		return errors.New("this cluster cannot tell who that is: it lacks the capability Locator")
	}
	if s.Asked() {
		// Which node it will be decides nothing about whether the fault can be made.
		if nodes := n.cfg.Cluster.Nodes(); len(nodes) > 0 {
			_, err = n.prepare(planned, n.cfg.Cluster, timeline.NodeEnd(nodes[0]), nil)
		}
		return err
	}
	ends, err := timeline.Ends(context.Background(), planned.Target, n.members(), n.draw(i), nil)
	if err == nil && len(ends) > 0 {
		_, err = n.prepare(planned, n.cfg.Cluster, ends[0], nil)
	}
	return err
}

// draw is the generator of the i-th fault.
func (n *Nemesis) draw(i int) func(int) int { return timeline.Draw(n.cfg.Seed, i) }

// watch begins to look at a condition: what the load and the replicas are asked.
func (n *Nemesis) watch(c timeline.Condition) func(context.Context) error {
	c.Elsewhere = "" // the nemesis knows best which nodes are struck
	if !c.Holds() {
		return func(context.Context) error { return nil }
	}
	return n.cfg.Watch(c)
}

// waitUntil returns at a time, or with ctx's error when it ends before.
func waitUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run executes the timeline and returns nil when every fault was proved in and out. A stage that
// fails is recorded with its outcome and ends the timeline with a *StageError. Whatever was broken
// is healed before Run returns, the last first, also when ctx ends: the error then wraps ctx's.
func (n *Nemesis) Run(ctx context.Context) error {
	for i := 0; i < len(n.cfg.Timeline); {
		f, end := n.cfg.Timeline[i], n.cfg.Timeline.Group(i)
		if err := n.cfg.Gate(ctx, f.After); err != nil {
			return fmt.Errorf("fault %d, %s: it was not injected: %w", i+1, f.Kind, err)
		}
		if err := n.group(ctx, i, end); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// stage runs one stage within its limit and records it: OK when it did what it says, Fail when it
// did not, Unknown when ctx ended before it could tell.
func (n *Nemesis) stage(ctx context.Context, f *firing, stage history.Stage, limit time.Duration,
	do func(context.Context) (string, error)) error {
	event := Event{Index: f.index, Total: len(n.cfg.Timeline), Kind: f.kind, Target: f.target, Stage: stage, At: n.cfg.Recorder.Now()}
	n.emit(event)

	limited, cancel := context.WithTimeout(ctx, limit)
	detail, err := do(limited)
	cancel()
	if stage == history.Inject {
		detail = f.note + detail
	}
	op := history.Operation{
		Process: process, Kind: history.Fault, Outcome: history.OK, Invoke: event.At,
		Fault: &history.FaultStage{
			Index: int32(f.index), Fault: string(f.kind), Target: f.target, Stage: stage, Detail: detail,
		},
	}
	if err != nil {
		op.Outcome, op.Error = history.Fail, err.Error()
		if ctx.Err() != nil {
			op.Outcome = history.Unknown
		}
	}
	n.cfg.Recorder.Operation(op)

	event.Done, event.At = true, n.cfg.Recorder.Now()
	event.Outcome, event.Detail, event.Err = op.Outcome, detail, err
	n.emit(event)
	if err != nil {
		return &StageError{Index: f.index, Kind: f.kind, Target: f.target, Stage: stage, Err: err}
	}
	return nil
}

func (n *Nemesis) emit(e Event) {
	if n.cfg.Progress != nil {
		n.cfg.Progress(e)
	}
}
