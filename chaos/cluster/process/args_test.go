package process

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBrokerArgs(t *testing.T) {
	self := Endpoint{Node: 3, Broker: true, Listen: "127.0.0.1:20000", Direct: "127.0.0.1:20000", Metrics: "127.0.0.1:20001", Dir: "/n", Data: "/d"}
	plain := []string{"broker", "--node-id", "3", "--listen", self.Listen, "--metrics", self.Metrics, "--data", "/d", "--flush", "commit", "--events", "/n/events.jsonl"}
	timing := Timing{SessionTimeout: 600 * time.Millisecond}
	if got := (Broker{Flush: "commit", Timing: timing}).Args(self, []Endpoint{self}); !slices.Equal(got, plain) {
		t.Errorf("Args of one node alone = %q", got)
	}
	want := append(plain, "--disk", "sync-delay=5ms", "--bug", "no-dedupe")
	if got := (Broker{Flush: "commit", Disk: "sync-delay=5ms", Bugs: "no-dedupe"}).Args(self, nil); !slices.Equal(got, want) {
		t.Errorf("Args = %q", got)
	}
}

// Every node is told the peer listeners of all voters, its own roles, and how fast the cluster is.
func TestArgsOfACluster(t *testing.T) {
	all := []Endpoint{
		{Node: 0, Broker: true, Controller: true, Listen: "h:1", Direct: "h:1", Metrics: "h:2", Peers: "h:3", DirectPeers: "h:3", Dir: "/0", Data: "/0/d"},
		{Node: 1, Broker: true, Listen: "h:4", Direct: "h:4", Metrics: "h:5", Peers: "h:6", DirectPeers: "h:6", Dir: "/1", Data: "/1/d"},
		{Node: 100, Controller: true, Metrics: "h:8", Peers: "h:9", DirectPeers: "h:9", Dir: "/100", Data: "/100/d"},
	}
	b := Broker{Flush: "none", Rack: "east", Replication: 3, MinISR: 2, Timing: Timing{600 * time.Millisecond, 150 * time.Millisecond, time.Second, 30 * time.Millisecond}}
	tail := " --rack east --default-replication 3 --min-isr 2 --session-timeout 600ms --heartbeat 150ms --replica-lag-max 1s --quorum-tick 30ms"
	for i, want := range []string{
		"broker --node-id 0 --listen h:1 --metrics h:2 --data /0/d --flush none --events /0/events.jsonl --roles broker,controller --voters 0@h:3,100@h:9 --peers h:3" + tail,
		"broker --node-id 1 --listen h:4 --metrics h:5 --data /1/d --flush none --events /1/events.jsonl --roles broker --voters 0@h:3,100@h:9 --peers h:6" + tail,
		"broker --node-id 100 --metrics h:8 --data /100/d --flush none --events /100/events.jsonl --roles controller --voters 0@h:3,100@h:9 --peers h:9" + tail,
	} {
		if got := strings.Join(b.Args(all[i], all), " "); got != want {
			t.Errorf("Args are\n%s\nwant\n%s", got, want)
		}
	}
}

// Behind the link proxy a node listens at one place and tells of another.
func TestArgsBehindLinks(t *testing.T) {
	self := Endpoint{Node: 1, Broker: true, Controller: true, Listen: "h:4", Direct: "h:1", Metrics: "h:2", Peers: "h:5", DirectPeers: "h:3", Dir: "/1", Data: "/1/d"}
	want := "broker --node-id 1 --listen h:1 --advertise h:4 --metrics h:2 --data /1/d --flush none --events /1/events.jsonl --roles broker,controller --voters 1@h:5 --peers h:3 --advertise-peers h:5"
	if got := strings.Join((Broker{Flush: "none"}).Args(self, []Endpoint{self, {Node: 2}}), " "); got != want {
		t.Errorf("Args are\n%s\nwant\n%s", got, want)
	}
}

func TestEndpointsForPeople(t *testing.T) {
	for want, e := range map[string]Endpoint{
		"serves Kafka clients on h:1, metrics on http://h:2/metrics":               {Broker: true, Listen: "h:1", Metrics: "h:2"},
		"serves Kafka clients on h:1, peers on h:3, metrics on http://h:2/metrics": {Broker: true, Controller: true, Listen: "h:1", Metrics: "h:2", Peers: "h:3"},
		"is a controller, peers on h:3, metrics on http://h:2/metrics":             {Controller: true, Metrics: "h:2", Peers: "h:3"},
	} {
		if e.String() != want {
			t.Errorf("%+v is %q; want %q", e, e, want)
		}
	}
}

func TestLayoutOfRoles(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Brokers: []int32{0, 1}, Controllers: []int32{1, 100}}
	endpoints, err := layout(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	used := map[string]bool{"": true}
	for _, e := range endpoints {
		got = append(got, e.roles())
		if (e.Listen != "") != e.Broker || e.Peers == "" || e.address() == "" {
			t.Errorf("node %d listens for clients on %q, for peers on %q", e.Node, e.Listen, e.Peers)
		}
		for _, address := range []string{e.Listen, e.Peers, e.Metrics} {
			if used[address] && address != "" {
				t.Errorf("%s is given twice", address)
			}
			used[address] = true
		}
	}
	if want := []string{"broker", "broker,controller", "controller"}; !slices.Equal(got, want) {
		t.Errorf("roles are %v; want %v", got, want)
	}
	if alone, err := layout(Config{Dir: t.TempDir(), Brokers: []int32{0}}); err != nil || alone[0].Peers != "" {
		t.Errorf("a node alone is %+v, %v; want one without peers", alone, err)
	}
}
