package command

import (
	"io"

	"github.com/logproof/logproof/scenarios/run"
	"github.com/spf13/cobra"
)

func newVerify(stdout, _ io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify <run directory>",
		Short: "Judge a recorded run again",
		Long: `Read the history of a run back and judge it, with the rules of this version of logproof. Nothing
is started and the directory stays as it is. A directory that "logproof history import" made is judged likewise.`,
		Example: `  logproof verify runs/demo-20260102-150405
  logproof verify runs/demo-20260102-150405 --json | jq .rules`,
		Args: exactlyOne("a run directory"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := run.Verify(args[0], program())
			if err != nil {
				return usage("%w", err)
			}
			return show(r, asJSON, stdout)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
