package api

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A reader that has heard of a new leader before its broker did waits for that, and what it asked after that
// waits behind; but not for ever.
func TestAClientThatIsAheadOfItsBroker(t *testing.T) {
	id := metadata.TopicID{1}
	old := metadata.NewImage("test", nil).Apply([]metadata.Record{
		{Topic: &metadata.TopicRecord{Name: "orders", ID: id}},
		{Partition: &metadata.PartitionRecord{TopicID: id, Replicas: []int32{1, 0}, ISR: []int32{1, 0}, Leader: 1}},
	})
	leader := int32(0)
	elected := old.Apply([]metadata.Record{{PartitionChange: &metadata.PartitionChangeRecord{TopicID: id, Leader: &leader}}})

	epochs := func(epoch int32) kmsg.Request {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: epoch}}}}
		return req
	}
	offsets := func(epoch int32) kmsg.Request {
		req := kmsg.NewPtrListOffsetsRequest()
		req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "orders", Partitions: []kmsg.ListOffsetsRequestTopicPartition{{CurrentLeaderEpoch: epoch}}}}
		return req
	}
	for name, ask := range map[string]func(epoch int32) kmsg.Request{"OffsetForLeaderEpoch": epochs, "ListOffsets": offsets} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(100, 0)
			s := NewSession(Config{NodeID: 0, Shards: 1}, actor.Address{ID: 1}, wire.Clients)
			step := func(message any) *actor.Effects {
				var fx actor.Effects
				s.Step(now, message, &fx)
				return &fx
			}
			arrive := func(body kmsg.Request) *actor.Effects {
				return step(Arrived{Request: &wire.Request{Key: body.Key(), Version: body.MaxVersion(), Body: body}})
			}
			step(NewImage{Image: old})
			if fx := arrive(ask(0)); len(fx.Responses) != 1 {
				t.Fatal("a client that knows what the broker knows is not answered")
			}
			fx := arrive(ask(1))
			if len(fx.Responses) != 0 || len(fx.Timers) != 1 {
				t.Fatalf("%d answers and %d timers; want a wait that ends", len(fx.Responses), len(fx.Timers))
			}
			if fx := arrive(kmsg.NewPtrMetadataRequest()); len(fx.Responses) != 0 {
				t.Fatal("what came after it was answered before it")
			}
			if fx := step(NewImage{Image: elected}); len(fx.Sends) != 1 || len(fx.Responses) != 0 {
				t.Fatalf("the new leader asks %d shards and answers %d requests; want one and none yet", len(fx.Sends), len(fx.Responses))
			}

			arrive(ask(2))
			now = now.Add(aheadWait)
			step(tick{})
			if len(s.early) != 0 || len(s.queue) != 3 {
				t.Errorf("after %v %d requests wait for an image, and %d for an answer; want none and 3", aheadWait, len(s.early), len(s.queue))
			}
		})
	}
}
