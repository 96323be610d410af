package fault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// numb is a cluster that can be broken, and whose every means to heal it says that it was used and does
// nothing.
type numb struct {
	*cluster3
	mu    sync.Mutex
	undo  []func(context.Context) error
	calls map[string]int
}

// first reports whether it is the first call: that of an injection.
func (n *numb) first(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls[what]++
	return n.calls[what] == 1
}

// later notes what heals in truth.
func (n *numb) later(do func(context.Context) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.undo = append(n.undo, do)
}

func (n *numb) Restart(_ context.Context, node int32) error {
	n.later(func(ctx context.Context) error { return n.cluster3.Restart(ctx, node) })
	return nil
}

func (n *numb) Resume(_ context.Context, node int32) error {
	n.later(func(ctx context.Context) error { return n.cluster3.Resume(ctx, node) })
	return nil
}

func (n *numb) Connect(_ context.Context, node int32) error {
	n.later(func(ctx context.Context) error { return n.cluster3.Connect(ctx, node) })
	return nil
}

func (n *numb) RestartClient(context.Context, int32) error {
	n.later(func(ctx context.Context) error { return n.cluster3.RestartClient(ctx, 0) })
	return nil
}

func (n *numb) SetDisk(ctx context.Context, node int32, rules string) error {
	if n.first("disk") {
		return n.cluster3.SetDisk(ctx, node, rules)
	}
	n.later(func(ctx context.Context) error {
		err := n.cluster3.SetDisk(ctx, node, rules)
		if err != nil && strings.Contains(err.Error(), "serves this control socket") {
			err = nil // it ended, and begins anew with the rules that it had
		}
		return err
	})
	return nil
}

func (n *numb) SetClock(ctx context.Context, node int32, offset time.Duration) error {
	if n.first("clock") {
		return n.cluster3.SetClock(ctx, node, offset)
	}
	n.later(func(ctx context.Context) error { return n.cluster3.SetClock(ctx, node, offset) })
	return nil
}

func (n *numb) Transfer(ctx context.Context, topic string, partition, to int32) error {
	if n.first("transfer") {
		return n.cluster3.Transfer(ctx, topic, partition, to)
	}
	return nil
}

func (n *numb) Reassign(ctx context.Context, topic string, partition int32, replicas []int32) error {
	if n.first("reassign") {
		return n.cluster3.Reassign(ctx, topic, partition, replicas)
	}
	n.later(func(ctx context.Context) error { return n.cluster3.Reassign(ctx, topic, partition, replicas) })
	return nil
}

func (n *numb) HoldLinks(ctx context.Context, rules []cluster.LinkRule) (func(context.Context) error, error) {
	release, err := n.cluster3.HoldLinks(ctx, rules)
	if err == nil {
		n.later(release)
	}
	return func(context.Context) error { return nil }, err
}

// healsItself are the kinds that nothing of the cluster heals: a node does, or the connections of the harness
// are closed, which no cluster can keep it from, or the client that was fenced has ended itself.
var healsItself = []timeline.Kind{timeline.BitRot, timeline.ConnectionStorm, timeline.Poison, timeline.DoubleClient}

// A heal that does nothing is not proved: the nemesis says so, whatever the kind.
func TestAHealThatDoesNothingIsNotProved(t *testing.T) {
	c := live(t)
	all := kinds(t)
	for _, info := range timeline.Kinds() {
		if slices.Contains(healsItself, info.Kind) {
			continue
		}
		t.Run(string(info.Kind), func(t *testing.T) {
			faked := &numb{cluster3: c, calls: map[string]int{}}
			_, err := executed(t, faked, all[info.Kind], 20*time.Second, 700*time.Millisecond)
			var failed *chaos.StageError
			if !errors.As(err, &failed) || failed.Stage != history.ProveHealed && failed.Stage != history.Heal {
				t.Errorf("Run = %v; want that the heal was not proved", err)
			}
			t.Log(err)
			for _, undo := range slices.Backward(faked.undo) {
				if err := undo(soon(t)); err != nil {
					t.Error(err)
				}
			}
			mend(t, c)
		})
	}
}

// A topic on a broker that is out of the cluster for a moment is made when that is back.
func TestATopicOnABrokerThatIsAway(t *testing.T) {
	c := live(t)
	c.MayEnd(1, true)
	if err := c.Terminate(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	made, ctx := make(chan error, 1), soon(t)
	go func() {
		_, err := c.MakeTopic(ctx, 1)
		made <- err
	}()
	mend(t, c)
	if err := <-made; err != nil {
		t.Error(err)
	}
}

// mend starts what does not run and waits until all is well.
func mend(t *testing.T, c *cluster3) {
	t.Helper()
	for _, id := range c.Nodes() {
		c.MayEnd(id, false)
		if err := c.Restart(soon(t), id); err != nil && !strings.Contains(err.Error(), "runs already") {
			t.Fatal(err)
		}
	}
	for _, id := range c.Nodes() {
		if err := c.WaitReady(soon(t), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitSettled(soon(t), "orders"); err != nil {
		t.Fatal(fmt.Errorf("after the fault: %w", err))
	}
}
