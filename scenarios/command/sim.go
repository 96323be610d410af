package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/linearize"
	"github.com/spf13/cobra"
)

// markSeedsMin is the number of seeds from which on a campaign must have met every reach mark.
const markSeedsMin = 40

// simFlags are those of logproof sim.
type simFlags struct {
	seed  int64
	seeds string
	bugs  string
	span  time.Duration
	// plot in place of the swarm; "" for none.
	plot  string
	trace bool
	// events tells everything that nodes say of themselves.
	events bool
	// groups lets every seed have consumer groups.
	groups bool
	// transactions lets every seed have transactions.
	transactions bool
	// bulk lets every seed have the load of the bulk of a soak.
	bulk bool
	// scenario by name or file; "" for none.
	scenario string
}

// swarm reports whether the seeds draw everything, so that many of them must meet everything.
func (f simFlags) swarm() bool {
	return f.bugs == "" && f.plot == "" && f.scenario == "" && !f.groups && !f.transactions && !f.bulk
}

func newSim(stdout, stderr io.Writer) *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim [scenario]",
		Short: "Simulate whole nodes, disks, network and clients under one seed",
		Long: `Run the broker's own actors in a simulated world: every packet, sync, timer and fault is drawn from
the seed, and the same seed gives the same run. The history is judged by the same rules as a real one.
With a scenario its load and its timeline are simulated; without one the seed draws both.
The trace hash at the end covers every event: two runs with equal hashes were the same.`,
		Example: `  logproof sim --seed 7
  logproof sim --seed 7 --trace              # the story of one record and one crash
  logproof sim --seeds 0..499
  logproof sim --seeds 0..99 --groups        # consumer groups in all of them
  logproof sim --seeds 0..99 --transactions  # transactions in all of them
  logproof sim demo                          # the load and faults of a scenario
  logproof sim --seeds 0..49 --bug no-dedupe # prints the seeds that find it; exit code 1`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.scenario = args[0]
			}
			return runSim(cmd.Context(), f, stdout, stderr)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.seed, "seed", 0, "the one `seed` to run")
	flags.StringVar(&f.seeds, "seeds", "", "a `range` of seeds to run, first..last")
	flags.StringVar(&f.bugs, "bug", "", "`names` of bugs to plant in the broker, comma-separated: "+bugNames())
	flags.DurationVar(&f.span, "for", time.Minute, "simulated `time` of load and faults")
	flags.BoolVar(&f.trace, "trace", false, "tell the story of one record, of one crash and, with groups, of one rebalance")
	flags.StringVar(&f.plot, "plot", "", "the only `plot` of the faults: "+strings.Join(sim.Plots(), ", "))
	flags.BoolVar(&f.groups, "groups", false, "let every seed have consumer groups (default: one swarm in five has)")
	flags.BoolVar(&f.transactions, "transactions", false, "let every seed have transactions (default: one swarm in five has)")
	flags.BoolVar(&f.bulk, "bulk", false, "let every seed have the large batches with which logproof soak counts records")
	flags.BoolVar(&f.events, "events", false, "tell every event of every node, and every fault")
	cmd.MarkFlagsMutuallyExclusive("seed", "seeds")
	cmd.MarkFlagsMutuallyExclusive("events", "seeds")
	cmd.MarkFlagsMutuallyExclusive("events", "trace")
	cmd.MarkFlagsMutuallyExclusive("trace", "seeds")
	return cmd
}

// campaign is what some seeds gave together.
type campaign struct {
	out     io.Writer
	flags   simFlags
	verdict verify.Verdict
	seeds   int
	events  uint64
	hash    uint64
	marks   sim.Marks
	virtual time.Duration
	// contradictions between porcupine and the rules.
	contradictions []string
}

func runSim(ctx context.Context, f simFlags, stdout, stderr io.Writer) error {
	bugs, err := bug.Parse(f.bugs)
	if err != nil {
		return usage("--bug: %w", err)
	}
	if f.span <= 0 {
		return usage("--for %v: the time must be positive", f.span)
	}
	first, last := f.seed, f.seed
	if f.seeds != "" {
		if first, last, err = parseSeeds(f.seeds); err != nil {
			return err
		}
	}
	c := campaign{out: stdout, flags: f, verdict: verify.Pass}
	began := time.Now()
	p := newProgress(stderr)
	defer p.Done()
	for seed := first; ; seed++ {
		if ctx.Err() != nil {
			p.Done()
			fmt.Fprintf(stdout, "stopped before seed %d of %s\n", seed, f.seeds)
			c.conclude(time.Since(began)) // what was done until then counts
			return ctx.Err()
		}
		if f.seeds != "" {
			p.Status(c.progress(seed, last, time.Since(began)))
		}
		cfg, err := simConfig(seed, f)
		if err != nil {
			return err
		}
		cfg.Bugs, cfg.Plot = bugs, f.plot
		if f.groups {
			cfg.Groups = sim.WithGroups
		}
		if f.transactions {
			cfg.Transactions = sim.WithTransactions
		}
		if f.bulk {
			cfg.Load = bulk
		}
		if f.events {
			cfg.Events = func(l sim.Line) { tell(stdout, l) }
		}
		if f.trace {
			cfg.Story = func(l sim.Line) { tell(stdout, l) }
		}
		if err := cfg.Validate(); err != nil {
			return usage("%w", err)
		}
		if err := c.run(cfg); err != nil {
			return environment(err)
		}
		if seed == last { // not <=: the last seed may be the largest number
			break
		}
	}
	return c.conclude(time.Since(began))
}

// simConfig is what the flags ask for: what the seed draws, or the load and the timeline of a plan.
func simConfig(seed int64, f simFlags) (sim.Config, error) {
	cfg := sim.Campaign(seed)
	cfg.Duration = f.span
	if f.scenario == "" {
		return cfg, nil
	}
	p, err := makePlan(f.scenario, runFlags{seed: seed, placement: string(timeline.Sim)})
	if err != nil {
		return cfg, err
	}
	if cfg, err = run.Simulation(p); err != nil {
		return cfg, usage("%w", err)
	}
	cfg.Duration = min(f.span, cfg.Duration)
	return cfg, nil
}

// parseSeeds reads first..last.
func parseSeeds(text string) (first, last int64, err error) {
	from, to, ok := strings.Cut(text, "..")
	if ok {
		if first, err = strconv.ParseInt(from, 10, 64); err == nil {
			last, err = strconv.ParseInt(to, 10, 64)
		}
	}
	if !ok || err != nil || first > last {
		return 0, 0, usage("--seeds %q: want first..last, as 0..499", text)
	}
	return first, last, nil
}

// tell prints one line of a story, and under it what it means.
func tell(out io.Writer, l sim.Line) {
	fmt.Fprintf(out, "%12v  %-10s  %s\n", l.At.Round(time.Microsecond), l.Who, l.Text)
	if l.Why != "" {
		fmt.Fprintf(out, "%26s. %s\n", "", l.Why)
	}
}

// seedOutcome is what one seed gave.
type seedOutcome struct {
	result  sim.Result
	report  verify.Report
	opinion linearize.Result
	verdict verify.Verdict
	// file is the recorded history, which was judged with expect.
	file   []byte
	expect verify.Expect
}

// run simulates and judges one seed.
func (c *campaign) run(cfg sim.Config) error {
	_, err := c.seed(cfg)
	return err
}

// seed simulates and judges one seed, and tells of it what is worth telling.
func (c *campaign) seed(cfg sim.Config) (seedOutcome, error) {
	s, err := simulate(cfg)
	if err == nil {
		c.take(cfg, s)
	}
	return s, err
}

// take adds a seed that was simulated to the campaign, and tells of it what is worth telling.
func (c *campaign) take(cfg sim.Config, s seedOutcome) {
	c.seeds++
	c.events += s.result.Events
	c.virtual += s.result.Virtual
	c.hash = c.hash*1099511628211 ^ s.result.Hash
	c.marks.Add(s.result.Marks)
	c.contradictions = append(c.contradictions, s.opinion.Contradictions...)
	c.verdict = verify.Worst(c.verdict, s.verdict)
	if c.flags.seeds == "" || s.verdict != verify.Pass {
		fmt.Fprintf(c.out, "seed %d: %s: %d records acknowledged, %d faults, %d events in %v\n",
			cfg.Seed, s.verdict, s.report.Counters.RecordsAcked, s.result.Faults, s.result.Events, s.result.Virtual.Round(time.Millisecond))
	}
	if s.verdict != verify.Pass {
		c.explain(cfg, s.result, s.report)
	}
}

// findings says when each class was first found in the history, to the operation.
func (s seedOutcome) findings() ([]verify.Finding, error) {
	src, err := history.NewReader(bytes.NewReader(s.file))
	if err != nil {
		return nil, err
	}
	return run.Watched(src, s.expect, 1)
}

// windowsMax is in how many windows of a seed porcupine looks.
const windowsMax = 8

// simulate runs one seed with its history in memory, and judges that.
func simulate(cfg sim.Config) (s seedOutcome, err error) {
	var file bytes.Buffer
	never := func() history.Time { return 1 } // the simulation stamps what it records
	rec, err := history.NewRecorder(&file, history.Meta{Scenario: "sim", Seed: cfg.Seed}, never)
	if err != nil {
		return s, err
	}
	s.result, err = sim.Run(cfg, rec)
	if closed := rec.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return s, err
	}
	open := func() (linearize.Source, error) { return history.NewReader(bytes.NewReader(file.Bytes())) }
	expect := verify.Expect{
		Partitions: s.result.Partitions(), Groups: s.result.Groups, Idempotent: true, MinAcked: 1, MinRead: 1,
		Faults: s.result.Faults, RequireScan: true, RequireAttempts: true,
		Transactions: s.result.TransactionTimeout > 0, TransactionTimeout: s.result.TransactionTimeout, ExactlyOnce: transforms(s.result),
	}
	src, err := open()
	if err != nil {
		return s, err
	}
	if s.report, err = verify.Check(src, expect); err != nil {
		return s, err
	}
	if s.report.Verdict == verify.Fail { // porcupine looks at the evidence
		if src, err = open(); err == nil {
			err = verify.Explain(src, &s.report)
		}
		if err != nil {
			return s, err
		}
	}
	s.file, s.expect = file.Bytes(), expect
	if s.opinion, err = linearize.Check(open, s.report, linearize.Config{Expect: expect, Seed: cfg.Seed, Windows: windowsMax}); err != nil {
		return s, err
	}
	line := s.opinion.RuleResult()
	s.report.Rules = append(s.report.Rules, line)
	s.report.Verdict = verify.Worst(s.report.Verdict, line.Verdict)
	s.verdict = s.report.Verdict
	if len(s.result.Violations) > 0 || len(s.result.Pending) > 0 {
		s.verdict = verify.Fail
	}
	return s, nil
}

// transforms of a run as verify names them.
func transforms(result sim.Result) (all []verify.Transform) {
	for _, t := range result.Transforms {
		all = append(all, verify.Transform{Group: t.Group, Inputs: t.Inputs, Outputs: t.Outputs})
	}
	return all
}

// explain says what is wrong with a seed, and how to see it again.
func (c *campaign) explain(cfg sim.Config, result sim.Result, report verify.Report) {
	for _, rule := range report.Rules {
		for i, a := range rule.Anomalies {
			if i == 2 {
				fmt.Fprintf(c.out, "  %s: %d anomalies in all\n", rule.Rule, rule.Total)
				break
			}
			fmt.Fprintf(c.out, "  %s %s: %s\n", rule.Rule, a.Class, a.Text)
		}
		if rule.Asked && rule.Verdict == verify.Inconclusive {
			fmt.Fprintf(c.out, "  %s is inconclusive: %s\n", rule.Rule, rule.Skipped)
		}
	}
	for _, a := range report.Assumptions {
		if a.Verdict != verify.Pass {
			fmt.Fprintf(c.out, "  assumption %s: %s\n", a.Name, a.Detail)
		}
	}
	for i, v := range result.Violations {
		if i == 3 {
			fmt.Fprintf(c.out, "  and %d more violations of invariants\n", len(result.Violations)-i)
			break
		}
		fmt.Fprintf(c.out, "  invariant at %v\n", v)
	}
	for _, p := range result.Pending {
		fmt.Fprintf(c.out, "  pending: %s\n", p)
	}
	replay := fmt.Sprintf("%s sim --seed %d --for %v --trace", program(), cfg.Seed, c.flags.span)
	if c.flags.scenario != "" {
		replay += " " + c.flags.scenario
	}
	if c.flags.plot != "" {
		replay += " --plot " + c.flags.plot
	}
	if c.flags.groups {
		replay += " --groups"
	}
	if c.flags.transactions {
		replay += " --transactions"
	}
	if c.flags.bulk {
		replay += " --bulk"
	}
	if c.flags.bugs != "" {
		replay += " --bug " + c.flags.bugs
	}
	fmt.Fprintf(c.out, "  replay: %s\n", replay)
}

// progress says how far a campaign is, and how long the rest will take.
func (c *campaign) progress(seed, last int64, took time.Duration) string {
	text := fmt.Sprintf("seed %d, %s after %d, %v simulated", seed, c.verdict, c.seeds, c.virtual.Round(time.Second))
	if c.seeds > 0 {
		left := time.Duration(float64(took) / float64(c.seeds) * float64(last-seed+1))
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return text
}

// conclude prints the verdict of all seeds and turns it into an exit code.
func (c *campaign) conclude(took time.Duration) error {
	if c.flags.seeds != "" {
		for i, n := range c.marks {
			fmt.Fprintf(c.out, "%10d  %s\n", n, sim.Mark(i))
		}
	}
	if missed := c.marks.Missed(); c.seeds >= markSeedsMin && c.flags.swarm() && len(missed) > 0 {
		c.verdict = verify.Worst(c.verdict, verify.Fail)
		for _, m := range missed {
			fmt.Fprintf(c.out, "no seed reached %q: what depends on it was not tried\n", m.String())
		}
	}
	fmt.Fprintf(c.out, "verdict: %s\ntrace hash: %016x\n", c.verdict, c.hash)
	fmt.Fprintf(c.out, "%d seeds, %v simulated, %d events, %.0f events/s\n",
		c.seeds, c.virtual.Round(time.Second), c.events, float64(c.events)/max(took.Seconds(), 1e-9))
	return conclude(c.verdict, c.contradictions, "seeds printed above")
}
