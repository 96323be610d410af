package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen"
)

// stood is a load that stands where it was put, and a cluster that lacks what it was told to lack.
type stood struct {
	told  loadgen.Snapshot
	lacks error
	asked []string
}

func (s *stood) Snapshot() loadgen.Snapshot { return s.told }

func (s *stood) WaitReplicated(ctx context.Context, topics ...string) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("a look without a limit")
	}
	s.asked = append(s.asked, topics...)
	return s.lacks
}

func TestConditionsAreLookedAt(t *testing.T) {
	now := time.Unix(0, 0)
	s := &stood{told: loadgen.Snapshot{Acked: 1000, Received: 1890, AckedLastSecond: 500}, lacks: errors.New("replica 2 is not in the ISR")}
	watch := conditions{s, s, 2, 500, func() time.Time { return now }}.watch
	look := func(name string, look func(context.Context) error, want string) {
		t.Helper()
		if err := look(t.Context()); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	floor := watch(timeline.Condition{Floor: time.Second})
	look("the first look", floor, "has not held its floor of 500 acknowledged records/s for 1s: 500 in the last second")
	now = now.Add(time.Second)
	look("a second later", floor, "")
	s.told.AckedLastSecond = 499
	look("a break", floor, "499 in the last second")
	s.told.AckedLastSecond = 500
	now = now.Add(time.Hour)
	look("after the break", floor, "has not held")
	now = now.Add(time.Second)
	look("held again", floor, "")

	look("readers behind", watch(timeline.Condition{Lag: 109}), "the readers are 110 records behind")
	look("readers near enough", watch(timeline.Condition{Lag: 110}), "")
	if s.asked != nil {
		t.Errorf("the replicas of %v were asked for", s.asked)
	}
	both := watch(timeline.Condition{Lag: 200, InSync: "orders"})
	look("not in sync", both, "replica 2 is not in the ISR")
	s.lacks = nil
	look("in sync", both, "")
	if !slices.Equal(s.asked, []string{"orders", "orders"}) {
		t.Errorf("asked for %v", s.asked)
	}
}
