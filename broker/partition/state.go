package partition

import (
	"fmt"
	"slices"
	"time"
)

// Flush says what a record needs before it counts as committed on this node.
type Flush string

const (
	// FlushNone leaves syncing to the operating system, as Apache Kafka does by default.
	FlushNone Flush = "none"
	// FlushInterval syncs now and then, and does not wait for it.
	FlushInterval Flush = "interval"
	// FlushCommit syncs before a record is committed: the default here.
	FlushCommit Flush = "commit"
)

// ParseFlush reads a policy as YAML and --flush write it.
func ParseFlush(s string) (Flush, error) {
	switch f := Flush(s); f {
	case FlushNone, FlushInterval, FlushCommit:
		return f, nil
	}
	return "", fmt.Errorf("unknown flush policy %q: known are none, interval, commit", s)
}

// Config is what does not change while a node runs.
type Config struct {
	// Self is the id of this node's broker.
	Self  int32
	Flush Flush
	// ReplicaLagMax is how long a follower may be behind the leader's log end before the leader
	// wants it out of the ISR (replica.lag.time.max.ms).
	ReplicaLagMax time.Duration
	Bugs          Bugs
}

// Bugs are wrong decisions of this package that can be planted, to prove that they are found.
type Bugs struct {
	// AckEarly acknowledges what the leader has, whatever the rest of the ISR has.
	AckEarly bool
	// HWTruncate truncates a new follower to its high watermark, as before KIP-101.
	HWTruncate bool
	// IsrExpandEarly skips conditions of joining the ISR.
	IsrExpandEarly IsrExpandEarly
	// IsrABA applies metadata without comparing partition epochs.
	IsrABA bool
	// RebornReplica takes the fetches of a broker's former process for those of its present one (KIP-903).
	RebornReplica bool
	// IsrNotMaximal moves the high watermark without waiting for members that are only proposed.
	IsrNotMaximal bool
	// UnsyncedFollower fetches from the log end with flush: commit, synced or not.
	UnsyncedFollower bool
	// MinISRIgnored takes and commits records however few are in sync.
	MinISRIgnored bool
	// IsrShrinkEarly moves the high watermark without members that are only proposed to leave.
	IsrShrinkEarly bool
}

// IsrExpandEarly has one switch for each condition of joining the ISR; the broker epoch is
// Bugs.RebornReplica.
type IsrExpandEarly struct {
	// BelowHighWatermark lets followers in that lack committed records.
	BelowHighWatermark bool
	// BelowEpochStart lets them in by a new leader's high watermark, which may be too old.
	BelowEpochStart bool
	// OtherEpoch believes fetches of former leader epochs.
	OtherEpoch bool
	// Fenced and ShuttingDown let brokers in that the controller would not elect.
	Fenced, ShuttingDown bool
}

// Broker is what the metadata says of a broker that holds a replica.
type Broker struct {
	ID int32
	// Epoch is the offset of its registration in the metadata log: one per process (KIP-903).
	Epoch                int64
	Fenced, ShuttingDown bool
}

// State is a partition as the metadata has it. Whoever gives one away does not change its slices.
type State struct {
	Leader      int32
	LeaderEpoch int32
	// PartitionEpoch rises with every change that the controller makes.
	PartitionEpoch int32
	// Replicas in order of assignment; ISR is a subset.
	Replicas, ISR []int32
	// Adding is how many of the replicas a reassignment brings (KIP-455): nothing is expected of them yet.
	Adding int
	// Brokers of the replicas; one that is missing here counts as fenced.
	Brokers []Broker
	// MinISR is min.insync.replicas as configured; no more than len(Replicas) counts.
	MinISR int
}

// minISR is what the ISR needs before records are committed.
func (s State) minISR() int { return max(1, min(s.MinISR, len(s.Replicas))) }

// Equal reports whether the two say the same.
func (s State) Equal(o State) bool {
	return s.Leader == o.Leader && s.LeaderEpoch == o.LeaderEpoch && s.PartitionEpoch == o.PartitionEpoch &&
		s.MinISR == o.MinISR && s.Adding == o.Adding && slices.Equal(s.Replicas, o.Replicas) && slices.Equal(s.ISR, o.ISR) && slices.Equal(s.Brokers, o.Brokers)
}

func (s State) broker(id int32) Broker {
	for _, b := range s.Brokers {
		if b.ID == id {
			return b
		}
	}
	return Broker{ID: id, Epoch: -1, Fenced: true}
}

func (s State) in(id int32) bool { return slices.Contains(s.ISR, id) }

// Log is where a replica's log stands when a term begins.
type Log struct {
	// End is the offset of the next record, Synced the end of what is on stable storage.
	End, Synced int64
	// HighWatermark that this replica knew before; at most End.
	HighWatermark int64
}

// check panics if owner and machine disagree about the log.
func (l Log) check() {
	if l.Synced > l.End || l.HighWatermark > l.End || min(l.Synced, l.HighWatermark) < 0 {
		panic(fmt.Sprintf("partition: log end %d, synced %d, high watermark %d", l.End, l.Synced, l.HighWatermark))
	}
}

// appended moves the log end.
func (l *Log) appended(end int64) {
	if end < l.End {
		panic(fmt.Sprintf("partition: log end went back from %d to %d", l.End, end))
	}
	l.End = end
}

// synced moves the synced end. Completions may come late, and out of order.
func (l *Log) synced(end int64) {
	if end > l.End {
		panic(fmt.Sprintf("partition: synced to %d beyond the log end %d", end, l.End))
	}
	l.Synced = max(l.Synced, end)
}

// safe is the end of what this replica may promise to have.
func (l *Log) safe(flush Flush) int64 {
	if flush == FlushCommit {
		return l.Synced
	}
	return l.End
}
