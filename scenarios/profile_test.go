package scenarios

import (
	"slices"
	"testing"
)

func TestProfilesNameScenarios(t *testing.T) {
	sizes := map[string]int{"smoke": 2, "pr": 8}
	for _, p := range Profiles() {
		if len(p.Scenarios) != sizes[p.Name] || p.Seeds < 20 || p.SeedTime <= 0 || p.Within <= 0 || p.About == "" {
			t.Errorf("profile %+v", p)
		}
		for _, name := range p.Scenarios {
			if !slices.Contains(Names(), name) {
				t.Errorf("profile %s has %s, which is no scenario", p.Name, name)
			}
		}
		delete(sizes, p.Name)
	}
	if len(sizes) > 0 {
		t.Errorf("missing: %v", sizes)
	}
}
