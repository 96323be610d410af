package timeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every parameter of the table can be read from its default, and each default passes its own check.
func TestDefaultsOfEveryKindAreGood(t *testing.T) {
	for _, info := range Kinds() {
		f := Fault{Kind: info.Kind, Target: "node(0)"}.WithDefaults()
		if info.Peers != (f.Peers == Target(Everyone)) {
			t.Errorf("%s: its peers are %q", info.Kind, f.Peers)
		}
		for _, p := range info.Params {
			if p.Help == "" || !slices.Contains(ParamNames(), p.Name) || p.Required && p.Default != "" {
				t.Errorf("%s: the table says too little of %s", info.Kind, p.Name)
			}
			if zero := p.Default == "0" || p.Default == "0s"; p.Default != "" && !zero && f.Params.Text(p.Name) != p.Default {
				t.Errorf("%s: %s is %q; its default is %q", info.Kind, p.Name, f.Params.Text(p.Name), p.Default)
			}
		}
		for _, p := range f.checkParams(info) {
			if p.Field != "fault" || !strings.Contains(p.Text, " needs ") {
				t.Errorf("%s: its defaults give %v", info.Kind, p)
			}
		}
		if again := f.WithDefaults(); again != f {
			t.Errorf("%s: defaults of defaults are %+v", info.Kind, again)
		}
	}
}

func TestParamsPrintAndRoundTrip(t *testing.T) {
	line := Timeline{
		{Kind: Delay, Target: "node(0)", Peers: "followers(orders,0)", Params: Params{Direction: In, Delay: time.Second, Jitter: time.Millisecond}},
		{Kind: Bandwidth, Target: "client(1)", Peers: "nodes", Params: Params{Direction: Both, Rate: 65536}},
		{Kind: RewriteError, Target: "any", Peers: "clients", Params: Params{API: "Fetch", Topic: "orders", Error: "X_Y", Count: 3}},
		{Kind: DropResponse, Target: "any", Peers: "clients", Params: Params{API: "Fetch", Topic: "orders", Partition: EveryPartition}},
		{Kind: DiskFull, Target: "any", Params: Params{Space: 1 << 20}},
		{Kind: Clock, Target: "any", Params: Params{Offset: -3 * time.Second}},
		{Kind: Kill, Target: "quorum"},
	}
	wants := []string{
		"delay node(0) (peers followers(orders,0), direction in, delay 1s, jitter 1ms)", "bandwidth client(1) (peers nodes, rate 65536)",
		"rewrite-error any (peers clients, api Fetch, topic orders, partition 0, error X_Y, count 3)",
		"drop-response any (peers clients, api Fetch, topic orders, partition -1)", "disk-full any (space 1048576)",
		"clock any (offset -3s)", "kill quorum",
	}
	for i, want := range wants {
		if got := line[i].What(); got != want {
			t.Errorf("it reads %q, want %q", got, want)
		}
	}
	data, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	var back Timeline
	if err := json.Unmarshal(data, &back); err != nil || !slices.Equal(back, line) {
		t.Errorf("read back\n%v, %v\nfrom %s", back, err, data)
	}
	if want := `{"kind":"delay","target":"node(0)","peers":"followers(orders,0)","params":{"direction":"in","delay":"1s","jitter":"1ms"},"after":"0s","hold":"0s"}`; !strings.Contains(string(data), want) {
		t.Errorf("JSON is %s", data)
	}
}

func TestBadParamsAndPeers(t *testing.T) {
	for _, c := range []struct {
		f           Fault
		field, want string
	}{
		{Fault{Kind: Kill, Target: "node(0)", Params: Params{Delay: 1}}, "delay", "kill takes no parameters"},
		{Fault{Kind: Delay, Target: "node(0)", Params: Params{Delay: 1, Rate: 2}}, "rate", "delay does not take rate: it takes delay, jitter, direction"},
		{Fault{Kind: Delay, Target: "node(0)"}, "fault", "delay needs delay: time added"},
		{Fault{Kind: Delay, Target: "node(0)", Params: Params{Delay: -1}}, "delay", "not be negative"},
		{Fault{Kind: Delay, Target: "node(0)", Params: Params{Delay: 1, Jitter: 2}}, "jitter", "not be more than the delay"},
		{Fault{Kind: Cut, Target: "node(0)", Params: Params{Direction: "up"}}, "direction", `unknown direction "up"`},
		{Fault{Kind: DropResponse, Target: "node(0)", Params: Params{API: "Prodcue"}}, "api", `unknown api "Prodcue"`},
		{Fault{Kind: RewriteError, Target: "node(0)", Params: Params{Error: "not leader"}}, "error", "Kafka's name"},
		{Fault{Kind: DropResponse, Target: "node(0)", Params: Params{Topic: "a", Partition: -2}}, "partition", "not be negative"},
		{Fault{Kind: Poison, Target: "node(0)", Params: Params{Topic: "a", Count: 1 << 30}}, "count", "at most 100000"},
		{Fault{Kind: DiskFull, Target: "node(0)", Params: Params{Space: -1}}, "space", "not be negative"},
		{Fault{Kind: Clock, Target: "node(0)"}, "fault", "clock needs offset"},
		{Fault{Kind: Kill, Target: "node(0)", Peers: "nodes"}, "peers", "kill has no peers"},
		{Fault{Kind: Cut, Target: "node(0)", Peers: "node(0)"}, "peers", "the target itself"},
		{Fault{Kind: Cut, Target: "node(0)", Peers: "all"}, "peers", "write nodes"},
		{Fault{Kind: Cut, Target: "node(0)", Peers: "node(9)"}, "peers", "no such node"},
		{Fault{Kind: Cut, Target: "node(0)", Peers: "nobody"}, "peers", "unknown target"},
		{Fault{Kind: Cut, Target: "client(0)", Peers: "clients"}, "peers", "no link"},
		{Fault{Kind: Cut, Target: "client(3)"}, "target", "the clients 0 to 2"},
		{Fault{Kind: Cut, Target: "everyone", Peers: "node(1)"}, "target", "write all"},
		{Fault{Kind: Kill, Target: "clients"}, "target", "this fault strikes nodes"},
		{Fault{Kind: CrashClient, Target: "node(0)"}, "target", "no client"},
		{Fault{Kind: TransferLeader, Target: "node(0)"}, "target", "write leader(orders,0)"},
	} {
		problems := Timeline{c.f.WithDefaults()}.Validate(Process, cluster(0, 1, 2))
		if len(problems) != 1 || problems[0].Field != c.field || !strings.Contains(problems[0].Text, c.want) {
			t.Errorf("%s: %v; want %s: %q", c.f.What(), problems, c.field, c.want)
		}
	}
	for _, f := range []Fault{{Kind: Kill, Target: "minority"}, {Kind: Kill, Target: "majority"}} {
		m := cluster(0)
		m.Brokers = nil
		if p := (Timeline{f}).Validate(Process, m); len(p) != 1 || !strings.Contains(p[0].Text, "there is none") {
			t.Errorf("%s without brokers: %v", f.Target, p)
		}
	}
	topics := []Topic{{"orders", 2, 3}}
	for _, c := range []struct {
		p           Params
		field, want string
	}{
		{Params{Topic: "ordres"}, "topic", "there is no topic"},
		{Params{Topic: "orders", Partition: 2}, "partition", "the partitions 0 to 1"},
	} {
		got := Timeline{{Kind: Poison, Target: "any", Params: c.p}}.ValidateRoles(topics)
		if len(got) != 1 || got[0].Field != c.field || !strings.Contains(got[0].Text, c.want) {
			t.Errorf("%+v: %v", c.p, got)
		}
	}
}

func TestSomeOfManyAreDrawn(t *testing.T) {
	m := Members{Nodes: []int32{0, 1, 2, 3, 4, 100, 101, 102}, Brokers: []int32{0, 1, 2, 3, 4}, Voters: []int32{100, 101, 102}}
	last := func(n int) int { return n - 1 }
	for target, want := range map[Target][]int32{
		"minority": {0, 4}, "majority": {0, 1, 4}, "quorum": {100, 102},
	} {
		if got, err := Locate(t.Context(), target, m, last, nil); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %v, %v; want %v", target, got, err, want)
		}
	}
	if _, err := Locate(t.Context(), "clients", m, last, nil); err == nil {
		t.Error("clients are nodes")
	}
}

func TestPeers(t *testing.T) {
	m := Members{Nodes: []int32{0, 1, 2, 100}, Brokers: []int32{0, 1, 2}, Voters: []int32{100}}
	first := func(int) int { return 0 }
	node := func(ids ...int32) []End { return nodeEnds(ids) }
	clients := End{Client: true, ID: EveryClient}
	for _, c := range []struct {
		peers   Target
		targets []End
		want    []End
	}{
		{"everyone", node(0, 1), append(node(2, 100), clients)},
		{"nodes", node(0), node(1, 2, 100)},
		{"clients", node(0), []End{clients}},
		{"client(2)", node(0), []End{{true, 2}}},
		{"everyone", []End{{true, 0}}, node(0, 1, 2, 100)},
		{"node(1)", node(0), node(1)},
		{"all", node(0), node(1, 2, 100)},
		{"node(0)", node(0), nil},
	} {
		got, err := PeerEnds(t.Context(), c.peers, c.targets, m, first, nil)
		if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("peers %s of %v are %v, %v; want %v", c.peers, c.targets, got, err, c.want)
		}
	}
	if got := (End{true, 1}).String() + " " + clients.String() + " " + NodeEnd(3).String(); got != "client 1 clients node 3" {
		t.Errorf("ends read %q", got)
	}
}
