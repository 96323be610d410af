package server

import (
	"testing"

	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/dashboards/catalog"
)

// What events say is what the metrics of replication count.
func TestReplicationMetrics(t *testing.T) {
	m := newMetrics()
	for _, e := range []event.Event{
		event.QuorumLeader{Leader: 7, Term: 3}, event.ControllerActive{Term: 3},
		event.ISRChanged{Before: []int32{1, 2, 3}, ISR: []int32{1, 2}}, event.ISRChanged{Before: []int32{1}, ISR: []int32{1, 2}},
		event.ISRChanged{Before: []int32{1, 2}, ISR: []int32{1, 2, 3}},
		event.LeaderElected{Leader: 1}, event.LeaderElected{Leader: 2, Unclean: true}, event.LeaderElected{Leader: -1},
		event.LogTruncated{From: 10, To: 4},
	} {
		m.replication.count(7, e)
	}
	check := func(name, label string, want float64) { t.Helper(); m.shows(t, name, label, want) }
	check(catalog.BrokerISRChanges.Name, "shrink", 1)
	check(catalog.BrokerISRChanges.Name, "expand", 2)
	check(catalog.BrokerLeaderElections.Name, "clean", 1)
	check(catalog.BrokerLeaderElections.Name, "unclean", 1)
	check(catalog.BrokerLogTruncations.Name, "", 6)
	check(catalog.BrokerControllerActive.Name, "", 1)
	check(catalog.BrokerRaftTerm.Name, "", 3)
	m.replication.count(7, event.QuorumLeader{Leader: 8, Term: 4})
	check(catalog.BrokerControllerActive.Name, "", 0)
}

// shows checks what a metric with the value of its first label, if it has one, stands at; a histogram, at how many.
func (m *metrics) shows(t *testing.T, name, label string, want float64) {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			if labels := one.GetLabel(); family.GetName() != name || len(labels) > 0 && labels[0].GetValue() != label {
				continue
			}
			if got := one.GetCounter().GetValue() + one.GetGauge().GetValue() + float64(one.GetHistogram().GetSampleCount()); got != want {
				t.Errorf("%s %s is %v, want %v", name, label, got, want)
			}
			return
		}
	}
	t.Errorf("there is no %s %s", name, label)
}
