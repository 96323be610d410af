package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// Of up to three replicas every order in which all but one can be killed is in its scenario, of five three
// orders are: and each kill strikes while those before it are in force.
func TestEveryOrderOfNMinusOneFailures(t *testing.T) {
	for replicas, orders := range map[int]int{2: 2, 3: 6, 5: 3} {
		name := fmt.Sprintf("n-minus-1-of-%d", replicas)
		s, err := spec.Load(Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		var order []string
		for _, f := range s.Timeline {
			if !f.Overlap {
				order = nil
			}
			if order = append(order, string(f.Target)); slices.Contains(order[:len(order)-1], string(f.Target)) {
				t.Errorf("%s kills %s twice in one order", name, f.Target)
			}
			if len(order) == replicas-1 {
				seen[strings.Join(order, " ")] = true
			}
		}
		if len(seen) != orders || len(s.Timeline) != orders*(replicas-1) {
			t.Errorf("%s kills %d nodes in the orders %v; want %d whole orders", name, len(s.Timeline), slices.Sorted(maps.Keys(seen)), orders)
		}
		if s.Brokers != replicas || s.Controllers == 0 {
			t.Errorf("%s has %d brokers and %d controllers: the controllers stand outside the N-1", name, s.Brokers, s.Controllers)
		}
		var minISR []int
		for _, topic := range s.Topics {
			minISR = append(minISR, topic.MinISR)
			if topic.ReplicationFactor != replicas {
				t.Errorf("%s: topic %s has replication factor %d", name, topic.Name, topic.ReplicationFactor)
			}
		}
		if !slices.Equal(minISR, []int{1, 2}) {
			t.Errorf("%s shows min ISR %v; want 1 and 2", name, minISR)
		}
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
