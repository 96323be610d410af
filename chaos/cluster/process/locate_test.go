package process

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/procfs"
)

// telling is a cluster whose nodes tell that of orders/0, each its own view: leader, leader epoch,
// controller.
func telling(t *testing.T, views ...string) *Cluster {
	t.Helper()
	c := started(t, "", len(views), func(cfg *Config) {
		cfg.Args = func(self Endpoint, _ []Endpoint) []string { return []string{"told " + views[self.Node], self.Listen} }
	})
	for _, id := range c.Nodes() {
		if err := c.WaitReady(soon(t), id); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestTheNewestLeaderEpochIsBelieved(t *testing.T) {
	c := telling(t, "0 3 1", "1 7 1", "2 5 1")
	c.grace = time.Minute // the machine may be busy: all three are waited for
	if leader, err := c.Leader(soon(t), "orders", 0); err != nil || leader != 1 {
		t.Errorf("Leader = %d, %v; want node 1 of epoch 7", leader, err)
	}
	if replicas, err := c.Replicas(soon(t), "orders", 0); err != nil || !slices.Equal(replicas, []int32{2, 0, 1}) {
		t.Errorf("Replicas = %v, %v; want 2, 0, 1", replicas, err)
	}
	if controller, err := c.Controller(soon(t)); err != nil || controller != 1 {
		t.Errorf("Controller = %d, %v; want node 1", controller, err)
	}
}

// The nodes that neither run nor go on do not keep the others from being asked.
func TestNodesThatDoNotAnswerAreLeftOut(t *testing.T) {
	c := telling(t, "0 9 0", "1 7 -1", "2 5 2")
	if err := errors.Join(c.Pause(soon(t), 0), c.Kill(soon(t), 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "node 0 stands still", func() bool { return stopped(t, c.Pid(0)) })
	eventually(t, "node 1 is gone", func() bool { _, _, err := procfs.Identify(c.Pid(1)); return err != nil })
	if leader, err := c.Leader(soon(t), "orders", 0); err != nil || leader != 2 {
		t.Errorf("Leader = %d, %v; want node 2, as node 2 tells", leader, err)
	}
	if controller, err := c.Controller(soon(t)); err != nil || controller != 2 {
		t.Errorf("Controller = %d, %v; want node 2", controller, err)
	}
	if err := c.Kill(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "node 2 is gone", func() bool { _, _, err := procfs.Identify(c.Pid(2)); return err != nil })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Leader(ctx, "orders", 0)
	if err == nil || !strings.Contains(err.Error(), "no node answers Metadata") || !strings.Contains(err.Error(), "node 0: it accepts connections and does not answer Metadata") {
		t.Errorf("Leader of a cluster that does not answer: %v; want what each node did", err)
	}
}

func TestWhatDoesNotExistIsAnError(t *testing.T) {
	c := telling(t, "-1 4 -1")
	for want, ask := range map[string]func() error{
		"orders/0 has no leader now (leader epoch 4)": func() error { _, err := c.Leader(soon(t), "orders", 0); return err },
		"has 1 partitions, none is 5":                 func() error { _, err := c.Leader(soon(t), "orders", 5); return err },
		"topic clicks does not exist":                 func() error { _, err := c.Replicas(soon(t), "clicks", 0); return err },
		"topic odd: Kafka's error code 29":            func() error { _, err := c.Replicas(soon(t), "odd", 0); return err },
		"knows an active controller":                  func() error { _, err := c.Controller(soon(t)); return err },
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
}
