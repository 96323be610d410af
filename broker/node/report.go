package node

import (
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/quorum"
)

// Replica is where one replica stands, for metrics and for those who look from inside.
type Replica struct {
	Topic                                  string
	Partition                              int32
	LogStart, HighWatermark, LogEnd, Bytes int64
	// LastStable offset under HighWatermark: no transaction is open below it.
	LastStable int64
	// Synced is the end of what is on stable storage.
	Synced int64
	// Role is what the replica does now, in LeaderEpoch.
	Role        Role
	LeaderEpoch int32
	// PartitionEpoch, ISR and MaximalISR of a leader: what it goes by. The slices must not be changed.
	PartitionEpoch  int32
	ISR, MaximalISR []int32
	// Replicas and MinISR are how many replicas there are, but for those being added, and how many must
	// be in sync.
	Replicas, MinISR int
	// EpochStart is where the log ended when this leader began.
	EpochStart int64
	// Log may be read within the step, by those who look from inside.
	Log *log.Log
}

// Role of a replica.
type Role uint8

// Roles: a replica idles until it has been told what it does.
const (
	Idle Role = iota
	Leading
	Following
)

// Report asks a shard for its replicas; they are given to Done within the step, by topic and partition.
type Report struct{ Done func([]Replica) }

// Committed asks the controller for the image of what it knows to be committed, and for its quorum; they are
// given to Done within the step, and only to be looked at.
type Committed struct {
	Done func(*metadata.Image, *quorum.Quorum)
}

func (s *shard) report(m Report) {
	all := make([]Replica, 0, len(s.replicas))
	for _, r := range s.ordered() {
		one := Replica{
			Topic: r.topic, Partition: r.id.Partition, LogStart: r.log.StartOffset(), LogEnd: r.log.EndOffset(),
			Synced: r.log.SyncedOffset(), Bytes: r.log.Size(), HighWatermark: r.stand().HighWatermark, LeaderEpoch: -1, Log: r.log,
		}
		one.LastStable = r.log.LastStableOffset(one.HighWatermark)
		switch {
		case r.leader != nil:
			one.Role, one.LeaderEpoch, one.PartitionEpoch = Leading, r.leader.Epoch, r.leader.PartitionEpoch()
			one.ISR, one.MaximalISR, one.EpochStart = r.leader.ISR(), r.leader.MaximalISR(), r.leader.EpochStart()
			one.Replicas, one.MinISR = r.leader.Replicas()
		case r.follower != nil:
			one.Role, one.LeaderEpoch = Following, r.follower.Epoch
		}
		all = append(all, one)
	}
	m.Done(all)
}

// stand is where the log stands, for the machine of the next term.
func (r *replica) stand() partition.Log {
	switch {
	case r.leader != nil:
		return r.leader.Log()
	case r.follower != nil:
		return r.follower.Log()
	}
	return r.position
}
