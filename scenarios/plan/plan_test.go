package plan

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/spec"
)

var update = flag.Bool("update", false, "rewrite the golden plans")

func load(t *testing.T, name string) spec.Spec {
	t.Helper()
	s, err := spec.Load(scenarios.Files(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text is everything a plan prints.
func text(t *testing.T, p Plan) string {
	t.Helper()
	data, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return p.String() + "\n" + string(data)
}

func TestGoldenPlans(t *testing.T) {
	for _, name := range scenarios.Names() {
		t.Run(name, func(t *testing.T) {
			s := load(t, name)
			var over Overrides
			if s.Expect != nil {
				over.Bugs = []string{s.Expect.Bug}
			}
			p, err := Make(s, 7, over)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".plan")
			if *update {
				if err := os.WriteFile(file, []byte(text(t, p)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, p); got != string(want) {
				t.Errorf("the plan changed; if that is meant, run `go test ./scenarios/plan -update`\ngot\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	planned := func(seed int64) string {
		p, err := Make(load(t, "demo"), seed, Overrides{Bugs: []string{"b", "a", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		return text(t, p)
	}
	first := planned(7)
	for range 10 {
		if again := planned(7); again != first {
			t.Fatalf("seed 7 gave\n%s\nand\n%s", first, again)
		}
	}
	if planned(8) == first {
		t.Error("seeds 7 and 8 gave the same plan")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, name := range scenarios.Names() {
		p, err := Make(load(t, name), -1, Overrides{Bugs: []string{"no-dedupe"}})
		if err != nil {
			t.Fatal(err)
		}
		data, err := p.JSON()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(data)
		if err != nil || !reflect.DeepEqual(back, p) {
			t.Errorf("%s read back as %+v, %v\nwant %+v", name, back, err, p)
		}
	}
	for data, want := range map[string]string{
		`{`:                                      "damaged",
		`{"schema":"x"}`:                         `schema is "x"`,
		`{"schema":"` + Schema + `1"}`:           "use the version that made the run",
		`{"schema":"` + Schema + `","nodez":[]}`: "nodez",
		`{"schema":"` + Schema + `","load":{"linger":"x"}}`: "not a duration",
	} {
		if _, err := Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %v; want %q", data, err, want)
		}
	}
}

const head = `name: x
topics: [{name: orders, partitions: 2}, {name: clicks}]
load: {rate: 1000/s, readers: 2}
warm_up: {hold: 2s}
cool_down: 3s
`

func parse(t *testing.T, yaml string) spec.Spec {
	t.Helper()
	s, err := spec.Parse("x.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatCannotBeDonePointsIntoTheFile(t *testing.T) {
	for _, test := range []struct{ add, want string }{
		{"timeline: [{fault: kill, target: node(7)}]", "x.yaml:6:34: target node(7): there is no such node, the cluster has node 0 only"},
		{"timeline: [{fault: kil, target: any}]", `x.yaml:6:20: unknown fault "kil": did you mean "kill"?`},
		{"timeline: [{fault: meteor, target: any}]", `x.yaml:6:20: unknown fault "meteor": known are bandwidth, bit-rot, clock`},
		{"timeline: [{target: any}]", `x.yaml:6:12: unknown fault "": known are bandwidth, bit-rot, clock`},
		{"timeline: [{fault: kill}]", `x.yaml:6:12: unknown target ""`},
		{"timeline: [{fault: kill, target: leader}]", `x.yaml:6:34: unknown target "leader": write node(0)`},
		{"timeline: [{fault: kill, target: leader(orders,0)}]", `x.yaml:6:48: unknown key "0)" in timeline[0]: known are fault, target, peers, direction, delay, jitter, rate, api, topic, partition, error, count, space, offset, after, hold, repeat, overlap, until, mix, sequence; is it a part of a value? Between braces one with a comma needs quotes`},
		{"timeline: [{fault: kill, target: any, after: -1s}]", "x.yaml:6:46: -1s is before the load began"},
		{"timeline: [{fault: kill, target: any, hold: -1s}]", "x.yaml:6:45: -1s is no time to hold a fault"},
		{"timeline: [{fault: kill, target: coordinator(workers)}]", `x.yaml:6:34: target coordinator(workers): there is no group "workers", the groups are none`},
		{"timeline: [{fault: kill, target: transaction-coordinator(producer-0)}]", `x.yaml:6:34: target transaction-coordinator(producer-0): no client writes in transactions under the name "producer-0", those that do are none`},
		{"timeline: [{fault: double-client, target: client(0)}]", `x.yaml:6:43: client(0) does not write in transactions: double one of those that do`},
		{`timeline: [{fault: kill, target: "leader(ordres,0)"}]`, `x.yaml:6:34: target leader(ordres,0): there is no topic "ordres", the topics are orders, clicks`},
		{`timeline: [{fault: kill, target: "leader(orders,2)"}]`, "x.yaml:6:34: target leader(orders,2): topic orders has the partitions 0 to 1"},
		{`timeline: [{fault: pause, target: "followers(orders,0)"}]`, "x.yaml:6:35: target followers(orders,0): topic orders has replication factor 1"},
		{"timeline: [{fault: pause, target: any, overlap: true}]", "x.yaml:6:49: there is no fault before the first one"},
		{"timeline: [{fault: pause, target: any, hold: 1s}, {fault: kill, target: any, after: 1s, overlap: true}]", "x.yaml:6:85: 1s is too late to overlap: the fault before it is held for 1s only"},
		{"timeline: [{fault: pause, target: any, hold: 1s, repeat: 2}, {fault: kill, target: any, overlap: true}]", "x.yaml:6:98: overlap does not go with the repeat"},
		{"timeline: [{fault: pause, target: any, hold: 1s}, {fault: kill, target: any, repeat: 2, hold: 1s, overlap: true}]", "x.yaml:6:86: repeat does not go with overlap"},
		{"brokers: 15\ncontrollers: 3", "x.yaml:6:10: 15 brokers and 3 controllers are 18 nodes, and system reference runs on at most 16 of one machine: write fewer"},
		{"limits: {total: 5s}", "x.yaml:6:17: limits.total is 5s: the phases alone take 5s"},
	} {
		t.Run(test.add, func(t *testing.T) {
			s, err := spec.Parse("x.yaml", []byte(head+test.add+"\n"))
			var p Plan
			if err == nil {
				p, err = Make(s, 1, Overrides{})
			}
			var all spec.Errors
			if !errors.As(err, &all) || len(all) != 1 || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error is\n%v\nwant\n%s", err, test.want)
			}
			if !reflect.DeepEqual(p, Plan{}) {
				t.Errorf("there is a plan beside the error: %+v", p)
			}
		})
	}
}

func TestAPlacementThatCannotDoTheFault(t *testing.T) {
	s := parse(t, head+"timeline:\n  - fault: kill\n    target: any\n")
	s.Placement = "external" // no file can ask for it: spec knows only what has faults
	_, err := Make(s, 1, Overrides{})
	if err == nil || !strings.HasPrefix(err.Error(), `x.yaml:7:12: placement "external" cannot do kill: it needs the capability Killer`) {
		t.Errorf("error is %v", err)
	}
}

func TestAllProblemsInTheOrderOfTheFile(t *testing.T) {
	_, err := Make(parse(t, "limits: {total: 1s}\n"+head+"brokers: 17\ntimeline: [{fault: kil, target: node(17)}]\n"), 1, Overrides{Bugs: []string{""}})
	var all spec.Errors
	if !errors.As(err, &all) || len(all) != 5 {
		t.Fatalf("error is\n%v\nwant five", err)
	}
	last := 0
	for _, e := range all {
		if e.Line < last {
			t.Errorf("line %d after line %d", e.Line, last)
		}
		last = e.Line
	}
}

func TestFloors(t *testing.T) {
	line := "timeline: [{fault: kill, target: any, after: 5s, hold: 1h}]\nlimits: {total: 2h}\n"
	for _, test := range []struct {
		name, add string
		over      Overrides
		want      Floor
	}{
		// 2 s of warm-up, 5 s before the fault, 3 s of cool-down; nothing is asked of the hour of the fault.
		{"default", line, Overrides{}, Floor{PerSecond: 500, Acked: 5000, Read: 10000}},
		{"given", line + "floor: {rate: 0.3, acked: 7, read: 8}", Overrides{}, Floor{PerSecond: 300, Acked: 7, Read: 8}},
		{"another rate", line + "floor: {acked: 7, read: 8}", Overrides{Rate: pace.PerSecond(10)}, Floor{PerSecond: 5, Acked: 50, Read: 100}},
		// Two faults in force together for 1 h and 2 s, the second 2 s after the first.
		{"overlap", strings.Replace(line, "1h}", "1h}, {fault: pause, target: any, after: 2s, hold: 1h, overlap: true}", 1),
			Overrides{}, Floor{PerSecond: 500, Acked: 5000, Read: 10000}},
		{"never nothing", line, Overrides{Rate: pace.Rate{Records: 1, Per: 1 << 62}}, Floor{PerSecond: 1, Acked: 1, Read: 2}},
	} {
		p, err := Make(parse(t, head+test.add), 1, test.over)
		if err != nil || p.Floor != test.want {
			t.Errorf("%s: floor is %+v, %v; want %+v", test.name, p.Floor, err, test.want)
		}
	}
	if _, err := Make(parse(t, head), 1, Overrides{Rate: pace.Rate{Records: 1}}); err == nil {
		t.Error("a rate without a span was planned")
	}
}

func TestPartsOfAPlan(t *testing.T) {
	p, err := Make(parse(t, head), 1, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Phase(Faults); ok {
		t.Error("a plan without faults has a phase for them")
	}
	if w, ok := p.Phase(WarmUp); !ok || w.Hold.String() != "2s" || w.Rate != pace.PerSecond(1000) || p.Rate() != w.Rate {
		t.Errorf("warm-up is %+v, %v", w, ok)
	}
	var all []string
	for _, part := range p.Partitions() {
		all = append(all, part.String())
	}
	if got := strings.Join(all, " "); got != "orders/0 orders/1 clicks/0" {
		t.Errorf("partitions: %s", got)
	}
	if p.Duration().String() != "5s" {
		t.Errorf("Duration = %v", p.Duration())
	}
	if (Plan{}).Rate() != (pace.Rate{}) {
		t.Error("the zero plan has a rate")
	}
}

func TestFaultsThatOverlapArePrintedInTheirPlaces(t *testing.T) {
	p, err := Make(parse(t, head+`timeline:
  - {fault: pause, target: controller, after: 2s, hold: 800ms}
  - {fault: kill, target: "leader(orders,1)", after: 400ms, hold: 3s, overlap: true}
`), 1, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := `           fault 1: pause controller after 2s, hold 800ms, then heal
           fault 2: meanwhile kill leader(orders,1) after 400ms, hold 3s, then heal
`
	if !strings.Contains(p.String(), want) {
		t.Errorf("the plan reads\n%s\nwant in it\n%s", p, want)
	}
	// 2 s of load, then 400 ms of the first fault alone and 3 s of the second.
	if faults, _ := p.Phase(Faults); faults.Hold.String() != "5.4s" {
		t.Errorf("the faults take %v", faults.Hold)
	}
}
