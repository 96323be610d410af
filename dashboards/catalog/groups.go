package catalog

// Declarations of the broker: consumer groups, counted by the brokers that coordinate them. The label state is what
// DescribeGroups calls it, error is Kafka's error name, "none" on success.
var (
	BrokerGroups = Metric{
		Name: "logproof_broker_groups", Type: Gauge, Unit: Number, Labels: []string{"state"},
		Help: "Consumer groups that this broker coordinates.",
	}
	BrokerGroupRebalances = Metric{
		Name: "logproof_broker_group_rebalances_total", Type: Counter, Unit: Number,
		Help: "Rebalances of consumer groups that ended here, also with a group that has no members any more.",
	}
	BrokerGroupRebalanceDuration = Metric{
		Name: "logproof_broker_group_rebalance_duration_seconds", Type: Histogram, Unit: Seconds,
		Help: "Time from what began a rebalance until the assignment was committed.",
	}
	BrokerGroupMembersExpired = Metric{
		Name: "logproof_broker_group_members_expired_total", Type: Counter, Unit: Number,
		Help: "Members that were taken out of their groups because nothing was heard of them.",
	}
	BrokerOffsetCommits = Metric{
		Name: "logproof_broker_offset_commits_total", Type: Counter, Unit: Number, Labels: []string{"error"},
		Help: "Offsets that clients committed, one for each partition, by the error of the answer.",
	}
	BrokerCoordinatorLoadDuration = Metric{
		Name: "logproof_broker_coordinator_load_duration_seconds", Type: Histogram, Unit: Seconds,
		Help: "Time from the lead of a partition of __consumer_offsets until its groups were served.",
	}
)

// Groups lists the metrics of consumer groups, sorted by name.
func Groups() []Metric {
	return sorted(
		BrokerGroups, BrokerGroupRebalances, BrokerGroupRebalanceDuration, BrokerGroupMembersExpired, BrokerOffsetCommits,
		BrokerCoordinatorLoadDuration,
	)
}
