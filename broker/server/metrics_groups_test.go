package server

import (
	"testing"

	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/dashboards/catalog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What events and answers say is what the metrics of groups count.
func TestGroupMetrics(t *testing.T) {
	m := newMetrics()
	m.groups.count(event.GroupRebalanced{Group: "g", Milliseconds: 40})
	m.groups.count(event.GroupRebalanced{Group: "g"})
	m.groups.count(event.GroupMemberExpired{})
	m.groups.count(event.CoordinatorLoaded{Milliseconds: 5})
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = []kmsg.OffsetCommitResponseTopic{{Partitions: []kmsg.OffsetCommitResponseTopicPartition{{}, {ErrorCode: kerr.IllegalGeneration.Code}, {}}}}
	if code := m.groups.committed(resp); code != kerr.IllegalGeneration.Code {
		t.Errorf("first error %d", code)
	}
	m.registry.MustRegister(newGroups(func() map[group.State]int { return map[group.State]int{group.Stable: 3, group.Empty: 1} }))
	for _, want := range []struct {
		metric catalog.Metric
		label  string
		value  float64
	}{
		{catalog.BrokerGroups, "Stable", 3}, {catalog.BrokerGroups, "Empty", 1}, {catalog.BrokerGroups, "PreparingRebalance", 0},
		{catalog.BrokerGroupRebalances, "", 2}, {catalog.BrokerGroupRebalanceDuration, "", 2}, {catalog.BrokerGroupMembersExpired, "", 1},
		{catalog.BrokerOffsetCommits, "none", 2}, {catalog.BrokerOffsetCommits, "ILLEGAL_GENERATION", 1}, {catalog.BrokerCoordinatorLoadDuration, "", 1},
	} {
		m.shows(t, want.metric.Name, want.label, want.value)
	}
}
