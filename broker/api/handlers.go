package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// handler is the state of one request between its start and its answer.
type handler interface {
	// start begins the work; it may finish the call at once.
	start(s *Session, c *call, now time.Time, fx *actor.Effects)
}

// handlers makes the handler of each key that is served on a listener.
var handlers = [...]map[int16]func() handler{
	wire.Clients: {
		kmsg.Produce.Int16():              func() handler { return new(produce) },
		kmsg.Fetch.Int16():                func() handler { return new(fetch) },
		kmsg.ListOffsets.Int16():          func() handler { return new(listOffsets) },
		kmsg.Metadata.Int16():             func() handler { return new(clusterMetadata) },
		kmsg.OffsetCommit.Int16():         func() handler { return new(offsetCommit) },
		kmsg.OffsetFetch.Int16():          func() handler { return new(offsetFetch) },
		kmsg.FindCoordinator.Int16():      func() handler { return new(findCoordinator) },
		kmsg.JoinGroup.Int16():            func() handler { return new(toCoordinator) },
		kmsg.Heartbeat.Int16():            func() handler { return new(toCoordinator) },
		kmsg.LeaveGroup.Int16():           func() handler { return new(toCoordinator) },
		kmsg.SyncGroup.Int16():            func() handler { return new(toCoordinator) },
		kmsg.DescribeGroups.Int16():       func() handler { return new(describeGroups) },
		kmsg.ListGroups.Int16():           func() handler { return new(toCoordinator) },
		kmsg.DeleteGroups.Int16():         func() handler { return new(toCoordinator) },
		kmsg.OffsetDelete.Int16():         func() handler { return new(offsetDelete) },
		kmsg.WriteTxnMarkers.Int16():      func() handler { return new(writeTxnMarkers) },
		kmsg.TxnOffsetCommit.Int16():      func() handler { return new(txnOffsetCommit) },
		kmsg.ApiVersions.Int16():          func() handler { return new(apiVersions) },
		kmsg.CreateTopics.Int16():         func() handler { return new(toController) },
		kmsg.DeleteTopics.Int16():         func() handler { return new(toController) },
		kmsg.DeleteRecords.Int16():        func() handler { return new(deleteRecords) },
		kmsg.InitProducerID.Int16():       func() handler { return new(initProducerID) },
		kmsg.OffsetForLeaderEpoch.Int16(): func() handler { return new(offsetForLeaderEpoch) },
		kmsg.ElectLeaders.Int16():         func() handler { return new(toController) },

		kmsg.AlterPartitionAssignments.Int16():  func() handler { return new(toController) },
		kmsg.ListPartitionReassignments.Int16(): func() handler { return new(toController) },
		kmsg.DescribeTopicPartitions.Int16():    func() handler { return new(describeTopicPartitions) },

		kmsg.DescribeConfigs.Int16():         func() handler { return new(describeConfigs) },
		kmsg.AlterConfigs.Int16():            func() handler { return new(alterConfigs) },
		kmsg.CreatePartitions.Int16():        func() handler { return new(createPartitions) },
		kmsg.IncrementalAlterConfigs.Int16(): func() handler { return new(incrementalAlterConfigs) },
		kmsg.AddPartitionsToTxn.Int16():      func() handler { return new(toTransactions) },
		kmsg.AddOffsetsToTxn.Int16():         func() handler { return new(addOffsetsToTxn) },
		kmsg.EndTxn.Int16():                  func() handler { return new(toTransactions) },
		kmsg.DescribeTransactions.Int16():    func() handler { return new(toTransactions) },
		kmsg.ListTransactions.Int16():        func() handler { return new(toTransactions) },
		kmsg.DescribeQuorum.Int16():          func() handler { return new(describeQuorum) },
		kmsg.DescribeLogDirs.Int16():         func() handler { return new(describeLogDirs) },
		kmsg.DescribeProducers.Int16():       func() handler { return new(describeProducers) },
		kmsg.DescribeCluster.Int16():         func() handler { return new(describeCluster) },
		kmsg.UpdateFeatures.Int16():          func() handler { return new(updateFeatures) },
		kmsg.UnregisterBroker.Int16():        func() handler { return new(unregisterBroker) },
		kmsg.ListConfigResources.Int16():     func() handler { return new(listConfigResources) },
	},
	wire.Peers: {
		kmsg.Fetch.Int16():              func() handler { return new(replicaFetch) },
		kmsg.WriteTxnMarkers.Int16():    func() handler { return new(writeTxnMarkers) },
		kmsg.ApiVersions.Int16():        func() handler { return new(apiVersions) },
		kmsg.CreateTopics.Int16():       func() handler { return new(toController) },
		kmsg.DeleteTopics.Int16():       func() handler { return new(toController) },
		kmsg.InitProducerID.Int16():     func() handler { return new(toController) },
		kmsg.ElectLeaders.Int16():       func() handler { return new(toController) },
		kmsg.DescribeQuorum.Int16():     func() handler { return new(describeQuorum) },
		kmsg.AlterPartition.Int16():     func() handler { return new(toController) },
		kmsg.BrokerRegistration.Int16(): func() handler { return new(toController) },
		kmsg.BrokerHeartbeat.Int16():    func() handler { return new(toController) },

		kmsg.AlterPartitionAssignments.Int16():  func() handler { return new(toController) },
		kmsg.ListPartitionReassignments.Int16(): func() handler { return new(toController) },

		kmsg.UpdateFeatures.Int16():     func() handler { return new(toController) },
		kmsg.AddPartitionsToTxn.Int16(): func() handler { return new(toTransactions) },

		kmsg.UnregisterBroker.Int16():        func() handler { return new(unregisterBroker) },
		kmsg.AlterConfigs.Int16():            func() handler { return new(alterConfigs) },
		kmsg.CreatePartitions.Int16():        func() handler { return new(createPartitions) },
		kmsg.IncrementalAlterConfigs.Int16(): func() handler { return new(incrementalAlterConfigs) },

		wire.QuorumMessageKey: func() handler { return new(toController) },
		wire.MetadataTailKey:  func() handler { return new(toController) },

		wire.DamagedReplicaKey: func() handler { return new(toController) },
	},
}

// The messages that handlers wait for; each handler takes those that it asked for.
type (
	producer interface {
		produced(*Session, *call, ProduceDone, *actor.Effects)
	}
	fetcher interface {
		fetched(*Session, *call, FetchData, *actor.Effects)
		woken(*Session, *call, *actor.Effects)
	}
	lister     interface{ listed(*call, OffsetAnswer) }
	ender      interface{ ended(*call, EpochAnswer) }
	deleter    interface{ deleted(*call, DeleteAnswer) }
	rememberer interface{ remembered(*call, ProducerAnswer) }
	measurer   interface{ measured(*call, SizeAnswer) }
	controlled interface {
		replied(*Session, *call, ControllerReply, *actor.Effects)
	}
	coordinated interface {
		coordinated(*Session, *call, CoordinatorReply)
	}
	transacted interface {
		transacted(*Session, *call, TransactionReply, *actor.Effects)
	}
	marker interface{ marked(*call, MarkersReply) }
	// expirer is called when the deadline of the call has passed.
	expirer interface {
		expire(*Session, *call, *actor.Effects)
	}
	// abandoner gives up what the call holds, when its connection is gone.
	abandoner interface {
		abandon(*Session, *call, *actor.Effects)
	}
)
