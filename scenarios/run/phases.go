package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/loadgen"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
)

// phase is one step of a run. One that fails ends the run, except that a load which began is
// always stopped in order: what it promised is settled before the history ends.
type phase struct {
	name string
	do   func(ctx context.Context) error
}

// phases runs the load through the plan. The load goes on while loading does, which may end before ctx: then what
// was broken is healed, and the run ends in order.
func (c *conductor) phases(ctx, loading context.Context) {
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	gated, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(loading, func() { stop(context.Cause(loading)) })()
	go c.watch(ctx, abort)
	begin := []phase{
		{"start", c.ready},
		{"topics", c.load.Setup},
		{"load", c.load.Start},
	}
	before := []phase{
		{"warm-up", c.warmUp},
		{"faults", c.faults},
		{"cool-down", c.coolDown},
	}
	after := []phase{
		{"converge", c.within(c.settled)},
		{"drain", c.within(c.load.StopLoad)},
		{"transactions", c.within(c.load.Undecided)},
		{"barriers", c.within(c.load.Barrier)},
		{"leader tour", c.tour},
		{"scan", c.within(c.load.Scan)},
		{"readers", c.within(c.load.StopReaders)},
	}
	after = slices.DeleteFunc(after, func(p phase) bool {
		return p.name == "leader tour" && !c.cfg.Plan.LeaderTour || p.name == "transactions" && !c.cfg.Plan.Transactional()
	})
	if len(c.cfg.Plan.Groups) > 0 {
		after = append(after, phase{"groups", c.within(c.load.StopGroups)})
	}
	for _, p := range begin {
		if err := c.run(ctx, p); err != nil {
			return
		}
	}
	for _, p := range before {
		if err := c.run(gated, p); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return
	}
	for _, p := range after {
		if err := c.run(ctx, p); err != nil && p.name == "barriers" {
			return // there is nothing to read to
		}
	}
}

// run executes one phase and notes its trouble.
func (c *conductor) run(ctx context.Context, p phase) error {
	c.cfg.Progress.Event("phase", p.name)
	err := p.do(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errViolation) {
		return err // it was asked for, and is told already
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		if c.tails == nil && !errors.Is(context.Cause(ctx), context.Canceled) {
			c.tails = nodeLogs(c.cluster.LogTails())
		}
		c.incident(p.name, err)
	}
	return err
}

// nodeLogs is what the nodes said last, for the report.
func nodeLogs(tails []process.LogTail) []report.NodeLog {
	logs := make([]report.NodeLog, len(tails))
	for i, t := range tails {
		logs[i] = report.NodeLog{Node: t.Node, File: t.File, Lines: t.Lines}
	}
	return logs
}

// within bounds a phase by the plan's limit of convergence.
func (c *conductor) within(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(c.cfg.Plan.Limits.Converge))
		defer cancel()
		return do(ctx)
	}
}

// warmUp waits until the load has held its floor.
func (c *conductor) warmUp(ctx context.Context) error { return c.holdPhase(ctx, plan.WarmUp) }

// coolDown lets the load go on at its floor after the last heal.
func (c *conductor) coolDown(ctx context.Context) error { return c.holdPhase(ctx, plan.CoolDown) }

// holdPhase waits until the load has held its floor for as long as the phase asks.
func (c *conductor) holdPhase(ctx context.Context, name string) error {
	p, ok := c.cfg.Plan.Phase(name)
	if !ok {
		return nil
	}
	within := time.Duration(p.Within)
	if within == 0 {
		within = time.Duration(p.Hold) + time.Duration(c.cfg.Plan.Limits.Converge)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.floorHeld(ctx, time.Duration(p.Hold))
}

func (c *conductor) faults(ctx context.Context) error {
	if len(c.cfg.Plan.Timeline) == 0 {
		return nil
	}
	nemesis, err := c.nemesis(func(ctx context.Context, hold time.Duration) error {
		// What strikes a cluster that has not got over the fault before shows neither of them.
		if err := c.within(c.settled)(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, hold+time.Duration(c.cfg.Plan.Limits.Converge))
		defer cancel()
		return c.floorHeld(ctx, hold)
	})
	if err != nil {
		return err
	}
	return nemesis.Run(ctx)
}

// settled returns when every node answers and the cluster is whole again: all replicas in the ISR, and
// every broker tells the same.
func (c *conductor) settled(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	var topics []string
	for _, t := range c.cfg.Plan.Topics {
		topics = append(topics, t.Name)
	}
	if len(c.cfg.Plan.Groups) > 0 {
		topics = append(topics, "__consumer_offsets")
	}
	if c.cfg.Plan.Transactional() {
		topics = append(topics, "__transaction_state")
	}
	return c.cluster.WaitSettled(ctx, topics...)
}

// lookEvery is how often the gates look at the load.
const lookEvery = 50 * time.Millisecond

// floorHeld returns when the load has been at or above its floor for that long without a break.
func (c *conductor) floorHeld(ctx context.Context, hold time.Duration) error {
	floor := c.cfg.Plan.Floor.PerSecond
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var since time.Time
	for {
		now, snapshot := time.Now(), c.load.Snapshot()
		switch {
		case int64(snapshot.AckedLastSecond) < floor:
			since = time.Time{}
		case since.IsZero():
			since = now
		}
		if !since.IsZero() && now.Sub(since) >= hold {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the load did not hold its floor of %d acknowledged records/s for %v: %d in the last second, %d in flight: %w",
				floor, hold, snapshot.AckedLastSecond, snapshot.InFlight, ctx.Err())
		}
	}
}

// watch reports the load several times a second until ctx ends, and aborts the run when a node has
// ended by itself, or when nothing can be recorded: nothing that follows could be believed.
func (c *conductor) watch(ctx context.Context, abort context.CancelCauseFunc) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if exits := c.cluster.Exits(); len(exits) > 0 {
				abort(errors.New("a node ended by itself"))
				return
			}
			if c.recorder.Err() != nil { // it is told when the recorder is closed
				abort(errors.New("the history cannot be written any more"))
				return
			}
			if s := c.load.Snapshot(); s.Intended > 0 {
				c.cfg.Progress.Status(statusLine(s))
			}
		case <-ctx.Done():
			return
		}
	}
}

func statusLine(s loadgen.Snapshot) string {
	line := fmt.Sprintf("%d records/s acknowledged, %d in all, %d in flight, %d read", s.AckedLastSecond, s.Acked, s.InFlight, s.Received)
	if s.Processed > 0 {
		line += fmt.Sprintf(", %d processed by groups", s.Processed)
	}
	if p99, ok := s.Response.Percentile(99); ok {
		line += fmt.Sprintf(", p99 %v", p99.Round(10*time.Microsecond))
	}
	return line
}
