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

// The README's table of planted bugs is what the scenarios and the simulator's hunts say.
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
	var rows []string
	for _, name := range bug.Names() {
		h, _ := sim.HuntOf(name)
		inside := "-"
		if h.Invariant != "" {
			inside = h.Invariant
		}
		history := h.Class
		if history == "" {
			history = "-"
		}
		onProcesses := "-"
		if class := real[string(name)]; class != "" {
			onProcesses = class
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %d |", name, bug.Describe(name), onProcesses, history, inside, h.Seed))
	}
	for _, row := range rows {
		if !strings.Contains(string(readme), row+"\n") {
			t.Fatalf("README.md has no row\n%s\nthe table of planted bugs should be\n%s", row, strings.Join(rows, "\n"))
		}
	}
}
