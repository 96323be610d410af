package fault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/procfs"
	"github.com/logproof/logproof/chaos/timeline"
)

// longEnv makes the tests that take minutes run in full.
const longEnv = "LOGPROOF_TEST_LONG"

// After many faults in and out, whatever they were, nothing of them is left: no rule, no stopped process, no
// connection and no descriptor.
func TestNothingIsLeftOfManyFaults(t *testing.T) {
	cycles := 20
	if os.Getenv(longEnv) != "" {
		cycles = 300
	}
	c := live(t)
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 0))
	before := count(t, c)
	done := map[timeline.Kind]int{}
	for i := range cycles {
		f := sample()[rng.IntN(len(sample()))]
		if f.Target == "node(1)" {
			f.Target = timeline.NodeTarget(rng.Int32N(3))
		}
		if f.Peers == f.Target {
			f.Peers = "clients"
		}
		if err := cycle(t, c, f); err != nil {
			t.Fatalf("cycle %d of %d (seed %d), %s: %v", i+1, cycles, seed, f, err)
		}
		done[f.Kind]++
	}
	t.Logf("%d cycles: %v", cycles, done)
	left(t, c, before)
}

// cycle does all stages of one fault, and waits until the cluster is whole.
func cycle(t *testing.T, c *cluster3, planned timeline.Fault) error {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	f, err := aimed(ctx, planned, c)
	if err != nil {
		return err
	}
	for _, s := range stages(f) {
		if _, err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return c.WaitSettled(ctx, "orders")
}

// counted is what a fault may leave.
type counted struct{ links, harness, nodes int }

func (c counted) String() string {
	return fmt.Sprintf("%d connections on links, %d descriptors of the harness, %d of the nodes", c.links, c.harness, c.nodes)
}

func count(t *testing.T, c *cluster3) (n counted) {
	t.Helper()
	open, err := c.Links(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.links, n.harness = len(open), files(t, os.Getpid())
	for _, id := range c.Nodes() {
		n.nodes += files(t, c.Pid(id))
	}
	return n
}

func files(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// comesAndGoes is how many connections and files more there may be at an instant: clients connect, nodes
// sync.
const comesAndGoes = 12

// left waits until there is no more than there was before, and fails if that does not come.
func left(t *testing.T, c *cluster3, before counted) {
	t.Helper()
	ctx := soon(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		problem := ""
		now := count(t, c)
		if now.links > before.links+comesAndGoes || now.harness > before.harness+2*comesAndGoes || now.nodes > before.nodes+4*comesAndGoes {
			problem = fmt.Sprintf("before there were %s, now %s", before, now)
		}
		open, err := c.Links(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, conn := range open {
			if len(conn.Rules) > 0 {
				problem = fmt.Sprintf("rules %v still hold on %s", conn.Rules, conn.Link)
			}
		}
		problem += stopped(t, c)
		if problem == "" {
			t.Logf("before: %s; after: %s", before, now)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(problem)
		}
	}
}

// stopped lists the processes of the cluster that stand still, and the nodes that do not run.
func stopped(t *testing.T, c *cluster3) string {
	t.Helper()
	var all strings.Builder
	for _, id := range c.Nodes() {
		members, err := procfs.Group(c.Pid(id))
		if err != nil {
			t.Fatal(err)
		}
		if len(members) == 0 {
			fmt.Fprintf(&all, "; node %d does not run", id)
		}
		for _, m := range members {
			if m.State == procfs.Stopped {
				fmt.Fprintf(&all, "; node %d, pid %d, is stopped", id, m.Pid)
			}
		}
	}
	return all.String()
}
