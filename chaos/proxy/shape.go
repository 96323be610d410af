package proxy

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	body "github.com/logproof/logproof/broker/wire/shape"
)

// answerShapes are those of the answers that rules can look into. An answer whose shape is not known, or that
// has another one, passes unchanged.
var answerShapes = func() map[int16]body.Shape {
	all := map[int16]body.Shape{}
	for key, text := range map[int16]string{
		kmsg.Produce.Int16(): `[ v0-12:s v13+:16 [ 14 v2+:8 v5+:8 v8+:[ 4 s ] v8+:s #0{ 8 } ] ] v1+:4 #0[ 4 s 4 s ]`,
		kmsg.Fetch.Int16(): `v1+:4 v7+:6 [ v0-12:s v13+:16 [ 14 v4+:8 v5+:8 v4+:[ 16 ] v11+:4 b #0{ 12 } #1{ 8 } #2{ 12 } ] ]
			#0[ 4 s 4 s ]`,
		kmsg.ListOffsets.Int16(): "v2+:4 [ s [ 6 v0-0:*8 v1+:16 v4+:4 ] ]",
		kmsg.Metadata.Int16(): `v3+:4 [ 4 s 4 v1+:s ] v2+:s v1+:4
			[ 2 s v10+:16 v1+:1 [ 10 v7+:4 *4 *4 v5+:*4 ] v8+:4 ] v8-10:4 v13+:2`,
		kmsg.OffsetCommit.Int16(): "v3+:4 [ v0-9:s v10+:16 [ 6 ] ]",
		kmsg.OffsetFetch.Int16(): `v3+:4 v0-7:[ s [ 12 v5+:4 s 2 ] ] v2-7:2
			v8+:[ s [ v0-9:s v10+:16 [ 16 s 2 ] ] 2 ]`,
		kmsg.FindCoordinator.Int16():      "v1+:4 v0-3:2 v1-3:s v0-3:4 v0-3:s v0-3:4 v4+:[ s 4 s 6 s ]",
		kmsg.JoinGroup.Int16():            "v2+:4 6 v7+:s s s v9+:1 s [ s v5+:s b ]",
		kmsg.Heartbeat.Int16():            "v1+:4 2",
		kmsg.LeaveGroup.Int16():           "v1+:4 2 v3+:[ s s 2 ]",
		kmsg.SyncGroup.Int16():            "v1+:4 2 v5+:s v5+:s b",
		kmsg.ApiVersions.Int16():          "2 [ 6 ] v1+:4 #0[ s 4 ] #1=8 #2[ s 4 ] #3=1",
		kmsg.CreateTopics.Int16():         "v2+:4 [ s v7+:16 2 v1+:s v5+:6 v5+:[ s s 3 ] #0=2 ]",
		kmsg.DeleteTopics.Int16():         "v1+:4 [ s v6+:16 2 v5+:s ]",
		kmsg.InitProducerID.Int16():       "16",
		kmsg.OffsetForLeaderEpoch.Int16(): "v2+:4 [ s [ 6 v1+:4 8 ] ]",
		kmsg.AddPartitionsToTxn.Int16():   "4 v4+:2 v4+:[ s [ s [ 6 ] ] ] v0-3:[ s [ 6 ] ]",
		kmsg.AddOffsetsToTxn.Int16():      "6",
		kmsg.EndTxn.Int16():               "6 v5+:10",
		kmsg.TxnOffsetCommit.Int16():      "4 [ v0-5:s v6+:16 [ 6 ] ]",
		kmsg.AlterPartition.Int16():       "6 [ v0-1:s v2+:16 [ 14 *4 v1+:1 4 ] ]",
		kmsg.BrokerHeartbeat.Int16():      "9",
		kmsg.DescribeQuorum.Int16(): `2 v2+:s [ s [ 6 v2+:s 16 [ 4 v2+:16 8 v1+:16 ] [ 4 v2+:16 8 v1+:16 ] ] ]
			v2+:[ 4 [ s s 2 ] ]`,
	} {
		all[key] = body.Compile(text)
	}
	return all
}()

// fits says whether an answer has the shape of its kind, from its first byte to its last.
func fits(response kmsg.Response, answer []byte) bool {
	known, ok := answerShapes[response.Key()]
	if !ok {
		return false
	}
	rest, err := known.Pass(response.GetVersion(), response.IsFlexible(), answer)
	return err == nil && len(rest) == 0
}
