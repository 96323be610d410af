package command

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/logproof/logproof/broker/bug"
)

// Lines of README.md around the kill matrix.
const (
	matrixBegin = "<!-- kill matrix -->"
	matrixEnd   = "<!-- /kill matrix -->"
)

// matrixTable is the kill matrix as Markdown: a line for each bug, in order of names.
func matrixTable(kills []kill) string {
	var b strings.Builder
	b.WriteString("| planted bug | whose | what it does | on processes | in the simulator | seed | after | operations | also by |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, name := range bug.Names() {
		var real, simulated *kill
		for i := range kills {
			switch k := &kills[i]; {
			case k.bug == name && k.where == onReal:
				real = k
			case k.bug == name:
				simulated = k
			}
		}
		if simulated == nil {
			continue
		}
		operations := "-"
		if simulated.operations >= 0 && simulated.class != "" {
			operations = fmt.Sprint(simulated.operations)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %d | %.1f s | %s | %s |\n", name, simulated.of(), bug.Describe(name), real.told(), simulated.told(),
			simulated.seed, simulated.after.Seconds(), operations, cmp.Or(strings.Join(simulated.also, ", "), "-"))
	}
	return b.String()
}

// told is what a bug was caught as, and by whom.
func (k *kill) told() string {
	switch {
	case k == nil:
		return "-"
	case k.verdict() != "caught":
		return "**" + k.verdict() + "**"
	case k.class == "":
		return "invariant " + k.invariant
	}
	by := k.class + " (" + strings.Join(slices.DeleteFunc(slices.Clone(k.by), func(name string) bool { return name == inside }), ", ") + ")"
	if k.invariant != "" {
		by += ", invariant " + k.invariant
	}
	return by
}

// intoReadme puts the matrix between its lines of a file.
func intoReadme(path string, kills []kill) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return usage("--readme: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), matrixBegin+"\n")
	_, after, ends := strings.Cut(rest, matrixEnd+"\n")
	if !begins || !ends {
		return usage("--readme: %s does not have one line %s followed by a line %s", path, matrixBegin, matrixEnd)
	}
	changed := before + matrixBegin + "\n" + matrixTable(kills) + matrixEnd + "\n" + after
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return environment(fmt.Errorf("--readme: %w", err))
	}
	return nil
}
