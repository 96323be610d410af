package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify/catalog"
	"github.com/spf13/cobra"
)

func newExplain(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [anomaly, promise or system]",
		Short: "Explain an anomaly, or which settings make a promise",
		Long: `Explain what logproof looks for, and what a system promises.

An anomaly: its definition, the rule that finds it, Jepsen's name for it and where Jepsen lets it pass, its
usual causes, and a small history that shows it. A promise (exactly-once, at-least-once, acks-all, n-1): which
settings of producer, topic, broker and consumer make it, and what they do not promise. A system: what it
claims beside its settings. Without a name it lists all of them.`,
		Example: `  logproof explain
  logproof explain lost-write
  logproof explain exactly-once
  logproof explain acks-1        # what is lost then, and which setting would forbid it
  logproof explain G1a           # Jepsen's names work too`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return catalog.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			width := terminalWidth(stdout)
			if width == 0 {
				width = 100
			}
			text := catalog.Overview(width)
			if len(args) > 0 {
				known := false
				if text, known = catalog.Text(args[0], width); !known {
					return usage("nothing is known of %q: %s; %s explain lists everything", args[0], suggestion(args[0]), program())
				}
			}
			if _, err := fmt.Fprint(stdout, text); err != nil {
				return environment(fmt.Errorf("print the explanation: %w", err))
			}
			return nil
		},
	}
}

// suggestion is the nearest name, or the beginning of the list of them.
func suggestion(name string) string {
	text := spec.Suggest(strings.ToLower(name), catalog.Known())
	if strings.HasPrefix(text, "known are") {
		return "it is no anomaly, promise or system by that name"
	}
	return text
}
