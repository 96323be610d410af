package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// enter brings a replica into line with the metadata: a new term, or another state of the one that runs.
func (s *shard) enter(now time.Time, r *replica, m assign, fx *actor.Effects) error {
	leads := m.state.Leader == s.cfg.Sessions.NodeID
	switch {
	case r.leader != nil && r.leader.Epoch == m.state.LeaderEpoch:
		s.moved(r, r.leader.MetadataChanged(m.state), fx)
		s.settleDeletions(r, fx)
	case r.leader != nil && !leads && s.cfg.Bugs.Has(bug.StaleLeaderServes):
	case leads:
		return s.lead(now, r, m, fx)
	case r.follower == nil || r.follower.Epoch != m.state.LeaderEpoch:
		s.follow(r, m, fx)
	default:
		r.follower.MetadataChanged(m.state)
	}
	return nil
}

// lead begins a term as leader. Asked where the epoch before it ends, a leader must know before it has
// written anything (KIP-279).
func (s *shard) lead(now time.Time, r *replica, m assign, fx *actor.Effects) error {
	s.resign(r, fx)
	if err := r.log.BeginEpoch(m.state.LeaderEpoch); err != nil {
		return err
	}
	if s.cfg.Bugs.Has(bug.HWRegress) {
		r.position.HighWatermark = min(r.log.StartOffset(), r.position.HighWatermark)
	}
	r.leader = partition.NewLeader(s.machine, m.state, r.position, now)
	fx.Emit(event.BecameLeader{
		Topic: r.topic, Partition: r.id.Partition, LeaderEpoch: r.leader.Epoch,
		LogEnd: r.leader.LogEnd(), HighWatermark: r.leader.HighWatermark(),
	})
	if r.damage != nil { // as a leader it is in the ISR again
		s.strike(r, fx)
	}
	s.moved(r, true, fx)
	if len(m.state.Replicas) > 1 && !s.ticking {
		s.ticking = true
		fx.After(s.tickEvery(), leaderTick{})
	}
	return nil
}

// follow begins a term as follower.
func (s *shard) follow(r *replica, m assign, fx *actor.Effects) {
	s.resign(r, fx)
	r.follower = partition.NewFollower(s.machine, m.state, r.position)
	fx.Emit(event.BecameFollower{
		Topic: r.topic, Partition: r.id.Partition, Leader: m.state.Leader, LeaderEpoch: r.follower.Epoch, LogEnd: r.follower.LogEnd(),
	})
	if r.follower.Leader >= 0 {
		s.attach(r, m.leader)
	}
	if cut, ok := r.follower.Begin(); ok {
		s.truncateSoon(r, cut, fx)
	}
	s.mend(r, fx)
}

// resign ends the term that runs, if there is one. Who waits for it is told to look for the next leader.
func (s *shard) resign(r *replica, fx *actor.Effects) {
	r.position = r.stand()
	if r.leader != nil {
		for _, ack := range r.leader.Drain() {
			if s.cfg.Bugs.Has(bug.DrainAcks) {
				fx.Send(ack.Ticket.To, api.ProduceDone{Call: ack.Ticket.Call, Part: ack.Ticket.Part, BaseOffset: ack.BaseOffset, LogStart: r.log.StartOffset(), AppendTime: ack.Time})
				continue
			}
			fx.Send(ack.Ticket.To, refusal(ack.Ticket, kerr.NotLeaderForPartition, ""))
		}
		r.dropDeletions(kerr.NotLeaderForPartition, fx)
		r.leader = nil
		r.guards.clear()
		s.wakeAll(r, fx)
	}
	s.detach(r)
	r.follower, r.cut, r.resting = nil, nil, false
}

// tickEvery is how often leaders are told the time: a few times in the time that a follower may lag.
func (s *shard) tickEvery() time.Duration { return min(s.cfg.Timing.ReplicaLagMax/4, time.Second) }

func (s *shard) tick(now time.Time, fx *actor.Effects) {
	fx.After(s.tickEvery(), leaderTick{})
	for _, r := range s.ordered() {
		if r.leader != nil {
			s.moved(r, r.leader.Tick(now), fx)
		}
	}
}

// altered takes the controller's answer to a proposal of the term that runs.
func (s *shard) altered(m altered, fx *actor.Effects) {
	if r := s.replicas[m.replica]; r != nil && r.leader != nil && r.leader.Epoch == m.leaderEpoch {
		s.moved(r, r.leader.Answered(m.answer), fx)
	}
}

// attach lets a follower fetch from its leader.
func (s *shard) attach(r *replica, leader metadata.Broker) {
	i, found := slices.BinarySearchFunc(s.sources, leader.ID, func(src *source, id int32) int { return int(src.broker) - int(id) })
	if !found {
		s.sources = slices.Insert(s.sources, i, &source{broker: leader.ID})
	}
	src := s.sources[i]
	src.host, src.port = leader.PeerHost, leader.PeerPort
	src.replicas = append(src.replicas, r)
	r.source = src
}

func (s *shard) detach(r *replica) {
	if r.source != nil {
		r.source.replicas = slices.DeleteFunc(r.source.replicas, func(other *replica) bool { return other == r })
		r.source = nil
	}
}

// truncateSoon cuts a follower's log, after the sync that is under way.
func (s *shard) truncateSoon(r *replica, cut partition.Truncation, fx *actor.Effects) {
	if r.syncing {
		r.cut = &cut
		return
	}
	s.truncate(r, cut, fx)
}

func (s *shard) truncate(r *replica, cut partition.Truncation, fx *actor.Effects) {
	r.cut = nil
	from := r.log.EndOffset()
	if err := r.log.TruncateTo(max(cut.To, r.log.StartOffset())); err != nil {
		fx.Fatal = fmt.Errorf("truncate %s: %w", replicaDir(r.topic, r.id.Partition), err)
		return
	}
	r.follower.Truncated(r.log.EndOffset())
	r.follower.Synced(min(r.log.SyncedOffset(), r.log.EndOffset()))
	fx.Emit(event.LogTruncated{Topic: r.topic, Partition: r.id.Partition, From: from, To: r.log.EndOffset(), Unclean: cut.Unclean})
}

// partitionBugs are the planted bugs of the machines.
func partitionBugs(bugs bug.Set) partition.Bugs {
	return partition.Bugs{
		AckEarly: bugs.Has(bug.AckEarly), HWTruncate: bugs.Has(bug.HWTruncate), IsrABA: bugs.Has(bug.IsrABA),
		RebornReplica: bugs.Has(bug.RebornReplica), IsrNotMaximal: bugs.Has(bug.IsrNotMaximal),
		UnsyncedFollower: bugs.Has(bug.UnsyncedFollower),
		MinISRIgnored:    bugs.Has(bug.MinISRIgnored), IsrShrinkEarly: bugs.Has(bug.IsrShrinkEarly),
		IsrExpandEarly: partition.IsrExpandEarly{
			BelowHighWatermark: bugs.Has(bug.IsrExpandEarlyWatermark), BelowEpochStart: bugs.Has(bug.IsrExpandEarlyEpochStart),
			OtherEpoch: bugs.Has(bug.IsrExpandEarlyOtherEpoch), Fenced: bugs.Has(bug.IsrExpandEarlyFenced),
			ShuttingDown: bugs.Has(bug.IsrExpandEarlyShuttingDown),
		},
	}
}
