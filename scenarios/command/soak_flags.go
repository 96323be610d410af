package command

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/logproof/logproof/scenarios/tally"
	"github.com/spf13/cobra"
)

// soakFlags are those of logproof soak.
type soakFlags struct {
	dir string
	// goal is what must have been judged in all, over all runs of the tally.
	goal soakCount
	// span is when no further run is begun.
	span time.Duration
	// seeds of the simulator are one line of the tally, and each is so long in simulated time.
	seeds int64
	each  time.Duration
}

func newSoak(stdout, stderr io.Writer) *cobra.Command {
	f := soakFlags{seeds: 10, each: 30 * time.Second}
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Judge a billion records of a broker without bugs, and count false alarms",
		Long: `Run load under faults on a broker without planted bugs, simulated and on processes by turns, until so many
records and operations have been judged that a verifier which cries wolf would have done it. Each run adds
its records, operations, faults and seeds to the file ` + tally.File + ` of the directory, and the next soak goes on
from there. It ends with the first run that is accused of anything: either the broker has a bug, or the
verifier has one, and the seed shows which.`,
		Example: `  logproof soak --for 20m
  logproof soak --records 1e6 --real-records 0 --operations 1e4   # a minute, in the simulator`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := soak{flags: f, stdout: stdout, progress: newProgress(stderr)}
			return s.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", filepath.Join("runs", "soak"), "`directory` of the tally that is gone on with")
	count(cmd, &f.goal.records, "records", 1e9, "`records` to judge in all")
	count(cmd, &f.goal.real, "real-records", 1e8, "`records` of those on processes")
	count(cmd, &f.goal.operations, "operations", 1e7, "`operations` of clients to judge in all")
	flags.DurationVar(&f.span, "for", 30*time.Minute, "no run is begun after this `time`")
	return cmd
}

// amount is a flag for large numbers, which may be written as 1e9.
type amount struct{ to *int64 }

func count(cmd *cobra.Command, to *int64, name string, value int64, what string) {
	*to = value
	cmd.Flags().Var(amount{to}, name, what)
}

func (a amount) String() string {
	if a.to == nil {
		return "0"
	}
	return fmt.Sprintf("%.4g", float64(*a.to))
}

func (a amount) Type() string { return "number" }

func (a amount) Set(text string) error {
	var n float64
	if _, err := fmt.Sscanf(text, "%g", &n); err != nil || n < 0 || n > 1e15 || n != float64(int64(n)) {
		return fmt.Errorf("%q is not a whole number from 0 to 1e15, like 1e9 or 250000", text)
	}
	*a.to = int64(n)
	return nil
}
