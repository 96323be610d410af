package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/tally"
	"github.com/logproof/logproof/verify"
)

// soakCount is what has been judged without a false alarm.
type soakCount struct {
	records, real, operations, faults int64
}

// The parts of a soak, as the tally names them. The first is the scenario of that name.
const (
	soakReal  = "soak"
	soakBulk  = "soak-bulk"
	soakSwarm = "soak-swarm"
)

// soakVain is how many runs in a row may prove nothing.
const soakVain = 3

// soak is one session of it.
type soak struct {
	flags    soakFlags
	stdout   io.Writer
	progress *progress
	done     soakCount
	// next seed of each part.
	next map[string]int64
	runs int
	vain int
}

func (s *soak) run(ctx context.Context) error {
	if err := s.resume(); err != nil {
		return err
	}
	defer s.progress.Done()
	for began := time.Now(); ; {
		part := s.part()
		if part == "" || ctx.Err() != nil || time.Since(began) >= s.flags.span {
			break
		}
		s.progress.Status(fmt.Sprintf("%s, seed %d: %s", part, s.next[part], s.done.of(s.flags.goal)))
		if err := s.one(ctx, part); err != nil {
			s.conclude()
			return err
		}
	}
	s.conclude()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.part() != "" {
		fmt.Fprintf(s.stdout, "the time is over: the next soak goes on from here\n")
	}
	return nil
}

// resume takes what former soaks have judged from the tally.
func (s *soak) resume() error {
	s.next = map[string]int64{soakReal: 1, soakBulk: 1, soakSwarm: 1}
	if err := os.MkdirAll(s.flags.dir, 0o755); err != nil {
		return environment(err)
	}
	data, err := os.ReadFile(filepath.Join(s.flags.dir, tally.File))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return environment(err)
	}
	lines, warnings, err := tally.Read(bytes.NewReader(data))
	if err != nil {
		return environment(err)
	}
	for _, w := range warnings {
		s.progress.Event("warning", w)
	}
	for _, l := range lines {
		if s.next[l.Scenario] == 0 {
			continue // not a soak's
		}
		if l.Verdict == verify.Fail {
			continue // whoever goes on has found why: its seeds are tried again
		}
		s.next[l.Scenario] = max(s.next[l.Scenario], l.Seed+s.seedsOf(l.Scenario))
		if l.Verdict == verify.Pass {
			s.done.add(l)
		}
	}
	return nil
}

// add counts a run that passed.
func (c *soakCount) add(l tally.Line) {
	c.records += l.Records
	c.operations += l.Operations
	c.faults += l.Faults
	if l.Scenario == soakReal {
		c.real += l.Records
	}
}

// of says how far it is for people.
func (c soakCount) of(goal soakCount) string {
	return fmt.Sprintf("%.3g of %.3g records, %.3g of %.3g on processes, %.3g of %.3g operations, %d faults",
		float64(c.records), float64(goal.records), float64(c.real), float64(goal.real), float64(c.operations), float64(goal.operations), c.faults)
}

// part is what is run next: that which is furthest from its goal, "" if all are reached.
func (s *soak) part() string {
	part, least := "", 1.0
	for _, p := range []struct {
		name       string
		done, goal int64
	}{
		{soakReal, s.done.real, s.flags.goal.real},
		{soakBulk, s.done.records, s.flags.goal.records},
		{soakSwarm, s.done.operations, s.flags.goal.operations},
	} {
		if share := float64(p.done) / float64(max(p.goal, 1)); p.goal > 0 && share < least {
			part, least = p.name, share
		}
	}
	return part
}

// one runs a part once and adds it to the tally; the error ends the soak.
func (s *soak) one(ctx context.Context, part string) error {
	began := time.Now()
	line := tally.Line{Scenario: part, Seed: s.next[part], Placement: "sim"}
	var err error
	if part == soakReal {
		line.Placement = "process"
		err = s.real(ctx, &line)
	} else {
		err = s.seeds(ctx, part, &line)
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	if err := tally.Append(s.flags.dir, complete(line, time.Since(began))); err != nil {
		return environment(err)
	}
	return s.take(part, line)
}

// take counts a run; the error ends the soak.
func (s *soak) take(part string, line tally.Line) error {
	s.runs++
	s.vain++
	switch line.Verdict {
	case verify.Pass:
		s.done.add(line)
		s.next[part] += s.seedsOf(part)
		s.vain = 0
		return nil
	case verify.Fail:
		fmt.Fprintf(s.stdout, "%s, seed %d: %s\n", part, line.Seed, line.Headline)
		return verdict(ExitFail)
	}
	s.next[part] += s.seedsOf(part)
	fmt.Fprintf(s.stdout, "%s, seed %d proved nothing and does not count: %s\n", part, line.Seed, line.Headline)
	if s.vain >= soakVain {
		return verdict(ExitInconclusive)
	}
	return nil
}

// real runs the scenario soak on processes. Its directory is kept only if it did not pass.
func (s *soak) real(ctx context.Context, line *tally.Line) error {
	p, err := makePlan(soakReal, runFlags{seed: line.Seed})
	if err != nil {
		return err
	}
	dir := freeDir(filepath.Join(s.flags.dir, fmt.Sprintf("%s-%d", soakReal, line.Seed)))
	r, err := execute(ctx, p, dir, s.progress)
	if err != nil {
		return err
	}
	line.Verdict, line.Headline, line.Dir = r.Verdict(), r.Headline(), dir
	line.Records, line.Operations, line.Faults = r.Report.RecordsScanned, r.Report.Operations, faultsOf(p)
	if line.Verdict == verify.Pass {
		line.Dir = ""
		if err := os.RemoveAll(dir); err != nil {
			return environment(err)
		}
	}
	return nil
}

// faultsOf a plan: a run that passes has had all of them.
func faultsOf(p plan.Plan) int64 { return int64(len(p.Timeline)) }

// seedsOf is how many seeds a line of the tally stands for.
func (s *soak) seedsOf(part string) int64 {
	if part == soakReal {
		return 1
	}
	return s.flags.seeds
}

// seeds simulates as many seeds as a line of the tally stands for. A process has one simulation at a time; what it
// recorded is judged while the next one runs.
func (s *soak) seeds(ctx context.Context, part string, line *tally.Line) error {
	c := campaign{out: s.stdout, flags: simFlags{seeds: part, span: s.flags.each, bulk: part == soakBulk}, verdict: verify.Pass}
	cfgs := make([]sim.Config, s.flags.seeds)
	for i := range cfgs {
		cfgs[i] = sim.Campaign(line.Seed + int64(i))
		cfgs[i].Duration = s.flags.each
		if c.flags.bulk {
			cfgs[i].Load = bulk
		}
	}
	outs, errs := make([]seedOutcome, len(cfgs)), make([]error, len(cfgs))
	var workers sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(cfgs)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				outs[i], errs[i] = simulate(cfgs[i])
				outs[i].file = nil // it is large, and judged
			}
		})
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return environment(err)
	}
	if ctx.Err() != nil {
		return nil // some were not simulated
	}
	for i, out := range outs {
		c.take(cfgs[i], out)
		line.Records += out.report.RecordsScanned
		line.Operations += out.report.Operations
		line.Faults += int64(out.result.Faults)
		if c.verdict != verify.Pass {
			line.Verdict, line.Headline = c.verdict, fmt.Sprintf("the simulator's seed %d, see above", cfgs[i].Seed)
			return nil
		}
	}
	line.Verdict, line.Headline = c.verdict, fmt.Sprintf("seeds %d to %d", line.Seed, line.Seed+s.flags.seeds-1)
	return nil
}

// bulk is a load of large batches: what the simulator pays for is events, and there are few for many records.
var bulk = sim.Load{
	Partitions: 4, Producers: 2, Readers: 1, Rate: pace.PerSecond(20_000), RecordSize: 64, Linger: 100 * time.Millisecond, BatchRecords: 2_000,
	SegmentBytes: 1 << 20,
}

// conclude prints what has been judged.
func (s *soak) conclude() {
	s.progress.Done()
	fmt.Fprintf(s.stdout, "%d runs; judged without a false alarm so far, with those before: %s\n", s.runs, s.done.of(s.flags.goal))
	fmt.Fprintf(s.stdout, "seeds: %s below %d, %s below %d, %s below %d; %s has each run\n",
		soakReal, s.next[soakReal], soakBulk, s.next[soakBulk], soakSwarm, s.next[soakSwarm], filepath.Join(s.flags.dir, tally.File))
}
