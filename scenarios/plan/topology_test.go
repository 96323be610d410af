package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Without nodes that are controllers only, an odd number of brokers votes; with them no broker does.
func TestWhoVotes(t *testing.T) {
	for _, test := range []struct {
		brokers, controllers int
		voters               []int32
	}{
		{1, 0, []int32{0}}, {2, 0, []int32{0}}, {3, 0, []int32{0, 1, 2}}, {5, 0, []int32{0, 1, 2}},
		{1, 1, []int32{100}}, {3, 3, []int32{100, 101, 102}}, {5, 5, []int32{100, 101, 102, 103, 104}},
	} {
		p, err := Make(parse(t, fmt.Sprintf("%sbrokers: %d\ncontrollers: %d\n", head, test.brokers, test.controllers)), 1, Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.IDs(Controller); !slices.Equal(got, test.voters) {
			t.Errorf("%d brokers and %d controllers: %v vote; want %v", test.brokers, test.controllers, got, test.voters)
		}
		if got := p.IDs(Broker); len(got) != test.brokers || got[0] != 0 {
			t.Errorf("%d brokers: they are %v", test.brokers, got)
		}
		if len(p.Nodes) != test.brokers+test.controllers {
			t.Errorf("%d brokers and %d controllers are %d nodes", test.brokers, test.controllers, len(p.Nodes))
		}
	}
}

func TestAClusterIsPrintedByItsKindsOfNodes(t *testing.T) {
	p, err := Make(parse(t, `name: x
topics: [{name: orders, partitions: 2, replication_factor: 3, min_isr: 2, unclean: true}]
load: {rate: 1000/s, metadata_min_age: 200ms, retry_backoff: 20ms}
brokers: 4
controllers: 3
disk: lose-unsynced
timing: {session_timeout: 600ms, heartbeat: 150ms, replica_lag_max: 1s, quorum_tick: 30ms}
`), 1, Overrides{Bugs: []string{"unclean"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `cluster    reference, 7 nodes, placement process
  0-3      broker, flush commit, disk lose-unsynced, bugs unclean
  100-102  controller, flush commit, disk plain, bugs unclean
timing     session timeout 600ms, heartbeat 150ms, replica lag max 1s, quorum tick 30ms
topics     orders: 2 partitions, replication factor 3, min ISR 2, unclean election
`
	if !strings.Contains(p.String(), want) || !strings.Contains(p.String(), "clients: metadata min age 200ms, retry back-off 20ms\n") {
		t.Errorf("the plan reads\n%s\nwant in it\n%s", p, want)
	}
	data, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Parse(data); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("read back as %+v, %v; want %+v", back, err, p)
	}
}

// Racks are dealt out by turns, and nodes that differ in them are printed one by one.
func TestRacks(t *testing.T) {
	p, err := Make(parse(t, head+"brokers: 3\nracks: [east, west]\n"), 1, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := `  node 0   broker and controller, rack east, flush commit, disk plain, bugs none
  node 1   broker and controller, rack west, flush commit, disk plain, bugs none
  node 2   broker and controller, rack east, flush commit, disk plain, bugs none
`
	if !strings.Contains(p.String(), want) {
		t.Errorf("the plan reads\n%s\nwant in it\n%s", p, want)
	}
}

// A controller without its disk has forgotten its votes: that is no fault a log can be asked to survive.
func TestControllersKeepTheirDisks(t *testing.T) {
	for _, test := range []struct{ controllers, target, want string }{
		{"3", "node(1)", ""}, {"3", "any", ""}, {"3", `"leader(orders,0)"`, ""},
		{"3", "node(101)", "disk-loss of node(101) may strike node 101, a controller, which would forget its votes"},
		{"3", "controller", "disk-loss of controller may strike node 100, a controller"},
		{"3", "all", "disk-loss of all may strike node 100, a controller"},
		{"3", "quorum", "disk-loss of quorum may strike node 100, a controller"},
		{"0", "any", "disk-loss of any may strike node 0, a controller"},
		{"0", "node(2)", "may strike node 2, a controller"},
	} {
		_, err := Make(parse(t, head+fmt.Sprintf("brokers: 3\ncontrollers: %s\ntimeline: [{fault: disk-loss, target: %s}]\n", test.controllers, test.target)), 1, Overrides{})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("controllers %s, target %s: %v; want %q", test.controllers, test.target, err, test.want)
		}
	}
}

// Nodes that are controllers only can be struck by their ids.
func TestFaultsOfControllers(t *testing.T) {
	line := "brokers: 3\ncontrollers: 3\ntimeline: [{fault: kill, target: %s, hold: 1s}]\n"
	for _, target := range []string{"node(102)", "controller", "any", "node(2)"} {
		if _, err := Make(parse(t, head+fmt.Sprintf(line, target)), 1, Overrides{}); err != nil {
			t.Error(err)
		}
	}
	_, err := Make(parse(t, head+fmt.Sprintf(line, "node(3)")), 1, Overrides{})
	if err == nil || !strings.Contains(err.Error(), "the cluster has nodes 0, 1, 2, 100, 101, 102") {
		t.Errorf("node(3) gave %v", err)
	}
}

// Power is lost where a disk keeps apart what is not synced; simulated ones always do.
func TestPowerLossNeedsADiskThatForgets(t *testing.T) {
	for _, test := range []struct{ disk, target, placement, want string }{
		{"lose-unsynced", "any", "process", ""}, {"sync-delay=1ms,lose-unsynced", "node(0)", "process", ""}, {"sync-delay=1ms", "any", "sim", ""},
		{"sync-delay=1ms", "any", "process", "power-loss of any may strike node 0, whose disk does not keep apart what is not synced: strike brokers, and write disk: lose-unsynced"},
		{"lose-unsynced", "controller", "process", "power-loss of controller may strike node 100"},
	} {
		_, err := Make(parse(t, head+fmt.Sprintf("brokers: 3\ncontrollers: 3\nplacement: %s\ndisk: %q\ntimeline: [{fault: power-loss, target: %s}]\n", test.placement, test.disk, test.target)), 1, Overrides{})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("disk %q, target %s, placement %s: %v; want %q", test.disk, test.target, test.placement, err, test.want)
		}
	}
}
