package timeline

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTargetsPrintAsTheyParse(t *testing.T) {
	for text, want := range map[Target]Selector{
		"any":                                 {Any: true},
		"node(0)":                             {Node: 0},
		"node(12)":                            {Node: 12},
		"node(2147483647)":                    {Node: 2147483647},
		"controller":                          {Role: Controller},
		"all":                                 {Role: All},
		"leader(orders,0)":                    {Role: Leader, Topic: "orders"},
		"coordinator(workers)":                {Role: Coordinator, Group: "workers"},
		"transaction-coordinator(producer-0)": {Role: TransactionCoordinator, Transactional: "producer-0"},
		"follower(a.b,7)":                     {Role: Follower, Topic: "a.b", Partition: 7},
		"followers(x-1,2)":                    {Role: Followers, Topic: "x-1", Partition: 2},
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
	for _, text := range []Target{"", "leader", "node", "node()", "node(-1)", "node(x)", "node(1", "node(01)", "node(+1)", "node(2147483648)", "Any", "Controller", "controller()", "leaders(x,0)", "node(x,0)"} {
		if _, err := text.Selector(); err == nil || !strings.Contains(err.Error(), "node(0)") {
			t.Errorf("%q.Selector() error = %v; want one that offers node(0)", text, err)
		}
	}
}

func TestBadRolesSayWhatToWrite(t *testing.T) {
	for _, text := range []Target{"leader()", "leader(orders)", "leader(orders", "leader(orders,0", "leader(,0)", "leader(orders,)",
		"leader(orders,-1)", "leader(orders,01)", "leader(orders, 0)", "leader(orders,2147483648)"} {
		if s, err := text.Selector(); err == nil || !strings.Contains(err.Error(), "write leader(orders,0), between braces in quotes") {
			t.Errorf("%q.Selector() = %+v, %v; want an error that shows the form", text, s, err)
		}
	}
}

// cluster is one whose nodes are all brokers and voters.
func cluster(ids ...int32) Members { return Members{Nodes: ids, Brokers: ids, Voters: ids, Clients: 3} }

// placed is a cluster of one partition, orders/0, and a controller.
type placed struct {
	leader     int32
	replicas   []int32
	controller int32
	err        error
}

func (p placed) Leader(_ context.Context, topic string, partition int32) (int32, error) {
	if topic != "orders" || partition != 0 {
		return 0, errors.New("UNKNOWN_TOPIC_OR_PARTITION")
	}
	return p.leader, p.err
}

func (p placed) Replicas(context.Context, string, int32) ([]int32, error) { return p.replicas, p.err }
func (p placed) Controller(context.Context) (int32, error)                { return p.controller, p.err }

// grouped can tell coordinators too.
type grouped struct{ placed }

func (g grouped) Coordinator(_ context.Context, group string) (int32, error) {
	if group != "workers" {
		return 0, errors.New("nobody coordinates it")
	}
	return 5, nil
}

func (g grouped) TransactionCoordinator(_ context.Context, transactional string) (int32, error) {
	if transactional != "producer-0" {
		return 0, errors.New("nobody coordinates it")
	}
	return 1, nil
}

func TestLocate(t *testing.T) {
	where := placed{leader: 2, replicas: []int32{5, 2, 1}, controller: 0}
	for _, c := range []struct {
		target Target
		where  Locator
		want   []int32
		err    string
	}{
		{"node(5)", nil, []int32{5}, ""},
		{"any", nil, []int32{1}, ""}, // the draw below says 1
		{"controller", where, []int32{0}, ""},
		{"all", nil, []int32{0, 1, 2, 5}, ""},
		{"leader(orders,0)", where, []int32{2}, ""},
		{"followers(orders,0)", where, []int32{1, 5}, ""},
		{"follower(orders,0)", where, []int32{5}, ""},
		{"leader(orders,1)", where, nil, "target leader(orders,1): UNKNOWN_TOPIC"},
		{"followers(orders,0)", placed{leader: 2, replicas: []int32{2}}, nil, "no follower"},
		{"controller", placed{controller: 9}, nil, "node 9, which this cluster did not start"},
		{"controller", placed{err: errors.New("nobody answers")}, nil, "nobody answers"},
		{"controller", nil, nil, "Locator"},
		{"coordinator(workers)", grouped{where}, []int32{5}, ""},
		{"coordinator(clerks)", grouped{where}, nil, "nobody coordinates it"},
		{"coordinator(workers)", where, nil, "GroupLocator"},
		{"coordinator()", grouped{where}, nil, "unknown target"},
		{"transaction-coordinator(producer-0)", grouped{where}, []int32{1}, ""},
		{"transaction-coordinator(producer-1)", grouped{where}, nil, "nobody coordinates it"},
		{"transaction-coordinator(producer-0)", where, nil, "TransactionLocator"},
		{"transaction-coordinator()", grouped{where}, nil, "unknown target"},
		{"leader", where, nil, "unknown target"},
		{"node(7)", where, nil, "no such node"},
	} {
		got, err := Locate(t.Context(), c.target, cluster(0, 1, 2, 5), func(int) int { return 1 }, c.where)
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Locate(%s) = %v, %v; want %v, %q", c.target, got, err, c.want, c.err)
		}
	}
}

func TestRolesThatNobodyCanHave(t *testing.T) {
	topics := []Topic{{"orders", 2, 3}, {"solo", 1, 1}}
	for target, want := range map[Target]string{
		"leader(orders,1)":    "",
		"followers(orders,0)": "",
		"leader(solo,0)":      "",
		"controller":          "",
		"any":                 "",
		"all":                 "",
		"nonsense":            "",
		"leader(ordres,0)":    `there is no topic "ordres", the topics are orders, solo`,
		"leader(orders,2)":    "topic orders has the partitions 0 to 1",
		"follower(solo,0)":    "replication factor 1, so there is no follower",
	} {
		got := Timeline{{Target: Any}, {Target: target}}.ValidateRoles(topics)
		if want == "" && got == nil {
			continue
		}
		if len(got) != 1 || got[0].Fault != 1 || got[0].Field != "target" || want == "" || !strings.Contains(got[0].Text, want) {
			t.Errorf("ValidateRoles(%s) = %v; want %q", target, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	line := Timeline{
		{Kind: Pause, Target: "followers(orders,0)", After: 2 * time.Second, Hold: 800 * time.Millisecond},
		{Kind: Kill, Target: "leader(orders,0)", After: 400 * time.Millisecond, Hold: 3 * time.Second, Overlap: true},
		{Kind: Kill, Target: Any, After: time.Second, Hold: time.Second},
	}
	if p := line.Validate(Process, cluster(0, 1, 2)); p != nil {
		t.Errorf("problems: %v", p)
	}
	if line.Group(0) != 2 || line.Group(2) != 3 {
		t.Errorf("groups end at %d and %d; want 2 and 3", line.Group(0), line.Group(2))
	}
	if got := line.InForce(); got != 4400*time.Millisecond {
		t.Errorf("InForce = %v; want 0.4 s and 3 s, then 1 s", got)
	}
	if got := line.Duration(); got != 7400*time.Millisecond {
		t.Errorf("Duration = %v; want 3 s more", got)
	}
	if got := line[1].String(); got != "meanwhile kill leader(orders,0) after 400ms, hold 3s" {
		t.Errorf("it reads %q", got)
	}
	for want, change := range map[string]func(Timeline){
		"fault 1 of the timeline, overlap: there is no fault before": func(l Timeline) { l[0].Overlap = true },
		"fault 2 of the timeline, after: 800ms is too late":          func(l Timeline) { l[1].After = 800 * time.Millisecond },
	} {
		bad := slices.Clone(line)
		change(bad)
		if p := bad.Validate(Process, cluster(0, 1, 2)); len(p) != 1 || !strings.HasPrefix(p[0].Error(), want) {
			t.Errorf("problems %v; want %q", p, want)
		}
	}
}

func TestResolve(t *testing.T) {
	nodes := cluster(0, 1, 5)
	never := func(int) int { t.Error("a named node must not draw"); return 0 }
	if got, err := Resolve("node(5)", nodes, never); err != nil || got != 5 {
		t.Errorf("Resolve(node(5)) = %d, %v", got, err)
	}
	asked := 0
	got, err := Resolve(Any, nodes, func(n int) int { asked = n; return 1 })
	if err != nil || got != 1 || asked != 3 {
		t.Errorf("Resolve(any) = %d, %v after a draw of %d; want node 1 of 3", got, err, asked)
	}
	_, err = Resolve("node(7)", cluster(0), never)
	if err == nil || !strings.Contains(err.Error(), "node 0 only") {
		t.Errorf("Resolve(node(7) of 1) error = %v; want the nodes there are", err)
	}
	if _, err = Resolve("controller", nodes, never); err == nil || !strings.Contains(err.Error(), "running cluster") {
		t.Errorf("Resolve(controller) error = %v", err)
	}
	if _, err = Resolve(Any, Members{}, never); err == nil {
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
	for _, p := range line.Validate(Process, cluster(0)) {
		if p.Fault != 1 {
			t.Errorf("problem in fault %d: %v", p.Fault, p)
		}
		fields = append(fields, p.Field)
	}
	if want := []string{"fault", "target", "after", "hold"}; !slices.Equal(fields, want) {
		t.Errorf("problems in %v, want %v", fields, want)
	}
	if p := line[:1].Validate(Process, cluster(0)); p != nil {
		t.Errorf("a good timeline has problems: %v", p)
	}
}

func TestAFaultThatThePlacementCannotDo(t *testing.T) {
	problems := Timeline{{Kind: Kill, Target: Any}}.Validate("external", cluster(0))
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), `placement "external" cannot do kill`) {
		t.Errorf("Validate = %v", problems)
	}
}

func TestFaultJSONRoundTrip(t *testing.T) {
	want := Timeline{
		{Kind: Kill, Target: Any, After: 1500 * time.Millisecond, Hold: time.Minute},
		{Kind: Pause, Target: Any, After: 1, Hold: 2, Overlap: true},
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); text != `[{"kind":"kill","target":"any","after":"1.5s","hold":"1m0s"},`+
		`{"kind":"pause","target":"any","after":"1ns","hold":"2ns","overlap":true}]` {
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
	if got := want[:1].Duration(); got != 61500*time.Millisecond {
		t.Errorf("Duration = %v", got)
	}
}
