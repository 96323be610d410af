package node

import (
	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/env"
)

// producers answers one partition of DescribeProducers, whatever the replica does now.
func (s *shard) producers(m api.ProducerQuery, fx *actor.Effects) {
	answer := api.ProducerAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part}
	if r := s.replicas[m.Replica]; r == nil {
		answer.Error = s.missing(m.Replica).Code
	} else {
		for _, p := range r.log.Producers() {
			answer.Producers = append(answer.Producers, api.Producer(p))
		}
	}
	fx.Send(m.Ticket.To, answer)
}

// sizes answers DescribeLogDirs for the replicas of this shard, and for the directory if it is asked for that.
func (s *shard) sizes(m api.SizeQuery, fx *actor.Effects) {
	answer := api.SizeAnswer{Call: m.Call, Room: m.Room, Total: -1, Usable: -1}
	if volume, ok := s.fs.(env.Volume); ok && m.Room {
		var err error
		if answer.Total, answer.Usable, err = volume.Room(); err != nil {
			answer.Total, answer.Usable, answer.Failed = -1, -1, true
		}
	}
	for _, r := range s.ordered() {
		at := r.stand()
		answer.Replicas = append(answer.Replicas, api.ReplicaSize{
			Topic: r.topic, Partition: r.id.Partition, Bytes: r.log.Size(), Lag: max(0, at.HighWatermark-at.End),
		})
	}
	fx.Send(m.To, answer)
}
