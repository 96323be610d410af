package scenarios

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/scenarios/spec"
)

func TestEveryScenarioLoadsUnderItsName(t *testing.T) {
	for _, name := range Names() {
		s, err := spec.Load(Files(), name)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name != name || s.Description == "" {
			t.Errorf("%s.yaml is named %q and described as %q", name, s.Name, s.Description)
		}
		if _, err := disk.Parse(s.Disk); err != nil {
			t.Errorf("%s.yaml: %v", name, err)
		}
	}
	if !slices.Contains(Names(), "demo") {
		t.Error("there is no demo")
	}
}

func TestScenariosOfPlantedBugs(t *testing.T) {
	for _, name := range Names() {
		s, err := spec.Load(Files(), name)
		if err != nil || s.Expect == nil {
			continue
		}
		if !slices.Contains(bug.Names(), bug.Name(s.Expect.Bug)) {
			t.Errorf("%s.yaml catches %s, which is no planted bug", name, s.Expect.Bug)
		}
		if s.Name != "bug-"+s.Expect.Bug {
			t.Errorf("%s.yaml catches %s: call it bug-%s.yaml", name, s.Expect.Bug, s.Expect.Bug)
		}
	}
}
