package process

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// seen makes the views of brokers 0, 1, ... from what they tell; nil is one that does not answer.
func seen(all ...*telling) []view {
	var views []view
	for i, told := range all {
		v := view{node: int32(i)}
		if told == nil {
			v.err = errors.New("connection refused")
		} else {
			request := kmsg.NewPtrMetadataRequest()
			request.Version = metadataVersion
			v.answer = told.metadata(request)
		}
		views = append(views, v)
	}
	return views
}

func TestWhatIsPendingIsNamed(t *testing.T) {
	brokers := []int32{0, 1, 2}
	whole := &telling{Leader: 2, Epoch: 5, ISR: []int32{2, 1, 0}, Brokers: brokers}
	with := func(change func(*telling)) *telling {
		c := *whole
		change(&c)
		return &c
	}
	stale := with(func(c *telling) { c.Leader, c.Epoch, c.ISR = 0, 4, []int32{0} })
	unknown := seen(whole, whole)
	unknown[1].answer.Topics = nil
	for _, test := range []struct {
		name  string
		views []view
		want  []string
	}{
		{"whole", seen(whole, whole, whole), nil},
		{"another order of the same ISR", seen(whole, with(func(c *telling) { c.ISR = brokers }), whole), nil},
		{"down", seen(whole, nil, whole), []string{"node 1: connection refused"}},
		{"fenced", seen(whole, whole, with(func(c *telling) { c.Brokers = []int32{0, 2} })), []string{"node 2 does not know broker 1"}},
		{"behind", seen(whole, stale, whole), []string{"node 1 tells of orders/0 leader 0 in epoch 4, and it is 2 in 5"}},
		{"no leader", seen(with(func(c *telling) { c.Leader = -1 })), []string{"orders/0 has no leader"}},
		{"small ISR", seen(with(func(c *telling) { c.ISR = []int32{2} })), []string{"replica 0 of orders/0 is not in the ISR [2]", "replica 1 of orders/0 is not in the ISR [2]"}},
		{"two ISRs of one epoch", seen(whole, with(func(c *telling) { c.ISR = []int32{2, 1} })), []string{"node 1 tells of orders/0 ISR [2 1], another node [2 1 0]"}},
		{"topic unknown", unknown, []string{"node 1 does not know orders/0"}},
	} {
		if got := unsettled(test.views, brokers); !slices.Equal(got, test.want) {
			t.Errorf("%s: pending %q; want %q", test.name, got, test.want)
		}
	}
}

// A replica counts as in sync when it says so itself, and nobody of the newest epoch says otherwise.
func TestWhoIsInSync(t *testing.T) {
	old := &telling{Leader: 0, Epoch: 4, ISR: []int32{0, 1, 2}}
	now := &telling{Leader: 2, Epoch: 5, ISR: []int32{2, 0}}
	whole := &telling{Leader: 2, Epoch: 5, ISR: []int32{2, 0, 1}}
	for _, test := range []struct {
		node  int32
		views []view
		want  []string
	}{
		{0, seen(old, now, nil), nil},
		{1, seen(old, now, nil), []string{"node 1 tells of orders/0 ISR [2 0]"}},
		{1, seen(now, whole, whole), []string{"node 0 tells of orders/0 ISR [2 0]"}}, // it lags behind, or node 1 does
		{1, seen(old, whole, nil), nil},
		{1, seen(old, nil, old), []string{"node 1: connection refused"}},
		{100, seen(now, nil, nil), nil}, // a controller has no replicas
		{100, seen(nil), []string{"no node answers Metadata"}},
	} {
		if got := notInSync(test.views, test.node); !slices.Equal(got, test.want) {
			t.Errorf("node %d: pending %q; want %q", test.node, got, test.want)
		}
	}
}

func TestWaitingForAClusterThatSettlesAndOneThatDoesNot(t *testing.T) {
	whole := telling{Leader: 2, Epoch: 5, ISR: []int32{0, 1, 2}, Brokers: []int32{0, 1, 2}}
	behind := whole
	behind.Epoch, behind.ISR = 6, []int32{2, 0}
	c := tellers(t, whole, whole, whole)
	if err := errors.Join(c.WaitSettled(soon(t), "orders"), c.WaitInSync(soon(t), 1)); err != nil {
		t.Error(err)
	}
	c = tellers(t, whole, behind, whole)
	for _, wait := range []func(context.Context) error{
		func(ctx context.Context) error { return c.WaitSettled(ctx, "orders") },
		func(ctx context.Context) error { return c.WaitInSync(ctx, 1) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "ISR [2 0]") {
			t.Errorf("error %v; want what is pending", err)
		}
		cancel()
	}
}
