package wire

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/broker/wire/shape"
)

// shapes of the bodies of requests, in the language of package shape: nothing decodes what does not have its own.
var shapes = compiled(map[int16]string{
	kmsg.Produce.Int16(): "v3+:s 2 4 [ v3-12:s v13+:16 [ 4 b ] ]",
	kmsg.Fetch.Int16(): `v0-14:4 4 4 4 1 v7+:4 v7+:4
		[ v0-12:s v13+:16 [ 4 v9+:4 8 v12+:4 v5+:8 4 ] ] v7+:[ v0-12:s v13+:16 *4 ] v11+:s v15+:#1{ 4 8 }`,
	kmsg.ListOffsets.Int16():                "4 v2+:1 [ s [ 4 v4+:4 8 ] ] v10+:4",
	kmsg.Metadata.Int16():                   "[ v10+:16 s ] v4+:1 v8-10:1 v8+:1",
	kmsg.ApiVersions.Int16():                "v3+:s v3+:s v5+:s v5+:4",
	kmsg.CreateTopics.Int16():               "[ s 4 2 [ 4 *4 ] [ s s ] ] 4 1",
	kmsg.DeleteTopics.Int16():               "v0-5:*s v6+:[ s 16 ] 4",
	kmsg.DeleteRecords.Int16():              "[ s [ 4 8 ] ] 4",
	kmsg.InitProducerID.Int16():             "s 4 v3+:8 v3+:2",
	kmsg.AddPartitionsToTxn.Int16():         "v0-3:s v0-3:8 v0-3:2 v0-3:[ s *4 ] v4+:[ s 8 2 1 [ s *4 ] ]",
	kmsg.AddOffsetsToTxn.Int16():            "s 8 2 s",
	kmsg.EndTxn.Int16():                     "s 8 2 1",
	kmsg.DescribeTransactions.Int16():       "*s",
	kmsg.ListTransactions.Int16():           "*s *8 v1+:8 v2+:s",
	kmsg.OffsetForLeaderEpoch.Int16():       "v3+:4 [ s [ 4 4 4 ] ]",
	kmsg.OffsetCommit.Int16():               "s 4 s v7+:s v2-4:8 [ v0-9:s v10+:16 [ 4 8 v6+:4 s ] ]",
	kmsg.OffsetFetch.Int16():                "v0-7:s v0-7:[ s *4 ] v8+:[ s v9+:s v9+:4 [ v8-9:s v10+:16 *4 ] ] v7+:1",
	kmsg.FindCoordinator.Int16():            "v0-3:s v1+:1 v4+:*s",
	kmsg.JoinGroup.Int16():                  "s 4 v1+:4 s v5+:s s [ s b ] v8+:s",
	kmsg.Heartbeat.Int16():                  "s 4 s v3+:s",
	kmsg.LeaveGroup.Int16():                 "s v0-2:s v3+:[ s s v5+:s ]",
	kmsg.SyncGroup.Int16():                  "s 4 s v3+:s v5+:s v5+:s [ s b ]",
	kmsg.DescribeGroups.Int16():             "*s v3+:1",
	kmsg.ListGroups.Int16():                 "v4+:*s v5+:*s",
	kmsg.DeleteGroups.Int16():               "*s",
	kmsg.OffsetDelete.Int16():               "s [ s [ 4 ] ]",
	kmsg.ElectLeaders.Int16():               "v1+:1 [ s *4 ] 4",
	kmsg.AlterPartitionAssignments.Int16():  "4 v1+:1 [ s [ 4 *4 ] ]",
	kmsg.ListPartitionReassignments.Int16(): "4 [ s *4 ]",
	kmsg.DescribeTopicPartitions.Int16():    "[ s ] 4 ?{ s 4 }",
	kmsg.DescribeConfigs.Int16():            "[ 1 s *s ] 1 v3+:1",
	kmsg.AlterConfigs.Int16():               "[ 1 s [ s s ] ] 1",
	kmsg.CreatePartitions.Int16():           "[ s 4 [ *4 ] ] 4 1",
	kmsg.IncrementalAlterConfigs.Int16():    "[ 1 s [ s 1 s ] ] 1",
	kmsg.DescribeLogDirs.Int16():            "[ s *4 ]",
	kmsg.DescribeProducers.Int16():          "[ s *4 ]",
	kmsg.DescribeCluster.Int16():            "1 v1+:1 v2+:1",
	kmsg.TxnOffsetCommit.Int16():            "s s 8 2 v3+:4 v3+:s v3+:s [ v0-5:s v6+:16 [ 4 8 v2+:4 s ] ]",
	kmsg.WriteTxnMarkers.Int16():            "[ 8 2 1 [ s *4 ] 4 v2+:1 ]",
	kmsg.UpdateFeatures.Int16():             "4 [ s 2 1 ] v1+:1",
	kmsg.UnregisterBroker.Int16():           "4",
	kmsg.ListConfigResources.Int16():        "v1+:*1",
	kmsg.DescribeQuorum.Int16():             "[ s [ 4 ] ]",
	kmsg.AlterPartition.Int16():             "4 8 [ 16 [ 4 4 [ 4 8 ] 1 4 ] ]",
	kmsg.BrokerRegistration.Int16():         "4 s 16 [ s s 2 2 ] [ s 2 2 ] s 1 *16 8",
	kmsg.BrokerHeartbeat.Int16():            "4 8 8 1 1",
})

func compiled(texts map[int16]string) map[int16]shape.Shape {
	all := map[int16]shape.Shape{}
	for key, text := range texts {
		all[key] = shape.Compile(text)
	}
	return all
}

// checkShape says what is wrong with the body of a request; what comes after its end is not looked at.
func checkShape(body kmsg.Request, src []byte) (rest []byte, err error) {
	known, ok := shapes[body.Key()]
	if !ok {
		return nil, nil // the private ones, which read themselves
	}
	return known.Pass(body.GetVersion(), body.IsFlexible(), src)
}
