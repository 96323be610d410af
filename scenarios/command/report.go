package command

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/run"
	"github.com/spf13/cobra"
)

func newReport(stdout, stderr io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "report <run directory>",
		Short: "Make report.html of a recorded run again",
		Long: `Read a run directory and write its report.html again, with the rules and the pictures of this version of
logproof. The history is judged again; what only the run itself could measure is read from its result.json,
verdict.json and *.hlog. Nothing is started, and the other files stay as they are.

The page is one file that needs nothing else: open it in any browser. The exit code is that of its verdict.`,
		Example: `  logproof report runs/demo-20260102-150405
  xdg-open runs/demo-20260102-150405/report.html`,
		Args: exactlyOne("a run directory"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := run.Report(args[0], program())
			if errors.Is(err, run.ErrNotWritten) {
				return environment(err)
			}
			if err != nil {
				return usage("%w", err)
			}
			newProgress(stderr).Event("report", filepath.Join(args[0], report.PageFile))
			return show(r, false, stdout)
		},
	}
}
