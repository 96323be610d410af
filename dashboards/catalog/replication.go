package catalog

// Declarations of the broker: replication and the metadata quorum. The label change is shrink or expand,
// kind is clean or unclean.
var (
	BrokerPartitionLeaderEpoch = Metric{
		Name: "logproof_broker_partition_leader_epoch", Type: Gauge, Unit: Number, Labels: []string{"topic", "partition"},
		Help: "Leadership term in which this broker leads or follows the partition.",
	}
	BrokerPartitionISRSize = Metric{
		Name: "logproof_broker_partition_isr_replicas", Type: Gauge, Unit: Replicas, Labels: []string{"topic", "partition"},
		Help: "In-sync replicas of the partitions that this broker leads.",
	}
	BrokerLeaderPartitions = Metric{
		Name: "logproof_broker_leader_partitions", Type: Gauge, Unit: Partitions,
		Help: "Partitions that this broker leads.",
	}
	BrokerUnderReplicated = Metric{
		Name: "logproof_broker_under_replicated_partitions", Type: Gauge, Unit: Partitions,
		Help: "Partitions that this broker leads and whose ISR is smaller than the number of replicas, without those that a reassignment is adding.",
	}
	BrokerUnderMinISR = Metric{
		Name: "logproof_broker_under_min_isr_partitions", Type: Gauge, Unit: Partitions,
		Help: "Partitions that this broker leads and whose ISR is smaller than min.insync.replicas: they take no acks=all.",
	}
	BrokerISRChanges = Metric{
		Name: "logproof_broker_isr_changes_total", Type: Counter, Unit: Number, Labels: []string{"change"},
		Help: "Changes of in-sync replicas that this node decided as the active controller.",
	}
	BrokerLeaderElections = Metric{
		Name: "logproof_broker_leader_elections_total", Type: Counter, Unit: Number, Labels: []string{"kind"},
		Help: "Leaders of partitions that this node elected as the active controller.",
	}
	BrokerLogTruncations = Metric{
		Name: "logproof_broker_log_truncated_records_total", Type: Counter, Unit: Records,
		Help: "Records that replicas here cut because their leader does not have them.",
	}
	BrokerControllerActive = Metric{
		Name: "logproof_broker_controller_active", Type: Gauge, Unit: State,
		Help: "Is 1 on the node that decides as the controller, 0 on all others.",
	}
	BrokerRaftTerm = Metric{
		Name: "logproof_broker_raft_term", Type: Gauge, Unit: Number,
		Help: "Term of the metadata quorum, as this controller knows it.",
	}
)

// Replication lists the metrics of replication, sorted by name.
func Replication() []Metric {
	return sorted(
		BrokerPartitionLeaderEpoch, BrokerPartitionISRSize, BrokerLeaderPartitions, BrokerUnderReplicated, BrokerUnderMinISR,
		BrokerISRChanges, BrokerLeaderElections, BrokerLogTruncations, BrokerControllerActive, BrokerRaftTerm,
	)
}
