package ci

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/spec"
)

// The README's kill matrix, which known-bugs writes, is of the bugs, scenarios and hunts that there are.
func TestReadmeListsPlantedBugs(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	real := map[string]string{}
	for _, name := range scenarios.Names() {
		s, err := spec.Load(scenarios.Files(), name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if s.Expect != nil {
			real[s.Expect.Bug] = s.Expect.Class
		}
	}
	rows := matrixRows(string(readme))
	for _, name := range bug.Names() {
		row, ok := rows[string(name)]
		if !ok {
			t.Errorf("README.md has no row of %s: run make known-bugs", name)
			continue
		}
		h, _ := sim.HuntOf(name)
		whose := "broker"
		if bug.Client(name) {
			whose = "client"
		}
		for column, want := range map[int]string{1: whose, 2: bug.Describe(name), 5: fmt.Sprint(h.Seed)} {
			if row[column] != want {
				t.Errorf("README.md says %q of %s, want %q: run make known-bugs", row[column], name, want)
			}
		}
		for column, class := range map[int]string{3: real[string(name)], 4: h.Class} {
			if class != "" && !strings.HasPrefix(row[column], class+" (") || column == 4 && !strings.Contains(row[column], h.Invariant) {
				t.Errorf("README.md says %q of %s, want %s and invariant %q: run make known-bugs", row[column], name, class, h.Invariant)
			}
		}
		delete(rows, string(name))
	}
	clients := 0
	for _, name := range bug.Names() {
		if bug.Client(name) {
			clients++
		}
	}
	if says := fmt.Sprintf("these %d bugs, %d in\nthe broker and %d in clients", len(bug.Names()), len(bug.Names())-clients, clients); !strings.Contains(string(readme), says) {
		t.Errorf("README.md does not say %q", says)
	}
	for name := range rows {
		t.Errorf("README.md has a row of %q, which is no planted bug: run make known-bugs", name)
	}
}

// matrixRows are the rows of the kill matrix by bug, cell by cell.
func matrixRows(readme string) map[string][]string {
	_, matrix, _ := strings.Cut(readme, "<!-- kill matrix -->\n")
	matrix, _, _ = strings.Cut(matrix, "<!-- /kill matrix -->")
	rows := map[string][]string{}
	for line := range strings.Lines(matrix) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if name, ok := strings.CutPrefix(cells[0], "`"); ok && len(cells) == 9 {
			rows[strings.TrimSuffix(name, "`")] = cells
		}
	}
	return rows
}
