package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/spf13/cobra"
)

// runFlags are shared by run, demo and plan.
type runFlags struct {
	seed int64
	bugs string
	dir  string
	json bool
	// metrics is where the run is shown while it goes on; stop ends its load at the first violation.
	metrics string
	stop    bool
	// placement in place of the scenario's; "" leaves that.
	placement string
}

func (f *runFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Int64Var(&f.seed, "seed", 1, "seed of everything that is drawn")
	flags.StringVar(&f.bugs, "bug", "", "`names` of bugs to plant in the broker, comma-separated: "+bugNames())
	flags.StringVar(&f.placement, "placement", "", "where the nodes run, in place of what the scenario says: process, container, or sim for virtual time")
	flags.StringVar(&f.dir, "dir", "", "run `directory`, must not exist (default runs/<scenario>-<time>)")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
}

func newRun(stdout, stderr io.Writer) *cobra.Command {
	var f runFlags
	var profile string
	var list bool
	cmd := &cobra.Command{
		Use:   "run <scenario>",
		Short: "Run a scenario, or a profile of several: load, break, record, judge",
		Long: `Run a scenario from a file, or one of those in the program: ` + strings.Join(scenarios.Names(), ", ") + `.

The verdict comes first, then the numbers; everything the run did is in its directory.

Profiles are several scenarios and seeds of the simulator with one verdict, the worst of them:
` + profileHelp(),
		Example: `  logproof run demo
  logproof run my-scenario.yaml --seed 7
  logproof run demo --json | jq .verdict
  logproof run chaos-mix --stop-on-violation --metrics 127.0.0.1:9464
  logproof run --profile smoke
  logproof run --list`,
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case list:
				return printScenarios(stdout)
			case profile == "":
				if err := exactlyOne("a scenario")(cmd, args); err != nil {
					return usage("%w", err)
				}
				return runScenario(cmd.Context(), args[0], f, stdout, stderr)
			case len(args) > 0:
				return usage("--profile %s and the scenario %s: a profile has its own scenarios; name one or the other", profile, args[0])
			}
			found, err := findProfile(profile)
			if err != nil {
				return err
			}
			return runProfile(cmd.Context(), found, f, stdout, stderr)
		},
	}
	f.add(cmd)
	f.watch(cmd)
	cmd.Flags().StringVar(&profile, "profile", "", "a `name` in place of a scenario: see above")
	cmd.Flags().BoolVar(&list, "list", false, "list the scenarios and profiles in the program, and do nothing")
	return cmd
}

func newDemo(stdout, stderr io.Writer) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The main job in ten seconds: load a cluster, kill a leader, see whether it kept its word",
		Long: `Start three brokers and three controllers, each in a process of its own, load them, kill the leader
of a partition with SIGKILL in the middle, start it again, read everything back and judge what every
client saw. It is "logproof run demo": see the scenario with "logproof plan demo". With --bug it is the
scenario in which that planted bug shows: see it with "logproof plan bug-ack-early".`,
		Example: `  logproof demo
  logproof demo --bug ack-early; echo $?          # prints 1: acknowledged records were lost
  logproof demo --bug ack-before-write; echo $?   # the same of one broker that loses power`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name, err := demoOf(f.bugs)
			if err != nil {
				return err
			}
			return runScenario(cmd.Context(), name, f, stdout, stderr)
		},
	}
	f.add(cmd)
	f.watch(cmd)
	return cmd
}

// watch adds the flags of what is judged while it goes on.
func (f *runFlags) watch(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.metrics, "metrics", "", "serve /metrics for Prometheus on this `address` while the run goes on: what was judged, and each anomaly by rule and class")
	cmd.Flags().BoolVar(&f.stop, "stop-on-violation", false, "stop the load at the first violation, then heal and judge as always")
}

// demoOf is the scenario that shows a planted bug, or the demo where there is none.
func demoOf(bugs string) (string, error) {
	planted, err := bug.Parse(bugs)
	if err != nil {
		return "", usage("--bug: %w", err)
	}
	if len(planted) > 1 {
		return "", usage("--bug %s: the demo shows one bug at a time; plant several with %s run <scenario> --bug %s", bugs, program(), bugs)
	}
	for name := range planted {
		if scenario := "bug-" + string(name); slices.Contains(scenarios.Names(), scenario) {
			return scenario, nil
		}
		return "", usage("--bug %s: no scenario on processes shows it, as it needs an order of events that only the simulator makes: %s sim --seeds 0..99 --bug %s",
			name, program(), name)
	}
	return "demo", nil
}

func exactlyOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes %s, got %d arguments; see %s --help", cmd.CommandPath(), what, len(args), cmd.CommandPath())
		}
		return nil
	}
}

func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return scenarios.Names(), cobra.ShellCompDirectiveDefault
}

// makePlan reads a scenario, from a file or by the name of one in the program, and plans it.
func makePlan(name string, f runFlags) (plan.Plan, error) {
	s, err := loadSpec(name)
	if err != nil {
		return plan.Plan{}, err
	}
	rules, err := disk.Parse(s.Disk)
	if err != nil {
		return plan.Plan{}, usage("%w", s.Errorf("disk", "%v", err))
	}
	bugs, err := bug.Parse(f.bugs)
	if err != nil {
		return plan.Plan{}, usage("--bug: %w", err)
	}
	var names []string
	for name := range bugs {
		names = append(names, string(name))
	}
	placement := timeline.Placement(f.placement)
	if placement != "" && !slices.Contains(timeline.Placements(), placement) {
		return plan.Plan{}, usage("--placement %s: want one of %v", f.placement, timeline.Placements())
	}
	p, err := plan.Make(s, f.seed, plan.Overrides{Bugs: names, Placement: placement})
	if err != nil {
		return plan.Plan{}, usage("%w", err)
	}
	losesPower := slices.ContainsFunc(p.Timeline, func(f timeline.Fault) bool { return f.Kind == timeline.PowerLoss })
	if losesPower && p.Placement != timeline.Sim && !rules.LoseUnsynced {
		return plan.Plan{}, usage("%w", s.Errorf("disk", "%s takes away what a node had not synced, and its disk keeps everything: write disk: lose-unsynced", timeline.PowerLoss))
	}
	if p.Placement == timeline.Sim {
		if _, err := run.Simulation(p); err != nil {
			return plan.Plan{}, usage("%w", err)
		}
	}
	return p, nil
}

func loadSpec(name string) (s spec.Spec, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "/.") {
		if s, err = spec.Load(scenarios.Files(), name+".yaml"); err != nil {
			return s, usage("%w", err)
		}
		return s, nil
	}
	if err != nil {
		return s, usage("read the scenario: %w", err)
	}
	if s, err = spec.Parse(name, text); err != nil {
		return s, usage("%w", err)
	}
	return s, nil
}

func runScenario(ctx context.Context, name string, f runFlags, stdout, stderr io.Writer) error {
	p, err := makePlan(name, f)
	if err != nil {
		return err
	}
	if p.Placement == timeline.Sim && (f.stop || f.metrics != "") {
		return usage("--stop-on-violation and --metrics are for runs that take their time: a simulated run is over before anybody could look")
	}
	if f.dir == "" {
		f.dir = freeDir(filepath.Join("runs", p.Scenario+"-"+time.Now().Format("20060102-150405")))
	}
	progress := newProgress(stderr)
	began := time.Now()
	result, err := executeAs(ctx, run.Config{Plan: p, Dir: f.dir, Progress: progress, Metrics: f.metrics, StopOnViolation: f.stop})
	progress.Done()
	if err != nil {
		return err
	}
	if ctx.Err() == nil { // an interrupted run says nothing about the scenario
		noteRun(progress, filepath.Dir(f.dir), entry{p.Scenario, "", f, result.Verdict(), result.Headline(), time.Since(began), f.dir})
	}
	return show(result, f.json, stdout)
}

// freeDir adds a number to a name that is taken.
func freeDir(dir string) string {
	free := dir
	for i := 2; ; i++ {
		if _, err := os.Lstat(free); errors.Is(err, fs.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d", dir, i)
	}
}

// execute runs a plan with this program as the broker.
func execute(ctx context.Context, p plan.Plan, dir string, progress run.Progress) (report.Run, error) {
	return executeAs(ctx, run.Config{Plan: p, Dir: dir, Progress: progress})
}

// executeAs adds to a configuration what all runs of this program have.
func executeAs(ctx context.Context, cfg run.Config) (report.Run, error) {
	binary, err := os.Executable()
	if err != nil {
		return report.Run{}, environment(fmt.Errorf("find this program: %w", err))
	}
	ledger, err := ledgerDir()
	if err != nil {
		return report.Run{}, environment(err)
	}
	cfg.Binary, cfg.Program, cfg.Ledger = binary, program(), ledger
	result, err := run.Run(ctx, cfg)
	if err != nil {
		return result, environment(err)
	}
	return result, nil
}

// program is how this program was called: what suggestions begin with.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ."
	}
	return os.Args[0]
}

// ledgerDir is where running harnesses are noted, one place for all runs of a user.
func ledgerDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the ledger of running processes: %w; set XDG_CACHE_HOME or HOME", err)
	}
	return filepath.Join(cache, "logproof", "ledger"), nil
}

// show prints the result and turns its verdict into an exit code.
func show(r report.Run, asJSON bool, stdout io.Writer) error {
	var err error
	if asJSON {
		err = report.ResultJSON(stdout, r)
	} else {
		err = report.Text(stdout, r, report.Style{Width: terminalWidth(stdout), Colour: report.Colours(isTerminal(stdout), os.Getenv)})
	}
	if err != nil {
		return environment(fmt.Errorf("print the result: %w", err))
	}
	return conclude(r.Verdict(), r.Linearizable.Contradictions, r.Dir)
}
