package plan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/spec"
)

// mixed is a scenario of three brokers and three controllers whose timeline uses all forms.
const mixed = `name: mixed
brokers: 3
controllers: 3
topics: [{name: orders, partitions: 2, replication_factor: 3, min_isr: 2}]
load: {rate: 1000/s}
guards: {max_down: 1, keep_quorum: true}
timeline:
  - {fault: pause, target: "leader(orders,0)", hold: 2s, until: {in-sync: orders, floor: 500ms, lag: 50, within: 9s}}
  - sequence:
      - {fault: kill, target: node(1), after: 100ms, hold: 300ms}
      - {fault: restart, target: controller, hold: 200ms}
    repeat: 2
    until: {elsewhere: "leader(orders,1)"}
  - mix:
      for: 20s
      every: 2s
      calm: 0.25
      faults:
        - {weight: 3, fault: kill, target: any, hold: 1s}
        - {fault: pause, target: "leader(orders,0)", hold: 3s}
        - {weight: 2, fault: disk-loss, target: any, hold: 5s}
    after: 1s
limits: {total: 5m}
`

// The same seed gives the same bytes of a schedule, whatever the placement; another seed gives others.
func TestTheScheduleIsTheSameOnEveryPlacement(t *testing.T) {
	schedule := func(seed int64, placement timeline.Placement) []byte {
		p, err := Make(parse(t, mixed), seed, Overrides{Placement: placement})
		if err != nil {
			t.Fatal(err)
		}
		data, err := p.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := schedule(7, timeline.Process)
	for _, placement := range timeline.Placements() {
		if other := schedule(7, placement); !bytes.Equal(first, other) {
			t.Errorf("placement %s has the schedule\n%s\nand process\n%s", placement, other, first)
		}
	}
	if bytes.Equal(schedule(8, timeline.Process), first) {
		t.Error("seeds 7 and 8 drew the same")
	}
	if want := `"seed": 7,
  "guards": {
    "max_down": 1,
    "keep_quorum": true
  },
  "faults": [
    {
      "kind": "pause",
      "target": "leader(orders,0)",
      "after": "0s",
      "hold": "2s",
      "until": {
        "in-sync": "orders",
        "floor": "500ms",
        "lag": 50,
        "within": "9s"
      }
    },`; !strings.Contains(string(first), want) {
		t.Errorf("the schedule is\n%s\nwant in it\n%s", first, want)
	}
}

func TestAPlanShowsEveryFaultOfItsTimeline(t *testing.T) {
	p, err := Make(parse(t, mixed), 7, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	head := `           guards: at most 1 down at once, a majority of the voters stays up
           fault 1: pause leader(orders,0) after 0s and until orders in sync, the floor held for 500ms, readers at most 50 records behind, within 9s, hold 2s, then heal
           fault 2: kill node(1) after 100ms and until leader(orders,1) elsewhere, within 20s, hold 300ms, then heal
           fault 3: restart controller after 0s, hold 200ms, then heal
           fault 4: kill node(1) after 100ms and until leader(orders,1) elsewhere, within 20s, hold 300ms, then heal
           fault 5: restart controller after 0s, hold 200ms, then heal
           faults 6 to `
	if !strings.Contains(p.String(), head) || !strings.Contains(p.String(), " later ") {
		t.Errorf("the plan reads\n%s\nwant in it\n%s", p, head)
	}
	data, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Parse(data); err != nil || fmt.Sprint(back) != fmt.Sprint(p) {
		t.Errorf("it reads back as %v, %v", back, err)
	}
}

// What a mix draws obeys its guards at every time, comes when a draw is due, and uses every fault by its weight.
func TestAMixObeysItsGuardsAndItsWeights(t *testing.T) {
	seen := map[timeline.Kind]int{}
	for seed := range int64(200) {
		p, err := Make(parse(t, mixed), seed, Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		line := p.Timeline[5:]
		if len(line) == 0 || len(line) > 10 {
			t.Fatalf("seed %d drew %d faults in 10 draws", seed, len(line))
		}
		if line[0].After < time.Second || (line[0].After-time.Second)%(2*time.Second) != 0 {
			t.Errorf("seed %d: the first comes after %v", seed, line[0].After)
		}
		free := time.Duration(0)
		for i, at := range line.Injections(0) {
			f := line[i]
			seen[f.Kind]++
			if f.Drawn != 1 || f.Overlap != (i > 0) || at%(2*time.Second) != 0 {
				t.Errorf("seed %d: fault %d is %+v at %v", seed, i, f, at)
			}
			if at < free {
				t.Errorf("seed %d: at %v a second node goes down, the first is down until %v", seed, at, free)
			}
			free = at + f.Hold
		}
	}
	t.Logf("drawn: %v", seen)
	// Weights 3, 1 and 2.
	if kills, pauses, losses := seen[timeline.Kill], seen[timeline.Pause], seen[timeline.DiskLoss]; kills < losses || losses < pauses || pauses == 0 {
		t.Errorf("drawn %v, with the weights 3, 1 and 2", seen)
	}
}

// Without any guard two faults of a mix may be in force at once.
func TestAMixWithoutGuardsOverlaps(t *testing.T) {
	overlaps := 0
	for seed := range int64(20) {
		p, err := Make(parse(t, strings.Replace(mixed, "guards: {max_down: 1, keep_quorum: true}\n", "", 1)), seed, Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		line := p.Timeline[5:]
		at := line.Injections(0)
		for i := 1; i < len(at); i++ {
			if at[i] < at[i-1]+line[i-1].Hold {
				overlaps++
			}
		}
	}
	if overlaps == 0 {
		t.Error("no two faults were in force at once")
	}
}

func TestEveryBadTimelineIsExplained(t *testing.T) {
	const head = `name: x
brokers: 3
controllers: 3
topics: [{name: orders, partitions: 2, replication_factor: 3}]
load: {rate: 1000/s}
limits: {total: 10m}
`
	mix := func(inside string) string { return "timeline: [{mix: {for: 10s, every: 1s, " + inside + "}}]" }
	for _, test := range []struct{ add, want string }{
		// Parameters.
		{"timeline: [{fault: delay, target: any, dealy: 1s}]", `x.yaml:7:40: unknown key "dealy" in timeline[0]: did you mean "delay"?`},
		{"timeline: [{fault: kill, target: any, count: 0}]", "x.yaml:7:46: kill takes no parameters: remove count"},
		{"timeline: [{fault: cut, target: any, delay: 1s}]", "x.yaml:7:45: cut does not take delay: it takes direction"},
		{"timeline: [{fault: delay, target: any}]", "x.yaml:7:20: delay needs delay: time added"},
		{"timeline: [{fault: cut, target: any, direction: inn}]", `x.yaml:7:49: unknown direction "inn": did you mean "in"?`},
		{"timeline: [{fault: bandwidth, target: any, rate: 64KiB}]", `x.yaml:7:50: timeline[0].rate: "64KiB" is not a rate: write bytes a second with a unit, such as 64KiB/s`},
		{"timeline: [{fault: kill, target: any, peers: nodes}]", "x.yaml:7:46: kill has no peers"},
		{"timeline: [{fault: drop-response, target: any, api: produce}]", `x.yaml:7:53: unknown api "produce": did you mean "Produce"?`},
		{"timeline: [{fault: drop-response, target: any, topic: ordres}]", `x.yaml:7:55: unknown topic "ordres": did you mean "orders"?`},
		{"timeline: [{fault: drop-response, target: any, topic: orders, partition: 2}]", "x.yaml:7:74: topic orders has the partitions 0 to 1"},
		{"timeline: [{fault: clock, target: any, offset: 3}]", `x.yaml:7:48: timeline[0].offset: "3" is not a duration`},
		{"timeline: [{fault: kill, target: client(0)}]", "x.yaml:7:34: target client(0) is a client of the load"},
		// Conditions.
		{"timeline: [{fault: kill, target: any, until: {insync: orders}}]", `x.yaml:7:47: unknown key "insync" in timeline[0].until: did you mean "in-sync"?`},
		{"timeline: [{fault: kill, target: any, until: {moon: full}}]", `x.yaml:7:47: unknown key "moon" in timeline[0].until: known are in-sync, floor, elsewhere, lag, within`},
		{"timeline: [{fault: kill, target: any, until: {in-sync: ordres}}]", `x.yaml:7:56: unknown topic "ordres": did you mean "orders"?`},
		{"timeline: [{fault: kill, target: any, until: {within: 1s}}]", "x.yaml:7:46: until waits for nothing: name in-sync, floor, elsewhere or lag"},
		{"timeline: [{fault: kill, target: any, until: {lag: -1}}]", "x.yaml:7:46: lag is -1"},
		{"timeline: [{fault: kill, target: any, until: {floor: 1s, within: 0s}}]", "x.yaml:7:66: timeline[0].until.within is 0s: it must be above 0"},
		{"timeline: [{fault: kill, target: any, until: {elsewhere: any}}]", "x.yaml:7:46: elsewhere is any: write leader(orders,0) or controller"},
		{`timeline: [{fault: kill, target: any, until: {elsewhere: "leader(orders,7)"}}]`, "x.yaml:7:58: target leader(orders,7): topic orders has the partitions"},
		// Mixes.
		{mix("faults: []"), "x.yaml:7:48: a mix without faults draws nothing"},
		{mix("calm: 0.5"), "x.yaml:7:18: a mix without faults draws nothing"},
		{mix("faults: [{fault: kill, target: any, weight: 0}]"), "x.yaml:7:84: timeline[0].mix.faults[0].weight is 0: it must be at least 1"},
		{mix("faults: [{fault: kil, target: any}]"), `x.yaml:7:57: unknown fault "kil": did you mean "kill"?`},
		{mix("faults: [{fault: kill, target: any}, {fault: pause, target: node(9)}]"), "x.yaml:7:100: target node(9): there is no such node"},
		{mix("faults: [{fault: kill, target: any, after: 1s}]"), `x.yaml:7:76: unknown key "after" in timeline[0].mix.faults[0]`},
		{mix("calm: 1, faults: [{fault: kill, target: any}]"), "x.yaml:7:46: calm is 1"},
		{"timeline: [{mix: {for: 4s, every: 2s, faults: [{fault: kill, target: any, hold: 1s}]}}, {fault: kill, target: any, overlap: true}]", "x.yaml:7:125: overlap does not go with the entry before it"},
		{"timeline: [{mix: {for: 1s, every: 2s, faults: [{fault: kill, target: any}]}}]", "x.yaml:7:35: every 2s is longer than the mix"},
		{"timeline: [{mix: {every: 2s, faults: [{fault: kill, target: any}]}}]", "x.yaml:7:18: timeline[0].mix.for is 0s"},
		{"timeline: [{hold: 1s, mix: {for: 4s, every: 2s, faults: [{fault: kill, target: any}]}}]", "x.yaml:7:19: hold does not go with mix, which takes after, until, repeat beside it"},
		// Sequences.
		{"timeline: [{sequence: []}]", "x.yaml:7:23: a sequence without entries"},
		{"timeline: [{sequence: [{fault: kil, target: any}]}]", `x.yaml:7:32: unknown fault "kil"`},
		{"timeline: [{fault: kill, target: any, hold: 1s}, {sequence: [{fault: kill, target: any, overlap: true}]}]", "x.yaml:7:98: the first fault of a sequence overlaps with nothing in it"},
		{"timeline: [{until: {lag: 5}, sequence: [{fault: kill, target: any, until: {lag: 6}}]}]", "x.yaml:7:20: the first fault of the sequence has a condition of its own"},
		// Guards.
		{"guards: {max_down: 0}", "x.yaml:7:20: guards.max_down is 0: it must be at least 1"},
		{"guards: {max_donw: 1}", `x.yaml:7:10: unknown key "max_donw" in guards: did you mean "max_down"?`},
		{"guards: {max_down: 1}\n" + mix("faults: [{fault: kill, target: all}, {fault: kill, target: any}]"), "x.yaml:8:71: kill all can never be drawn: alone it might break a guard (at most 1 down at once)"},
		{"guards: {keep_quorum: true}\ntimeline: [{fault: kill, target: quorum}]", "x.yaml:8:34: guard keep_quorum: 2 of 3 voters would be down, and those left are no majority"},
		{"guards: {max_down: 1}\ntimeline: [{fault: pause, target: any, hold: 2s}, {fault: kill, target: any, after: 1s, overlap: true}]",
			"x.yaml:8:73: guard max_down: 1 at most may be down at once, and 2 would be, as these are in force: fault 1, pause any"},
	} {
		t.Run(test.add, func(t *testing.T) {
			s, err := spec.Parse("x.yaml", []byte(head+test.add+"\n"))
			if err == nil {
				_, err = Make(s, 1, Overrides{})
			}
			var all spec.Errors
			if !errors.As(err, &all) || len(all) != 1 || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error is\n%v\nwant\n%s", err, test.want)
			}
		})
	}
	// Faults of links next to one that is down do not count, nor what has healed by the plan.
	for _, good := range []string{
		"guards: {max_down: 1}\ntimeline: [{fault: pause, target: any, hold: 2s}, {fault: slow-disk, target: any, delay: 1s, after: 1s, overlap: true}]",
		"guards: {max_down: 1, keep_quorum: true}\ntimeline: [{fault: kill, target: controller, hold: 1s}, {fault: kill, target: controller}]",
	} {
		if _, err := Make(parse(t, head+good+"\n"), 1, Overrides{}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// The timeline that the README shows is one.
func TestTheTimelineOfTheReadmeCanBePlanned(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### Timelines\n")
	parts := strings.Split(section, "```")
	if len(parts) < 3 {
		t.Fatal("the README shows no timeline")
	}
	const around = `name: readme
placement: sim
brokers: 3
controllers: 3
topics: [{name: orders, partitions: 3, replication_factor: 3, min_isr: 2}]
load: {rate: 300/s}
limits: {total: 5m}
`
	p, err := Make(parse(t, around+parts[1]), 1, Overrides{})
	if err != nil || len(p.Timeline) < 8 {
		t.Errorf("%d faults, %v", len(p.Timeline), err)
	}
}
