package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
	"github.com/spf13/cobra"
)

func newKnownBugs(stdout, stderr io.Writer) *cobra.Command {
	var rounds int
	var only []string
	var seed int64
	var keep, readme string
	cmd := &cobra.Command{
		Use:   "known-bugs",
		Short: "Prove the verifier: plant each known bug and see whether it is caught",
		Long: `Run each scenario that exists to catch a planted bug on real processes, and hunt every planted bug in
the simulator with the seed that shows it; each time with the bug and without it. It fails when a bug
is missed, when it is caught as another anomaly than expected, or when the broker without a bug is
accused of anything.`,
		Example: `  logproof known-bugs
  logproof known-bugs --only ack-before-write --rounds 20`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h := hunt{stdout: stdout, stderr: stderr, rounds: rounds, seed: seed, keep: keep, readme: readme}
			return h.all(cmd.Context(), only)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&rounds, "rounds", 1, "how often each bug is hunted")
	flags.StringSliceVar(&only, "only", nil, "`bugs` to hunt, comma-separated (default all): "+bugNames())
	flags.Int64Var(&seed, "seed", 1, "seed of the first round; the next rounds count up")
	flags.StringVar(&readme, "readme", "", "`file` that gets the matrix between its lines "+matrixBegin+" and "+matrixEnd)
	flags.StringVar(&keep, "keep", "", "`directory` that keeps the run directories (default: only those that went wrong, in runs)")
	return cmd
}

// hunt runs the scenarios of planted bugs.
type hunt struct {
	stdout, stderr io.Writer
	rounds         int
	seed           int64
	keep           string
	// readme takes the matrix; "" for none.
	readme string
	// wrong runs did not end as they must, silent ones were without the bug.
	wrong, silent int
	kills         []kill
}

// quarry is one scenario with the bug that it catches.
type quarry struct {
	spec   spec.Spec
	expect spec.Expect
}

func (h *hunt) all(ctx context.Context, only []string) error {
	if h.rounds < 1 {
		return usage("--rounds %d: a bug that is not hunted is not caught; write 1 or more", h.rounds)
	}
	quarries, names, err := findQuarries(only)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "logproof-known-bugs-")
	if err != nil {
		return environment(err)
	}
	defer os.RemoveAll(scratch)
	if h.readme != "" && len(only) > 0 {
		return usage("--readme wants all bugs, and --only hunts some")
	}
	if h.keep == "" {
		h.keep = scratch
	}
	h.head()
	for _, q := range quarries {
		if err := h.one(ctx, q); err != nil {
			return err
		}
	}
	for _, name := range names {
		s, ok := sim.HuntOf(name)
		if !ok {
			return &exit{ExitInternal, fmt.Errorf("the simulator does not hunt the planted bug %s", name)}
		}
		if err := h.sim(ctx, name, s); err != nil {
			return err
		}
	}
	return h.conclude()
}

// conclude says whether every run ended as it must.
func (h *hunt) conclude() error {
	printMatrix(h.stdout, h.kills)
	if h.readme != "" {
		if err := intoReadme(h.readme, h.kills); err != nil {
			return err
		}
	}
	if h.wrong > 0 {
		fmt.Fprintf(h.stdout, "%d of the runs did not end as they must\n", h.wrong)
		return verdict(ExitFail)
	}
	fmt.Fprintf(h.stdout, "every planted bug was caught as what it is, and %d runs without bugs were accused of nothing\n", h.silent)
	return nil
}

// Where a bug is hunted: on real processes, or in the simulator.
const (
	onReal = "real"
	inSim  = "sim"
)

// findQuarries lists the bugs to hunt, all of which the simulator hunts, and the scenarios on processes of
// those that have one.
func findQuarries(only []string) (list []quarry, names []bug.Name, err error) {
	wanted, err := bug.Parse(strings.Join(only, ","))
	if err != nil {
		return nil, nil, usage("--only: %w", err)
	}
	byBug := map[bug.Name]quarry{}
	for _, name := range scenarios.Names() {
		s, err := spec.Load(scenarios.Files(), name+".yaml")
		if err != nil {
			return nil, nil, err
		}
		if s.Expect != nil {
			byBug[bug.Name(s.Expect.Bug)] = quarry{s, *s.Expect}
		}
	}
	for _, name := range bug.Names() {
		if len(wanted) > 0 && !wanted.Has(name) {
			continue
		}
		names = append(names, name)
		if q, real := byBug[name]; real {
			list = append(list, q)
		}
	}
	return list, names, nil
}

// one hunts a bug for all rounds, and then runs its scenario once without it.
func (h *hunt) one(ctx context.Context, q quarry) error {
	began := time.Now()
	k := kill{bug: bug.Name(q.expect.Bug), where: onReal, seed: h.seed, class: q.expect.Class, rounds: h.rounds, operations: -1}
	for round := range h.rounds {
		r, err := h.run(ctx, q, h.seed+int64(round), []string{q.expect.Bug}, func(r report.Run) bool { return isCaught(r, q.expect) })
		if err != nil {
			return err
		}
		if isCaught(r, q.expect) {
			k.caught++
		} else {
			k.instead = cmp.Or(firstClass(r.Report), k.instead)
		}
		if k.note == "" {
			k.note = firstAnomaly(r, q.expect)
			if err := k.real(r); err != nil {
				return environment(err)
			}
		}
	}
	k.took = time.Since(began)
	h.row(k)
	began = time.Now()
	r, err := h.run(ctx, q, h.seed, nil, passed)
	if err != nil {
		return err
	}
	h.clean(onReal, passed(r), began, r.Headline())
	return nil
}

// real looks through the recording of a run for who found what when.
func (k *kill) real(r report.Run) error {
	findings, err := run.Findings(r.Dir)
	if err == nil {
		k.killers(findings)
	}
	return err
}

// firstClass is what was found first in a report; "" for nothing.
func firstClass(r verify.Report) string {
	for _, result := range r.Rules {
		for _, a := range result.Anomalies {
			return string(a.Class)
		}
	}
	return ""
}

func passed(r report.Run) bool { return r.Verdict() == verify.Pass }

// isCaught reports whether the verdict is fail by the rule and class that the scenario expects, and
// nothing was found but that and its stated consequences.
func isCaught(r report.Run, expect spec.Expect) bool {
	found := false
	for _, result := range r.Report.Rules {
		for _, a := range result.Anomalies {
			expected := string(result.Rule) == expect.Rule && string(a.Class) == expect.Class
			if !expected && !slices.Contains(expect.Also, string(a.Class)) {
				return false
			}
			found = found || expected
		}
	}
	return found && r.Verdict() == verify.Fail
}

// firstAnomaly is the first one of the class that the scenario expects: its consequences say less.
func firstAnomaly(r report.Run, expect spec.Expect) string {
	first := ""
	for _, result := range r.Report.Rules {
		for _, a := range result.Anomalies {
			if string(a.Class) == expect.Class {
				return a.Text
			}
			first = cmp.Or(first, a.Text)
		}
	}
	return cmp.Or(first, r.Headline())
}

// run executes one scenario. A run that did not end well is kept for whoever looks for the cause.
func (h *hunt) run(ctx context.Context, q quarry, seed int64, bugs []string, good func(report.Run) bool) (report.Run, error) {
	p, err := plan.Make(q.spec, seed, plan.Overrides{Bugs: bugs})
	if err != nil {
		return report.Run{}, usage("%w", err)
	}
	dir := freeDir(filepath.Join(h.keep, p.Scenario))
	progress := newProgress(h.stderr)
	r, err := execute(ctx, p, dir, progress)
	progress.Done()
	if err != nil {
		return r, err
	}
	if ctx.Err() != nil {
		return r, environment(context.Cause(ctx))
	}
	if !good(r) {
		kept := freeDir(filepath.Join("runs", p.Scenario))
		if err := errors.Join(os.MkdirAll("runs", 0o755), os.CopyFS(kept, os.DirFS(dir))); err != nil {
			return r, environment(fmt.Errorf("keep the run directory: %w", err))
		}
		fmt.Fprintf(h.stdout, "    not as expected: %s; see %s\n", r.Headline(), kept)
	}
	return r, nil
}
