package ci

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/spec"
)

// The README's table of planted bugs is what the scenarios say.
func TestReadmeListsPlantedBugs(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scenarios.Names() {
		s, err := spec.Load(scenarios.Files(), name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if e := s.Expect; e != nil {
			if row := fmt.Sprintf("| `%s` | %s | %s |", e.Bug, e.Rule, e.Class); !strings.Contains(string(readme), row) {
				t.Errorf("README.md has no row %s", row)
			}
		}
	}
}

// The README's list of scenarios names every one in the program, and none that is not.
func TestReadmeListsScenarios(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(readme), "\n| scenario | what is done |\n")
	if !ok {
		t.Fatal("README.md has no table of scenarios")
	}
	list, _, _ = strings.Cut(list, "\n\n")
	var listed []string
	for _, row := range strings.Split(list, "\n") {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		for _, name := range strings.Split(cell, ", ") {
			listed = append(listed, strings.Trim(name, "`"))
		}
	}
	for _, name := range scenarios.Names() {
		if !strings.HasPrefix(name, "bug-") && !slices.Contains(listed, name) {
			t.Errorf("README.md does not list the scenario %s", name)
		}
	}
	for _, name := range listed[1:] { // the first is the line under the head
		if name != "bug-*" && !slices.Contains(scenarios.Names(), name) {
			t.Errorf("README.md lists %q, which is no scenario", name)
		}
	}
}
