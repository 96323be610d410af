package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// longEnv makes the tests of this file run every scenario and not only the shortest: `make scenarios`.
const longEnv = "LOGPROOF_TEST_LONG"

// nMinusOne is what an N-1 scenario found.
type nMinusOne struct {
	Verdict string
	Outages []struct {
		Partition, Kind string
		From, To        int64 // ns
		Split           []struct {
			Name string
			OK   bool
		}
	}
}

// Whatever N-1 of N brokers are killed in whatever order, nothing that was acknowledged is lost, and both
// outcomes show: where one in-sync replica is enough the last one goes on, where two are needed it waits for
// another as long as all others are down.
func TestNMinusOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		replicas int
		// alone is at least how long one broker is the only one in each order.
		alone time.Duration
	}{{2, 2 * time.Second}, {3, 2 * time.Second}, {5, 2 * time.Second}} {
		if c.replicas > 2 && os.Getenv(longEnv) == "" {
			t.Logf("of %d: not run, set %s=1 or run make scenarios", c.replicas, longEnv)
			continue
		}
		out := want(t, ExitPass, "", "run", fmt.Sprintf("n-minus-1-of-%d", c.replicas), "--json", "--dir", filepath.Join(t.TempDir(), "run"))
		var found nMinusOne
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			t.Fatal(err)
		}
		longest := map[string]time.Duration{}
		for _, o := range found.Outages {
			if o.Kind != "produce" {
				continue // readers of a topic that cannot be written have nothing to wait for
			}
			topic, _, _ := strings.Cut(o.Partition, "/")
			longest[topic] = max(longest[topic], time.Duration(o.To-o.From))
		}
		t.Logf("of %d: longest outages %v", c.replicas, longest)
		if longest["payments"] < c.alone {
			t.Errorf("of %d: the topic that needs two replicas was out of service for %v at most; want %v and more", c.replicas, longest["payments"], c.alone)
		}
		if longest["orders"] >= longest["payments"] {
			t.Errorf("of %d: the topic that needs one replica was out of service for %v, the other for %v", c.replicas, longest["orders"], longest["payments"])
		}
	}
}

// Three brokers and three controllers are one cluster: a node of either kind can be killed by hand and
// comes back.
func TestClusterOfSixNodes(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	u := up(t, "-n", "3", "--controllers", "3", "--dir", dir, "--session-timeout", "600ms", "--quorum-tick", "30ms")
	if want := []string{"0", "1", "2", "100", "101", "102"}; strings.Join(u.nodes, " ") != strings.Join(want, " ") {
		t.Errorf("nodes %v were announced; want %v", u.nodes, want)
	}
	for _, id := range []string{"101", "2"} {
		want(t, ExitPass, "node "+id+", pid", "cluster", "kill", id, "--dir", dir)
		want(t, ExitPass, "again", "cluster", "restart", id, "--dir", dir)
	}
	want(t, ExitPass, "paused", "cluster", "pause", "1", "--dir", dir)
	want(t, ExitPass, "goes on", "cluster", "resume", "1", "--dir", dir)
	want(t, ExitUsage, "there is no node 3", "cluster", "kill", "3", "--dir", dir)
	u.interrupt(t)
	// Other voters would begin with nothing, and the topics would seem to be gone.
	want(t, ExitUsage, "is one of -n 3 --controllers 3, not of -n 3 --controllers 0", "cluster", "up", "-n", "3", "--dir", dir)
	if err := os.WriteFile(filepath.Join(dir, shapeFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	want(t, ExitInconclusive, "read of how many nodes", "cluster", "up", "-n", "3", "--controllers", "3", "--dir", dir)
}

// A leader is killed under load and the outage is split: the parts are known and add up to it.
func TestFailoverIsSplit(t *testing.T) {
	t.Parallel()
	path := scenario(t, "disk: sync-delay=2ms,lose-unsynced\n", "brokers: 3\ncontrollers: 3\ntiming: {session_timeout: 1500ms, heartbeat: 150ms, replica_lag_max: 3s, quorum_tick: 30ms}\n",
		"partitions: 2}", "partitions: 2, replication_factor: 3, min_isr: 2}", "target: node(0)", `target: "leader(orders,0)"`, "hold: 100ms", "hold: 3s", "warm_up: {hold: 300ms", "warm_up: {hold: 1s")
	out := want(t, ExitPass, "PASS", "run", path, "--dir", filepath.Join(t.TempDir(), "run"))
	if !regexp.MustCompile(`without a successful (?:write to|read of) orders/\d, from .*\n +detect [\d.]+ m?s, elect [\d.]+ (m|µ)?s, client recovery [\d.]+ (m|µ)?s, catch-up [\d.]+ m?s`).MatchString(out) {
		t.Errorf("the outage is not split:\n%s", out)
	}
}
