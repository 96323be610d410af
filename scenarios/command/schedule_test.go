package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One seed makes one schedule: the file in the directory of a run in virtual time is that of a run on
// processes, byte for byte.
func TestOneSeedOneScheduleOnEveryPlacement(t *testing.T) {
	t.Parallel()
	path := scenario(t, "{fault: kill, target: node(0), after: 300ms, hold: 100ms}", `mix:
      for: 2s
      every: 400ms
      calm: 0.25
      faults:
        - {weight: 2, fault: kill, target: any, hold: 100ms}
        - {fault: pause, target: "leader(orders,0)", hold: 200ms}
    after: 300ms
    until: {in-sync: orders, floor: 100ms, lag: 1000}
guards: {max_down: 1}`)
	var schedules []string
	for _, placement := range []string{"process", "sim"} {
		dir := filepath.Join(t.TempDir(), placement)
		want(t, ExitPass, "PASS", "run", path, "--dir", dir, "--seed", "11", "--placement", placement)
		data, err := os.ReadFile(filepath.Join(dir, "schedule.json"))
		if err != nil {
			t.Fatal(err)
		}
		schedules = append(schedules, string(data))
	}
	if schedules[0] != schedules[1] {
		t.Errorf("the schedules differ:\n%s\n%s", schedules[0], schedules[1])
	}
	if n := strings.Count(schedules[0], `"drawn": 1`); n < 2 || !strings.Contains(schedules[0], `"in-sync": "orders"`) {
		t.Errorf("%d faults were drawn:\n%s", n, schedules[0])
	}
	// A run in containers needs an engine (TestDemoInContainers has one); what it would write does not.
	p, err := makePlan(path, runFlags{seed: 11, placement: "container"})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := p.Schedule(); err != nil || string(data) != schedules[0] {
		t.Errorf("in containers, %v:\n%s\nand on processes\n%s", err, data, schedules[0])
	}
	// The plan prints what will be done, with the same draws.
	if text := want(t, ExitPass, "placement sim", "plan", path, "--seed", "11", "--placement", "sim"); !strings.Contains(text, "drawn from a mix") || !strings.Contains(text, "guards: at most 1 down at once") {
		t.Errorf("the plan reads\n%s", text)
	}
}
