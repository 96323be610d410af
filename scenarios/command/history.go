package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/logproof/logproof/verify/history"
	"github.com/spf13/cobra"
)

func newHistory(stdout, stderr io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history <run directory>",
		Short: "Print what every client saw, as JSON lines",
		Long: `Print the history of a run: one JSON object on each line, operations and attempts in the order in
which they ended. A history whose end is torn is printed up to its last whole block.

"import" reads the history of another program, to judge it; "export" writes one for other programs.`,
		Example: `  logproof history runs/demo-20260102-150405 | head
  logproof history runs/demo-20260102-150405 | jq -c 'select(.operation.kind == "fault")'
  logproof history import store/latest/history.edn --dir runs/jepsen && logproof verify runs/jepsen
  logproof history export runs/demo-20260102-150405 --format edn -o history.edn`,
		Args: exactlyOne("a run directory"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error { return printHistory(args[0], stdout) },
	}
	cmd.AddCommand(newHistoryImport(stdout), newHistoryExport(stdout, stderr))
	return cmd
}

func printHistory(dir string, stdout io.Writer) error {
	reader, err := history.Open(filepath.Join(dir, "history.bin"))
	if err != nil {
		return usage("%w", err)
	}
	defer reader.Close()
	out := bufio.NewWriter(stdout)
	err = history.WriteJSONL(out, reader)
	if flushed := out.Flush(); flushed != nil {
		return environment(fmt.Errorf("print the history: %w", flushed))
	}
	var torn *history.TornError
	if errors.As(err, &torn) {
		return environment(err)
	}
	if err != nil {
		return usage("%w", err)
	}
	return nil
}
