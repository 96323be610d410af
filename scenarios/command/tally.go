package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/scenarios/tally"
	"github.com/logproof/logproof/verify"
	"github.com/spf13/cobra"
)

func newTally(stdout, stderr io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tally [directory of runs]",
		Short: "How often each scenario passed, failed and proved nothing",
		Long: `Every run adds a line to the file ` + tally.File + ` beside its run directory: scenario, seed, verdict,
duration, version, load of the machine. This prints the rates of each scenario with the interval in which
its probability lies with a confidence of 95 %. Damaged lines are skipped with a warning.
Runs with planted bugs stand apart. Without a directory it is runs.`,
		Example: `  logproof tally
  logproof tally runs --json | jq '.[] | select(.fail.count > 0)'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "runs"
			if len(args) > 0 {
				dir = args[0]
			}
			return printTally(dir, asJSON, stdout, stderr)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the rates as JSON")
	return cmd
}

func printTally(path string, asJSON bool, stdout, stderr io.Writer) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, tally.File)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usage("there is no tally %s: it begins with the first run, or name the directory of the runs", path)
	}
	if err != nil {
		return environment(err)
	}
	defer f.Close()
	lines, warnings, err := tally.Read(f)
	if err != nil {
		return environment(err)
	}
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %s: %s\n", path, w)
	}
	rates := tally.Summarize(lines)
	if asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(rates)
	}
	fmt.Fprintf(stdout, "%-28s %5s  %-24s %-24s %-24s %8s  %s\n", "scenario", "runs", "pass", "fail", "inconclusive", "median", "load per core, at most")
	for _, r := range rates {
		fmt.Fprintf(stdout, "%-28s %5d  %-24s %-24s %-24s %6.1f s  %.1f\n", r.Scenario, r.Runs, percent(r.Pass), percent(r.Fail), percent(r.Inconclusive), r.Median, r.Load)
	}
	return nil
}

// percent is a rate for people: "95.0 % (76.4 to 99.1)".
func percent(r tally.Rate) string {
	return fmt.Sprintf("%.1f %% (%.1f to %.1f)", 100*r.Share, 100*r.Low, 100*r.High)
}

// entry is what the tally is told of a run.
type entry struct {
	scenario, profile string
	flags             runFlags
	verdict           verify.Verdict
	headline          string
	took              time.Duration
	dir               string
}

// noteRun adds a run to the tally of a directory of runs. A tally that cannot be written is told and changes
// no verdict: the run stands for itself.
func noteRun(progress run.Progress, runs string, e entry) {
	err := tally.Append(runs, complete(tally.Line{
		Scenario: e.scenario, Profile: e.profile, Seed: e.flags.seed, Bugs: e.flags.bugs, Verdict: e.verdict, Headline: e.headline, Dir: e.dir,
	}, e.took))
	if err != nil {
		progress.Event("warning", err.Error())
	}
}

// complete adds to a line of the tally what does not depend on the run.
func complete(l tally.Line, took time.Duration) tally.Line {
	l.At, l.Seconds, l.Version, l.Load, l.Cores = time.Now().UTC(), took.Seconds(), run.Version(), loadAverage(), runtime.NumCPU()
	return l
}

// loadAverage is the first number of /proc/loadavg, -1 where there is none.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	var load float64
	if _, err := fmt.Sscan(first, &load); err != nil {
		return -1
	}
	return load
}
