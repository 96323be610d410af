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

func TestTheNewestLeaderEpochIsBelieved(t *testing.T) {
	c := tellers(t, telling{Leader: 0, Epoch: 3, Quorum: 0, Term: 1}, telling{Leader: 1, Epoch: 7, Quorum: -1, Term: 1}, telling{Leader: 2, Epoch: 5, Quorum: 1, Term: 2})
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
	c := tellers(t, telling{Leader: 0, Epoch: 9, Quorum: 0, Term: 9}, telling{Leader: 1, Epoch: 7, Quorum: -1, Term: 9}, telling{Leader: 2, Epoch: 5, Quorum: 2, Term: 8})
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
	if _, err := c.Controller(ctx); err == nil || !strings.Contains(err.Error(), "no controller answers DescribeQuorum") {
		t.Errorf("Controller of a cluster that does not answer: %v", err)
	}
}

func TestWhatDoesNotExistIsAnError(t *testing.T) {
	c := tellers(t, telling{Leader: -1, Epoch: 4, Quorum: -1, Term: 3}, telling{Leader: -1, Epoch: 4, Quorum: -1, Term: 3})
	for want, ask := range map[string]func() error{
		"orders/0 has no leader now (leader epoch 4)":    func() error { _, err := c.Leader(soon(t), "orders", 0); return err },
		"has 1 partitions, none is 5":                    func() error { _, err := c.Leader(soon(t), "orders", 5); return err },
		"topic clicks does not exist":                    func() error { _, err := c.Replicas(soon(t), "clicks", 0); return err },
		"topic odd: Kafka's error code 29":               func() error { _, err := c.Replicas(soon(t), "odd", 0); return err },
		"the metadata quorum has no leader now (term 3)": func() error { _, err := c.Controller(soon(t)); return err },
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
}

// A node alone is its own controller, and has nobody to be asked by.
func TestTheControllerOfOneNode(t *testing.T) {
	c := started(t, "serve", 1)
	if controller, err := c.Controller(soon(t)); err != nil || controller != 0 {
		t.Errorf("Controller = %d, %v; want node 0", controller, err)
	}
}

// A node that is a controller only is reached, and killed, where its peers reach it.
func TestANodeThatServesNoClients(t *testing.T) {
	c := started(t, "serve", 1, func(cfg *Config) { cfg.Controllers = []int32{100} })
	if !slices.Equal(c.Nodes(), []int32{0, 100}) || !slices.Equal(c.Brokers(), []int32{0}) {
		t.Fatalf("nodes are %v, brokers %v", c.Nodes(), c.Brokers())
	}
	if e := c.Endpoint(100); c.Address(100) != e.Peers || e.Listen != "" || c.Address(0) != c.Endpoint(0).Listen {
		t.Errorf("node 100 is reached at %q, it is %+v", c.Address(100), e)
	}
	for range 2 {
		if err := c.WaitReady(soon(t), 100); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Kill(soon(t), 100), c.Restart(soon(t), 100)); err != nil {
			t.Fatal(err)
		}
	}
}
