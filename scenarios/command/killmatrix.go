package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/verify"
)

// kill is what came of one planted bug in one place.
type kill struct {
	bug   bug.Name
	where string
	seed  int64
	// class of the anomaly and invariant that had to show; "" where none had to.
	class, invariant string
	// by are the rules that found the class, or the invariant; also are all others that found something.
	by, also []string
	// rounds of which caught were as they had to be, instead says what was found in place of it; "" is nothing.
	rounds, caught int
	instead        string
	// after is how much of the run's time had passed, in which so many operations had returned, when the class was
	// found, or the invariant broken; operations is -1 where nobody counted.
	after      time.Duration
	operations int64
	took       time.Duration
	note       string
}

// verdict is "caught", "missed" or what it was taken for.
func (k kill) verdict() string {
	switch {
	case k.caught == k.rounds:
		return "caught"
	case k.instead != "":
		return "taken for " + k.instead
	}
	return "missed"
}

// killers sorts findings into those of the class and others, and takes the first one's time.
func (k *kill) killers(findings []verify.Finding) {
	for _, f := range findings {
		name := string(f.Rule)
		if string(f.Class) != k.class {
			if !slices.Contains(k.also, name) {
				k.also = append(k.also, name)
			}
			continue
		}
		if len(k.by) == 0 {
			k.after, k.operations = time.Duration(f.First), f.Operations
		}
		k.by = append(k.by, name)
	}
	k.also = slices.DeleteFunc(k.also, func(name string) bool { return slices.Contains(k.by, name) })
}

// columns of the matrix: the rules that found anything, and the invariants.
func columns(kills []kill) (names []string) {
	for _, r := range verify.Rules() {
		if slices.ContainsFunc(kills, func(k kill) bool {
			return slices.Contains(k.by, string(r)) || slices.Contains(k.also, string(r))
		}) {
			names = append(names, string(r))
		}
	}
	return append(names, inside)
}

// mark of a bug in a column: K caught it as what it is, + found something too, . nothing.
func (k kill) mark(column string) string {
	switch {
	case slices.Contains(k.by, column):
		return "K"
	case slices.Contains(k.also, column):
		return "+"
	}
	return "."
}

// of is whose bug it is.
func (k kill) of() string {
	if bug.Client(k.bug) {
		return "client"
	}
	return "broker"
}

// printMatrix prints bugs by rules, and which rules nobody else can replace.
func printMatrix(out io.Writer, kills []kill) {
	names := columns(kills)
	fmt.Fprintf(out, "\nkill matrix: K caught the bug as what it is, + found something too\n")
	for i, name := range names {
		fmt.Fprintf(out, "%-36s %s%s\n", "", strings.Repeat("│ ", i), name)
	}
	for _, k := range kills {
		fmt.Fprintf(out, "%-30s %-5s ", k.bug, k.where)
		for _, name := range names {
			fmt.Fprintf(out, "%s ", k.mark(name))
		}
		fmt.Fprintln(out, k.verdict())
	}
	broker, client := map[bug.Name]bool{}, map[bug.Name]bool{}
	for _, k := range kills {
		if k.verdict() == "caught" {
			if bug.Client(k.bug) {
				client[k.bug] = true
			} else {
				broker[k.bug] = true
			}
		}
	}
	fmt.Fprintf(out, "%d bugs of the broker and %d of clients were caught\n", len(broker), len(client))
	for _, name := range names {
		if only := onlyKiller(kills, name); len(only) > 0 {
			fmt.Fprintf(out, "only %s catches %s\n", name, strings.Join(only, ", "))
		}
	}
}

// onlyKiller lists the bugs that nothing but one rule shows, wherever they were hunted.
func onlyKiller(kills []kill, column string) (bugs []string) {
	for _, k := range kills {
		if k.verdict() != "caught" || len(k.by) != 1 || k.by[0] != column || len(k.also) > 0 || slices.Contains(bugs, string(k.bug)) {
			continue
		}
		bugs = append(bugs, string(k.bug))
	}
	return bugs
}

// head and row are the lines that are printed while the bugs are hunted.
func (h *hunt) head() {
	fmt.Fprintf(h.stdout, "%-30s %-6s %-5s %-18s %-20s %-12s %9s %10s %8s  %s\n",
		"bug", "of", "where", "rule", "anomaly", "verdict", "after", "operations", "seconds", "first anomaly")
}

func (h *hunt) row(k kill) {
	h.kills = append(h.kills, k)
	h.wrong += k.rounds - k.caught
	rule, after, operations := strings.Join(k.by, "+"), "-", "-"
	if len(k.by) > 0 && k.after > 0 {
		after = fmt.Sprintf("%.2f s", k.after.Seconds())
	}
	if len(k.by) > 0 && k.operations >= 0 {
		operations = fmt.Sprint(k.operations)
	}
	said := k.verdict()
	if k.rounds > 1 {
		said = fmt.Sprintf("%d of %d", k.caught, k.rounds)
	}
	fmt.Fprintf(h.stdout, "%-30s %-6s %-5s %-18s %-20s %-12s %9s %10s %8.1f  %s\n",
		k.bug, k.of(), k.where, cmp.Or(rule, "-"), cmp.Or(k.class, k.invariant), said, after, operations, k.took.Seconds(), k.note)
}

// clean prints a run without the bug, which must not be accused.
func (h *hunt) clean(where string, silent bool, began time.Time, note string) {
	said := "silent"
	if !silent {
		said = "accused"
		h.wrong++
	}
	h.silent++
	fmt.Fprintf(h.stdout, "%-30s %-6s %-5s %-18s %-20s %-12s %9s %10s %8.1f  %s\n",
		"  (none)", "", where, "-", "-", said, "-", "-", time.Since(began).Seconds(), note)
}
