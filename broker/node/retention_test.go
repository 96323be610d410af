package node

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// replicaOf looks at a replica of a node from inside.
func (p *party) replicaOf(id int32, topic string) (found Replica, ok bool) {
	for _, s := range p.up[id].node.shards {
		var none actor.Effects
		s.Step(p.now, Report{Done: func(all []Replica) {
			for _, r := range all {
				if r.Topic == topic {
					found, ok = r, true
				}
			}
		}}, &none)
	}
	return found, ok
}

// deleteUpTo asks a leader to delete records.
func (p *party) deleteUpTo(leader int32, topic string, offset int64) (low int64, code int16) {
	p.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 5000
	part := kmsg.DeleteRecordsRequestTopicPartition{Offset: offset}
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{part}}}
	answer := request[*kmsg.DeleteRecordsResponse](p, leader, req).Topics[0].Partitions[0]
	return answer.LowWatermark, answer.ErrorCode
}

// starts follows where the replicas of a topic start.
type starts struct {
	p     *party
	topic string
	last  map[int32]int64
}

// look checks every replica that is open: its start has not gone back, also over the end of a process, and is
// not above what is committed.
func (s *starts) look() {
	s.p.t.Helper()
	for id := range s.p.up {
		r, ok := s.p.replicaOf(id, s.topic)
		if !ok {
			continue
		}
		if r.LogStart < s.last[id] || r.LogStart > r.HighWatermark || r.HighWatermark > r.LogEnd {
			s.p.t.Fatalf("node %d: log start %d (was %d), high watermark %d, log end %d", id, r.LogStart, s.last[id], r.HighWatermark, r.LogEnd)
		}
		s.last[id] = r.LogStart
	}
}

// Retention and DeleteRecords go on while nodes are killed, also with their power: no replica's start goes back, none
// passes the high watermark, what is left is what was acknowledged, and in the end all start where the leader does or
// later, as retention does on each by itself.
func TestLogStartThroughFailures(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			p := newParty(t, func(cfg *Config) {
				cfg.Log.SegmentBytes, cfg.Timing.RetentionCheck = 400, 100*time.Millisecond
				cfg.Settings = map[string]string{"retention.bytes": "3000"}
			})
			topic := p.create(1, "orders")
			s := &starts{p: p, topic: "orders", last: map[int32]int64{}}
			leader, said, low := p.healthy("orders"), 0, int64(0)
			for range 8 {
				for range 5 + rng.IntN(15) {
					if code := p.produce(leader, topic, int32(said), fmt.Sprint("v", said)); code != 0 {
						t.Fatalf("produce to node %d: %v", leader, kerr.ErrorForCode(code))
					}
					said++
				}
				s.look()
				if offset := int64(said) - rng.Int64N(20); offset > 0 && rng.IntN(2) == 0 {
					var code int16
					if low, code = p.deleteUpTo(leader, "orders", offset); code != 0 || low < offset {
						t.Fatalf("delete up to %d: low watermark %d, %v", offset, low, kerr.ErrorForCode(code))
					}
					s.look()
				}
				down := int32(rng.IntN(3))
				p.kill(down, rng.IntN(2) == 0)
				other := (down + 1) % 3
				p.until("another leads", func() bool {
					now := p.up[other].node.metadata.image.Topic("orders").Partitions[0].Leader
					return now >= 0 && now != down
				})
				leader = p.partition(other, "orders").Leader
				for range rng.IntN(60) { // the one that is down may come back behind the start
					p.produce(leader, topic, int32(said), fmt.Sprint("v", said))
					said++
				}
				s.look()
				p.start(down)
				leader = p.healthy("orders")
				s.look()
			}
			r, _ := p.replicaOf(leader, "orders")
			if r.LogStart < low || r.LogStart == 0 {
				t.Fatalf("the log starts at %d, it was deleted up to %d", r.LogStart, low)
			}
			got, code := p.readFrom(leader, topic, r.LogStart)
			if code != 0 || len(got) != said-int(r.LogStart) || len(got) > 0 && got[0] != fmt.Sprint("v", r.LogStart) {
				t.Fatalf("from offset %d on there are %d records, %v, code %d; %d were acknowledged", r.LogStart, len(got), got[:min(3, len(got))], code, said)
			}
			deleted := 0
			for _, m := range p.up {
				for _, e := range m.events {
					if d, ok := e.(event.SegmentsDeleted); ok {
						deleted += d.Segments
					}
				}
			}
			if deleted == 0 {
				t.Fatal("no segment was deleted: nothing was tried")
			}
		})
	}
}

// A DeleteRecords that waits for a follower is told when the leader has to go.
func TestDeleteRecordsOfALeaderThatGoes(t *testing.T) {
	s := newShard(nil, Config{}, 0)
	var fx actor.Effects
	r := &replica{id: api.Replica{Topic: metadata.TopicID{1}}, deletions: []deletion{{to: 5}, {to: 7}}}
	r.dropDeletions(kerr.NotLeaderForPartition, &fx)
	if len(fx.Sends) != 2 || len(r.deletions) != 0 || fx.Sends[0].Message.(api.DeleteAnswer).Error != kerr.NotLeaderForPartition.Code {
		t.Fatalf("%+v", fx.Sends)
	}
	s.deleteRecords(api.DeleteQuery{Replica: r.id, Offset: 3}, &fx)
	if a := fx.Sends[2].Message.(api.DeleteAnswer); a.Error != kerr.UnknownTopicOrPartition.Code || a.LowWatermark != -1 {
		t.Fatalf("a replica that is not here: %+v", a)
	}
}
