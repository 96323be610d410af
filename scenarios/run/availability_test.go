package run

import (
	"reflect"
	"testing"

	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// The ISR is short from the first change that leaves a replica out to the first that leaves none out.
func TestShortISR(t *testing.T) {
	p := plan.Plan{Topics: []plan.Topic{{Name: "orders", Partitions: 2, ReplicationFactor: 3}}}
	other := func(isr string) string { return `"topic":"orders","partition":1,"isr":` + isr }
	nodes := failover()
	nodes[100] = append(nodes[100],
		noted{1605, "isr-changed", other("[1,2]")}, noted{1700, "leader-elected", other("[2]")}, noted{4000, "isr-changed", other("[2,0]")},
		noted{1605, "isr-changed", `"topic":"side","partition":0,"isr":[1]`}) // not of this plan
	got := inSync(ran(t, nodes), p)
	want := &verify.ISR{Short: []verify.ShortISR{
		{Partition: history.Partition{Topic: "orders"}, From: 1610 * ms, To: 3500 * ms},
		{Partition: history.Partition{Topic: "orders", Index: 1}, From: 1605 * ms, To: history.Never},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := inSync(ran(t, nil), p); got.Unknown != "the nodes noted no events" || got.Short != nil {
		t.Errorf("without events: %+v", got)
	}
}
