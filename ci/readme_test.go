package ci

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/spec"
)

// The README's table of planted bugs is what the scenarios say, and every bug has a scenario.
func TestReadmeListsPlantedBugs(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	caught := map[string]bool{}
	for _, name := range scenarios.Names() {
		s, err := spec.Load(scenarios.Files(), name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if e := s.Expect; e != nil {
			caught[e.Bug] = true
			if row := fmt.Sprintf("| `%s` | %s | %s |", e.Bug, e.Rule, e.Class); !strings.Contains(string(readme), row) {
				t.Errorf("README.md has no row %s", row)
			}
		}
	}
	for _, name := range bug.Names() {
		if !caught[string(name)] {
			t.Errorf("no scenario catches the planted bug %s", name)
		}
	}
}
