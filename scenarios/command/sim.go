package command

import (
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
	"github.com/spf13/cobra"
)

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
		if _, err := c.seed(cfg); err != nil {
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
