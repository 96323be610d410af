package timeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTargetsPrintAsTheyParse(t *testing.T) {
	for text, want := range map[Target]Selector{
		"any":              {Any: true},
		"node(0)":          {Node: 0},
		"node(12)":         {Node: 12},
		"node(2147483647)": {Node: 2147483647},
	} {
		got, err := text.Selector()
		if err != nil || got != want {
			t.Errorf("%q.Selector() = %+v, %v; want %+v", text, got, err, want)
		}
		if got.Target() != text {
			t.Errorf("%q prints back as %q", text, got.Target())
		}
	}
}

func TestBadTargetsSayWhatToWrite(t *testing.T) {
	for _, text := range []Target{"", "leader", "node", "node()", "node(-1)", "node(x)", "node(1", "node(01)", "node(+1)", "node(2147483648)", "Any"} {
		if _, err := text.Selector(); err == nil || !strings.Contains(err.Error(), "node(0)") {
			t.Errorf("%q.Selector() error = %v; want one that offers node(0)", text, err)
		}
	}
}

func TestResolve(t *testing.T) {
	nodes := []int32{0, 1, 5}
	never := func(int) int { t.Error("a named node must not draw"); return 0 }
	if got, err := Resolve("node(5)", nodes, never); err != nil || got != 5 {
		t.Errorf("Resolve(node(5)) = %d, %v", got, err)
	}
	asked := 0
	got, err := Resolve(Any, nodes, func(n int) int { asked = n; return 1 })
	if err != nil || got != 1 || asked != 3 {
		t.Errorf("Resolve(any) = %d, %v after a draw of %d; want node 1 of 3", got, err, asked)
	}
	_, err = Resolve("node(7)", []int32{0}, never)
	if err == nil || !strings.Contains(err.Error(), "node 0 only") {
		t.Errorf("Resolve(node(7) of 1) error = %v; want the nodes there are", err)
	}
	if _, err = Resolve(Any, nil, never); err == nil {
		t.Error("Resolve(any) of no nodes must fail")
	}
}

func TestKindsAreCompleteAndSorted(t *testing.T) {
	for i, info := range Kinds() {
		if info.Help == "" || info.Capability == "" || len(info.Placements) == 0 {
			t.Errorf("%s: the table says too little: %+v", info.Kind, info)
		}
		if i > 0 && Kinds()[i-1].Kind >= info.Kind {
			t.Errorf("%s is not sorted", info.Kind)
		}
		for _, p := range info.Placements {
			if !slices.Contains(Placements(), p) {
				t.Errorf("%s: unknown placement %s", info.Kind, p)
			}
		}
	}
	Kinds()[0].Kind = "changed"
	if _, ok := Lookup("changed"); ok {
		t.Error("a caller of Kinds changed the table")
	}
}

func TestValidateFindsEveryProblem(t *testing.T) {
	line := Timeline{
		{Kind: Kill, Target: "node(0)", After: time.Second},
		{Kind: "kil", Target: "node(7)", After: -1, Hold: -1},
	}
	var fields []string
	for _, p := range line.Validate(Process, []int32{0}) {
		if p.Fault != 1 {
			t.Errorf("problem in fault %d: %v", p.Fault, p)
		}
		fields = append(fields, p.Field)
	}
	if want := []string{"fault", "target", "after", "hold"}; !slices.Equal(fields, want) {
		t.Errorf("problems in %v, want %v", fields, want)
	}
	if p := line[:1].Validate(Process, []int32{0}); p != nil {
		t.Errorf("a good timeline has problems: %v", p)
	}
}

func TestAFaultThatThePlacementCannotDo(t *testing.T) {
	problems := Timeline{{Kind: Kill, Target: Any}}.Validate("external", []int32{0})
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), `placement "external" cannot do kill`) {
		t.Errorf("Validate = %v", problems)
	}
}

func TestFaultJSONRoundTrip(t *testing.T) {
	want := Timeline{{Kind: Kill, Target: Any, After: 1500 * time.Millisecond, Hold: time.Minute}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); text != `[{"kind":"kill","target":"any","after":"1.5s","hold":"1m0s"}]` {
		t.Errorf("JSON is %s", text)
	}
	var got Timeline
	if err := json.Unmarshal(data, &got); err != nil || !slices.Equal(got, want) {
		t.Errorf("read back %v, %v", got, err)
	}
	for _, bad := range []string{`[{"after":"x","hold":"1s"}]`, `[{"after":"1s","hold":"x"}]`, `[3]`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	if got := want.Duration(); got != 61500*time.Millisecond {
		t.Errorf("Duration = %v", got)
	}
}
