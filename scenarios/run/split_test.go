package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// noon is the wall time at which the runs of these tests begin.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const ms = history.Time(time.Millisecond)

// noted is an event of a node: milliseconds after noon, its name, and its fields as JSON.
type noted struct {
	at     int
	name   string
	fields string
}

// ran writes a run directory with events of nodes, and a clock that began at 0 at noon.
func ran(t *testing.T, nodes map[int32][]noted) string {
	t.Helper()
	dir := t.TempDir()
	if err := writeClock(dir, reading{noon, 0}, reading{noon.Add(time.Minute), 60_000 * ms}); err != nil {
		t.Fatal(err)
	}
	for id, events := range nodes {
		var lines strings.Builder
		for _, e := range events {
			at, _ := json.Marshal(noon.Add(time.Duration(e.at) * time.Millisecond))
			fmt.Fprintf(&lines, `{"at":%s,"node":%d,"event":%q,%s}`+"\n", at, id, e.name, e.fields)
		}
		lines.WriteString(`{"at":"2026-01-02T12:00`) // a kill cut it short
		place := filepath.Join(dir, "nodes", fmt.Sprint(id))
		if err := os.MkdirAll(place, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(place, "events.jsonl"), []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// of is what the fields of an event about orders/0 are.
func of(format string, args ...any) string {
	return `"topic":"orders","partition":0,` + fmt.Sprintf(format, args...)
}

// failover is a run in which broker 0 led orders/0, was killed at 1 s, and broker 1 took over.
func failover() map[int32][]noted {
	return map[int32][]noted{
		100: {
			{1600, "broker-fenced", `"broker":0,"epoch":7`},
			{1610, "leader-elected", of(`"leader":1,"leader_epoch":1,"isr":[1,2]`)},
			{3500, "isr-changed", of(`"isr":[1,2,0]`)},
		},
		0: {{120, "became-leader", of(`"leader_epoch":0`)}},
		1: {{1640, "became-leader", of(`"leader_epoch":1`)}},
	}
}

var killed = report.Fault{Text: "kill node 0", From: time.Second, To: 3 * time.Second, Nodes: []int32{0}}

func splitOf(dir string, o verify.Outage, faults ...report.Fault) string {
	p := plan.Plan{Topics: []plan.Topic{{Name: "orders", Partitions: 2, ReplicationFactor: 3}}}
	o.Kind, o.Fault = max(o.Kind, history.Produce), cmp.Or(o.Fault, "kill node 0")
	var text []string
	for _, part := range split(dir, p, verify.Report{Outages: []verify.Outage{o}}, faults)[0].Split {
		text = append(text, part.String())
		if part.Reason != "" {
			text = append(text, "("+part.Reason+")")
		}
	}
	return strings.Join(text, " ")
}

func TestAFailoverIsSplit(t *testing.T) {
	o := verify.Outage{Partition: "orders/0", From: 990 * ms, To: 1700 * ms}
	const want = "detect 600 ms elect 40.0 ms client recovery 60.0 ms catch-up 1.80 s"
	if got := splitOf(ran(t, failover()), o, killed); got != want {
		t.Errorf("split: %s\nwant   %s", got, want)
	}
	o.Partition = verify.AllPartitions
	if got := splitOf(ran(t, failover()), o, killed); got != want {
		t.Errorf("split of all: %s\nwant   %s", got, want)
	}
}

// The new leader applies the election before the controller that decided it does: both note what they have applied.
func TestALeaderThatTakesOverBeforeItsControllerNotesIt(t *testing.T) {
	nodes := failover()
	nodes[1][0].at = 1590
	o := verify.Outage{Partition: "orders/0", From: 990 * ms, To: 1700 * ms}
	const want = "detect 590 ms elect 0 s client recovery 110 ms catch-up 1.80 s"
	if got := splitOf(ran(t, nodes), o, killed); got != want {
		t.Errorf("split: %s\nwant   %s", got, want)
	}
}

// A leader that lost a follower waits until the ISR is without it; nobody is elected.
func TestALeaderThatWaitsForADeadFollower(t *testing.T) {
	nodes := failover()
	nodes[100] = append(nodes[100], noted{1605, "isr-changed", `"topic":"orders","partition":1,"isr":[1,2]`}, noted{2000, "isr-changed", `"topic":"orders","partition":1,"isr":[1,2,0]`})
	o := verify.Outage{Partition: "orders/1", From: 1001 * ms, To: 1625 * ms}
	const want = "detect 600 ms elect - (the leader stayed, and went on when the ISR was without the struck node) client recovery 25.0 ms catch-up 375 ms"
	if got := splitOf(ran(t, nodes), o, killed); got != want {
		t.Errorf("split: %s\nwant   %s", got, want)
	}
	o.To = 1590 * ms // it ended before anybody acted
	if got := splitOf(ran(t, nodes), o, killed); !strings.HasPrefix(got, "detect - (no leader that took over") {
		t.Errorf("split: %s", got)
	}
}

// Readers that ask the former leader, which is cut off and does not know it, wait from the first record on that
// the new one acknowledges: nothing of that is an election.
func TestReadersThatAreLateToFindTheLeader(t *testing.T) {
	o := verify.Outage{Partition: "orders/0", Kind: history.Fetch, From: 1700 * ms, To: 2700 * ms}
	const why = "(its leader led before the outage began: clients were late to find it)"
	const want = "detect 0 s " + why + " elect 0 s " + why + " client recovery 1.00 s catch-up 800 ms"
	if got := splitOf(ran(t, failover()), o, killed); got != want {
		t.Errorf("split: %s\nwant   %s", got, want)
	}
	early := killed
	early.From = 1650 * time.Millisecond // that election was before the fault
	if got := splitOf(ran(t, failover()), o, early); !strings.HasPrefix(got, "detect - (no leader that took over") {
		t.Errorf("split: %s", got)
	}
}

// Followers stood still before the leader was killed: what counts is the fault that took the leader away.
func TestTheFaultThatTookTheLeaderAwayCounts(t *testing.T) {
	o := verify.Outage{Partition: "orders/0", From: 590 * ms, To: 1700 * ms}
	paused := report.Fault{Text: "pause nodes 1, 2", From: 600 * time.Millisecond, To: 1500 * time.Millisecond, Nodes: []int32{1, 2}}
	if got := splitOf(ran(t, failover()), o, paused, killed); !strings.HasPrefix(got, "detect 600 ms elect 40.0 ms") {
		t.Errorf("split: %s", got)
	}
}

func TestWhatNobodyNotedIsNotKnown(t *testing.T) {
	o := verify.Outage{Partition: "orders/0", From: 990 * ms, To: 1700 * ms}
	without := func(name string) map[int32][]noted {
		nodes := failover()
		for id, events := range nodes {
			nodes[id] = nil
			for _, e := range events {
				if e.name != name {
					nodes[id] = append(nodes[id], e)
				}
			}
		}
		return nodes
	}
	other := o
	other.Partition = "orders/1"
	open := o
	open.Open = true
	early := o
	early.To = 1635 * ms
	calm := o
	calm.From, calm.To = 100*ms, 300*ms
	short := failover()
	short[100] = short[100][:2]
	full := failover()
	full[100][1].fields = of(`"leader":1,"leader_epoch":1,"isr":[0,1,2]`)
	lonely, silent := failover(), failover()
	lonely[0], silent[100] = nil, nil
	gone := ran(t, failover())
	if err := os.Remove(filepath.Join(gone, "clock.json")); err != nil {
		t.Fatal(err)
	}
	set := ran(t, failover())
	if err := writeClock(set, reading{noon, 0}, reading{noon.Add(time.Minute), 59_000 * ms}); err != nil {
		t.Fatal(err)
	}
	half := ran(t, failover())
	if err := writeClock(half, reading{noon, 0}); err != nil {
		t.Fatal(err)
	}
	stray := killed
	stray.Nodes = []int32{2}
	for _, test := range []struct {
		name   string
		dir    string
		outage verify.Outage
		fault  report.Fault
		want   string
	}{
		{"no election of it", ran(t, failover()), other, killed, "detect - (no leader that took over in that time was noted)"},
		{"no such event", ran(t, without("became-leader")), o, killed, "detect - (no leader that took over in that time was noted"},
		{"nobody led before", ran(t, lonely), o, killed, "detect - (nobody noted who led orders/0 before)"},
		{"no controller told", ran(t, silent), o, killed, "detect - (no controller noted that it elected node 1)"},
		{"no change of the ISR", ran(t, silent), o, killed, "catch-up 0 s (all replicas stayed in the ISR)"},
		{"before the fault", ran(t, failover()), calm, killed, "catch-up 0 s (all replicas stayed in the ISR)"},
		{"fenced is not needed", ran(t, without("broker-fenced")), o, killed, "detect 610 ms elect 30.0 ms"},
		{"another node was struck", ran(t, failover()), o, stray, "detect - (no fault struck node 0, which led before)"},
		{"never over", ran(t, failover()), open, killed, "detect - (no produce succeeded again)"},
		{"over before the election", ran(t, failover()), early, killed, "detect - (no leader that took over in that time was noted"},
		{"ISR stays short", ran(t, short), o, killed, "catch-up - (the ISR was not full again)"},
		{"ISR stayed full", ran(t, full), o, killed, "catch-up 0 s (all replicas stayed in the ISR)"},
		{"no clock", gone, o, killed, "detect - (the run did not note its clock)"},
		{"clock was set", set, o, killed, "detect - (the machine's clock was set by 1s during the run)"},
		{"clock not compared", half, o, killed, "detect - (the run ended before it compared its clock"},
		{"no events", ran(t, nil), o, killed, "detect - (the nodes noted no events)"},
	} {
		if got := splitOf(test.dir, test.outage, test.fault); !strings.Contains(got, test.want) {
			t.Errorf("%s: split is %s\nwant in it %s", test.name, got, test.want)
		}
	}
}

func TestNodesOfATarget(t *testing.T) {
	for target, want := range map[string]string{"node 0": "[0]", "nodes 1, 2": "[1 2]", "node 100": "[100]", "leader(orders,0)": "[]"} {
		if got := fmt.Sprint(nodesOf(target)); got != want {
			t.Errorf("%s strikes %s; want %s", target, got, want)
		}
	}
}

// A node whose clock is off says by how much, and its events stand where they happened.
func TestEventsOfANodeWhoseClockIsOff(t *testing.T) {
	nodes := failover()
	for i := range nodes[1] {
		nodes[1][i].at += 3000
		nodes[1][i].fields += `,"clock_offset":"3s"`
	}
	o := verify.Outage{Partition: "orders/0", From: 990 * ms, To: 1700 * ms}
	if got, want := splitOf(ran(t, nodes), o, killed), splitOf(ran(t, failover()), o, killed); got != want {
		t.Errorf("split: %s\nwant   %s", got, want)
	}
}

// An outage that no fault overlaps has nothing to be split into.
func TestAnOutageWithoutAFaultIsNotSplit(t *testing.T) {
	o := verify.Outage{Partition: "orders/0", Kind: history.Produce, From: 990 * ms, To: 1700 * ms}
	all := split(ran(t, failover()), plan.Plan{}, verify.Report{Outages: []verify.Outage{o}}, nil)
	if len(all) != 1 || all[0].Split != nil || all[0].Outage != o {
		t.Errorf("%+v", all)
	}
}
