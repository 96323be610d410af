package fault_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// notes is a recorder that keeps the stages.
type notes struct {
	now history.Time
	ops []history.Operation
}

func (n *notes) Now() history.Time              { n.now++; return n.now }
func (n *notes) Operation(op history.Operation) { n.ops = append(n.ops, op) }

// executed lets the nemesis execute one fault on a cluster.
func executed(t *testing.T, c cluster.Cluster, f timeline.Fault, prove, heal time.Duration) (*notes, error) {
	t.Helper()
	f.After, f.Hold = time.Millisecond, time.Millisecond
	rec := &notes{}
	n, err := chaos.New(chaos.Config{
		Cluster: c, Timeline: timeline.Timeline{f}, Recorder: rec, ProveWithin: prove, HealWithin: heal,
		Gate: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec, n.Run(t.Context())
}

// disabled is a cluster whose every means to break something says that it was used, and does nothing.
type disabled struct {
	*cluster3
	elsewhere string
}

func (disabled) Kill(context.Context, int32) error                    { return nil }
func (disabled) Restart(context.Context, int32) error                 { return nil }
func (disabled) Pause(context.Context, int32) error                   { return nil }
func (disabled) Resume(context.Context, int32) error                  { return nil }
func (disabled) Terminate(context.Context, int32) error               { return nil }
func (disabled) Wipe(context.Context, int32) error                    { return nil }
func (disabled) SetDisk(context.Context, int32, string) error         { return nil }
func (disabled) PowerLoss(context.Context, int32, uint64) error       { return nil }
func (disabled) SetClock(context.Context, int32, time.Duration) error { return nil }
func (disabled) Transfer(context.Context, string, int32, int32) error { return nil }
func (disabled) Reassign(context.Context, string, int32, []int32) error {
	return nil
}
func (disabled) Rot(context.Context, int32, string, int32, uint64) (string, error) {
	return "nowhere", nil
}
func (disabled) Disconnect(context.Context, int32) error    { return nil }
func (disabled) Connect(context.Context, int32) error       { return nil }
func (disabled) CrashClient(context.Context, int32) error   { return nil }
func (disabled) RestartClient(context.Context, int32) error { return nil }
func (disabled) DoubleClient(context.Context, int32) error  { return nil }
func (disabled) HoldLinks(context.Context, []cluster.LinkRule) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, nil
}

// astray is disabled, and leads who dials it somewhere else than to a node.
type astray struct{ disabled }

func (a astray) Address(int32) string { return a.elsewhere }

// sink takes connections and everything that comes, and says nothing.
func sink(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			go io.Copy(io.Discard, conn)
		}
	}()
	return ln.Addr().String()
}

// A fault of any kind that has no effect is not proved: the nemesis says so, and nothing else.
func TestAFaultWithoutEffectIsNotProved(t *testing.T) {
	c := live(t)
	for kind, f := range kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel() // nothing happens to the cluster
			var faked cluster.Cluster = disabled{cluster3: c}
			if kind == timeline.ConnectionStorm || kind == timeline.Poison {
				faked = astray{disabled{c, sink(t)}}
			}
			rec, err := executed(t, faked, f, 4*time.Second, 4*time.Second)
			var failed *chaos.StageError
			if !errors.As(err, &failed) || failed.Stage != history.Prove {
				t.Fatalf("Run = %v; want that the effect was not proved", err)
			}
			for _, op := range rec.ops {
				if op.Fault.Stage == history.Prove && op.Outcome != history.Fail {
					t.Errorf("the proof is recorded as %v", op.Outcome)
				}
			}
			t.Log(err)
		})
	}
}

// kinds is a fault of each kind; it fails if the table has one that no sample is of.
func kinds(t *testing.T) map[timeline.Kind]timeline.Fault {
	t.Helper()
	all := map[timeline.Kind]timeline.Fault{}
	for _, f := range sample() {
		if _, ok := all[f.Kind]; !ok {
			all[f.Kind] = f
		}
	}
	for _, info := range timeline.Kinds() {
		if _, ok := all[info.Kind]; !ok {
			t.Errorf("there is no sample of %s", info.Kind)
		}
	}
	return all
}
