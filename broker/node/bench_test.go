package node

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/partition"
)

// BenchmarkShardProduce is what a shard does with one batch of an idempotent producer that has no transaction, files
// in memory and nothing synced: what transactions cost those who have none is to be compared with it.
func BenchmarkShardProduce(b *testing.B) {
	cfg := testConfig()
	cfg.Flush = partition.FlushNone
	cfg.Log.SegmentBytes = 64 << 20
	s := startNode(&testing.T{}, mem.New(), cfg)
	topic := createTopic(s, "orders", 1)
	replica := api.Replica{Topic: topic}
	shard := s.actors[api.ShardOf(replica, len(s.node.shards))]
	var builder batch.Builder
	builder.Producer(5, 0, 0)
	for range 10 {
		builder.Add(nil, make([]byte, 100), 1000)
	}
	v := builder.Build()
	times := batch.Summary{MinTimestamp: 1000, MaxTimestamp: 1000, Keyless: -1}
	part := api.ProducePart{Replica: replica, Batch: v, Acks: 1, Epoch: -1, Times: &times}
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	now, sequence := time.Unix(1_700_000_000, 0), int32(0)
	var fx actor.Effects
	for b.Loop() {
		for i := range 4 {
			v[53+i] = byte(sequence >> (24 - 8*i))
		}
		sequence += 10
		fx = actor.Effects{}
		shard.Step(now, part, &fx)
		if done := fx.Sends[0].Message.(api.ProduceDone); done.Error != 0 {
			b.Fatal(done.Error)
		}
	}
}
