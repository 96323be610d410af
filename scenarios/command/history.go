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

func newHistory(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "history <run directory>",
		Short: "Print what every client saw, as JSON lines",
		Long: `Print the history of a run: one JSON object on each line, operations and attempts in the order in
which they ended. A history whose end is torn is printed up to its last whole block.`,
		Example: `  logproof history runs/demo-20260102-150405 | head
  logproof history runs/demo-20260102-150405 | jq -c 'select(.operation.kind == "fault")'`,
		Args: exactlyOne("a run directory"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error { return printHistory(args[0], stdout) },
	}
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
