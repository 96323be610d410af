package ci

import (
	"fmt"
	"os"
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
