package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/logproof/logproof/chaos/cluster/container"
	"github.com/logproof/logproof/chaos/doctor"
	"github.com/logproof/logproof/chaos/manual"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/spf13/cobra"
)

func newChaos(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "The faults: which there are, what they do, and what this machine can do of them",
		Example: `  logproof chaos list
  logproof chaos explain drop-response
  logproof chaos doctor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s does nothing by itself; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	cmd.AddCommand(newChaosList(stdout), newChaosExplain(stdout), newChaosDoctor(stdout))
	return cmd
}

// kindJSON is a kind of fault for programs.
type kindJSON struct {
	Kind       timeline.Kind        `json:"kind"`
	Help       string               `json:"help"`
	Strikes    timeline.Subject     `json:"strikes"`
	Peers      bool                 `json:"peers"`
	Capability string               `json:"capability"`
	Placements []timeline.Placement `json:"placements"`
	Params     []paramJSON          `json:"params"`
}

type paramJSON struct {
	Name     timeline.Param `json:"name"`
	Required bool           `json:"required"`
	Default  string         `json:"default,omitempty"`
	Help     string         `json:"help"`
}

func newChaosList(stdout io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print every kind of fault, its parameters and where it can be done, a line each",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return writeJSON(stdout, kindList())
			}
			out := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
			for _, k := range kindList() {
				fmt.Fprintf(out, "%s\t%s\t%s\n", k.Kind, placementList(k.Placements), k.params())
			}
			return out.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func kindList() []kindJSON {
	var all []kindJSON
	for _, info := range timeline.Kinds() {
		k := kindJSON{
			Kind: info.Kind, Help: info.Help, Strikes: info.On, Peers: info.Peers, Capability: info.Capability,
			Placements: info.Placements, Params: []paramJSON{},
		}
		for _, p := range info.Params {
			k.Params = append(k.Params, paramJSON{p.Name, p.Required, p.Default, p.Help})
		}
		all = append(all, k)
	}
	return all
}

// params are the parameters in a few words: a required one as it is, the others in brackets.
func (k kindJSON) params() string {
	words := []string{"target"}
	if k.Peers {
		words = append(words, "[peers]")
	}
	for _, p := range k.Params {
		switch {
		case p.Required:
			words = append(words, string(p.Name))
		case p.Default != "":
			words = append(words, fmt.Sprintf("[%s: %s]", p.Name, p.Default))
		default:
			words = append(words, fmt.Sprintf("[%s]", p.Name))
		}
	}
	return strings.Join(words, " ")
}

func placementList(placements []timeline.Placement) string {
	words := make([]string, len(placements))
	for i, p := range placements {
		words[i] = string(p)
	}
	return strings.Join(words, ",")
}

func writeJSON(out io.Writer, what any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(what)
}

func newChaosExplain(stdout io.Writer) *cobra.Command {
	var kinds []string
	for _, info := range timeline.Kinds() {
		kinds = append(kinds, string(info.Kind))
	}
	return &cobra.Command{
		Use:       "explain <kind>",
		Short:     "Explain a kind of fault: what it does, how it is proved and healed, what one should see",
		Example:   "  logproof chaos explain cut",
		Args:      exactlyOne("kind of fault"),
		ValidArgs: kinds,
		RunE: func(_ *cobra.Command, args []string) error {
			i := slices.IndexFunc(kindList(), func(k kindJSON) bool { return string(k.Kind) == args[0] })
			page, ok := manual.Find(timeline.Kind(args[0]))
			if i < 0 || !ok {
				return usage("there is no kind of fault %q: known are %s", args[0], strings.Join(kinds, ", "))
			}
			explain(stdout, kindList()[i], page)
			return nil
		},
	}
}

func explain(out io.Writer, k kindJSON, page manual.Page) {
	fmt.Fprintf(out, "%s: %s\n\n", k.Kind, k.Help)
	for _, part := range [][2]string{
		{"does", page.Does}, {"effect", page.Effect}, {"healed", page.Healed}, {"you see", page.See},
		{"strikes", string(k.Strikes)}, {"placements", placementList(k.Placements)},
	} {
		fmt.Fprintf(out, "%-11s %s\n", part[0], wrapped(part[1], 12))
	}
	for i, p := range k.Params {
		head := "parameters"
		if i > 0 {
			head = ""
		}
		text := fmt.Sprintf("%s: %s", p.Name, p.Help)
		switch {
		case p.Required:
			text += " (required)"
		case p.Default != "":
			text += " (default " + p.Default + ")"
		}
		fmt.Fprintf(out, "%-11s %s\n", head, wrapped(text, 12))
	}
	fmt.Fprintf(out, "\ntimeline:\n  - %s\n", page.Example)
}

// lineLength that text is wrapped at.
const lineLength = 100

// wrapped breaks a text into lines that begin with so many blanks, the first one without.
func wrapped(text string, indent int) string {
	var out strings.Builder
	length := indent
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case length+1+len(word) > lineLength:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			length = indent
		default:
			out.WriteByte(' ')
			length++
		}
		out.WriteString(word)
		length += len(word)
	}
	return out.String()
}

func newChaosDoctor(stdout io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Print which faults this machine can do, and why not the others",
		Long: `Try what a run would need of this machine (/proc, signals, ports, descriptors, unix sockets), on
processes and files of its own, and print which kinds of faults can be done on which placement. A
Docker engine is looked for too; without one only the placement container cannot be had.
The exit code is 3 if something is missing that a kind needs on processes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := doctor.This()
			m.Engine = func() (string, error) { return container.Examine(cmd.Context()) }
			return examine(stdout, m, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func examine(stdout io.Writer, m doctor.Machine, asJSON bool) error {
	r := doctor.Examine(m)
	if asJSON {
		if err := writeJSON(stdout, r); err != nil {
			return err
		}
	} else {
		writeDiagnosis(stdout, r)
	}
	if !r.Healthy() {
		return environment(errors.New("this machine lacks what some faults need: see what the doctor found"))
	}
	return nil
}

func writeDiagnosis(stdout io.Writer, r doctor.Report) {
	for _, f := range r.Findings {
		state := "ok"
		switch {
		case !f.OK && f.Optional():
			state = "none"
		case !f.OK:
			state = "MISSING"
		}
		fmt.Fprintf(stdout, "%-16s %-8s %s\n", f.Name, state, wrapped(f.Detail, 26))
	}
	fmt.Fprintln(stdout)
	out := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(out, "fault")
	for _, p := range timeline.Placements() {
		fmt.Fprintf(out, "\t%s", p)
	}
	each := len(timeline.Placements())
	for i, a := range r.Abilities {
		if i%each == 0 {
			fmt.Fprintf(out, "\n%s", a.Kind)
		}
		word := "yes"
		if !a.OK {
			word = "no: " + a.Why
		}
		fmt.Fprintf(out, "\t%s", word)
	}
	fmt.Fprintln(out)
	out.Flush()
}
