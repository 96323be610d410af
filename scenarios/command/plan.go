package command

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newPlan(stdout io.Writer) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "plan <scenario>",
		Short: "Print what a scenario would do, and do nothing",
		Long: `Print the plan of a scenario: nodes, topics, load, faults with their targets, rules and limits.
The same scenario and seed give the same plan, byte for byte, and the same faults wherever the
nodes run: mixes are drawn from the seed, and who a target is turns out when its fault fires.`,
		Example: `  logproof plan demo
  logproof plan my-scenario.yaml --seed 7 --json`,
		Args:              exactlyOne("a scenario"),
		ValidArgsFunction: completeScenario,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := makePlan(args[0], f)
			if err != nil {
				return err
			}
			if !f.json {
				_, err = fmt.Fprint(stdout, p.String())
				return err
			}
			out := json.NewEncoder(stdout)
			out.SetIndent("", "  ")
			return out.Encode(p)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.seed, "seed", 1, "seed of everything that is drawn")
	flags.StringVar(&f.bugs, "bug", "", "`names` of bugs to plant in the broker, comma-separated: "+bugNames())
	flags.StringVar(&f.placement, "placement", "", "where the nodes run, in place of what the scenario says: process, or sim for virtual time")
	flags.BoolVar(&f.json, "json", false, "print the plan as JSON")
	return cmd
}
