package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/group"
)

// Groups of consumers: the limits and times by which a broker coordinates them. The zero value of each field is Apache
// Kafka's default.
type Groups struct {
	// InitialDelay is how long an empty group waits for more members once the first has joined; 3 s if 0, not at all if
	// it is negative (group.initial.rebalance.delay.ms).
	InitialDelay time.Duration
	// MinSession and MaxSession bound the session timeout that members may ask for; 6 s and 30 min if 0
	// (group.min.session.timeout.ms, group.max.session.timeout.ms).
	MinSession, MaxSession time.Duration
	// MaxSize bounds the members of a group; no bound if 0 (group.max.size).
	MaxSize int
	// MaxOffsetMetadata bounds the text that goes with an offset; 4096 bytes if 0 (offset.metadata.max.bytes).
	MaxOffsetMetadata int
	// Retention is how long offsets are kept that nobody uses; 7 days if 0 (offsets.retention.minutes). They are
	// looked through every RetentionCheck; 10 min if 0 (offsets.retention.check.interval.ms).
	Retention, RetentionCheck time.Duration
	// Partitions of __consumer_offsets, and its replicas where the cluster has as many brokers; 50 and 3 if 0
	// (offsets.topic.num.partitions, offsets.topic.replication.factor).
	Partitions  int32
	Replication int16
}

const (
	defaultOffsetsPartitions  = 50
	defaultOffsetsReplication = 3
)

// validate lists what is wrong. Defaults are filled in.
func (g Groups) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if g.MinSession < 0 || g.MaxSession < g.MinSession {
		bad("session timeouts of group members from %v to %v: want 0 or more, and the longest not below the shortest", g.MinSession, g.MaxSession)
	}
	if g.MaxSize < 0 || g.MaxOffsetMetadata < 0 || g.Retention < 0 || g.RetentionCheck < 0 {
		bad("sizes and times of consumer groups must not be negative")
	}
	if g.Partitions < 1 || g.Replication < 1 {
		bad("%d partitions and %d replicas of __consumer_offsets: want 1 or more", g.Partitions, g.Replication)
	}
	return errors.Join(errs...)
}

// withDefaults fills in what is left open.
func (g Groups) withDefaults() Groups {
	if g.InitialDelay == 0 {
		g.InitialDelay = group.DefaultInitialDelay
	}
	if g.MinSession == 0 {
		g.MinSession = group.DefaultMinSession
	}
	if g.MaxSession == 0 {
		g.MaxSession = max(group.DefaultMaxSession, g.MinSession)
	}
	if g.Partitions == 0 {
		g.Partitions = defaultOffsetsPartitions
	}
	if g.Replication == 0 {
		g.Replication = defaultOffsetsReplication
	}
	return g
}

// machine is the configuration of the machine that decides.
func (g Groups) machine() group.Config {
	return group.Config{
		InitialDelay: max(g.InitialDelay, 0), MinSession: g.MinSession, MaxSession: g.MaxSession, MaxSize: g.MaxSize,
		MaxMetadata: g.MaxOffsetMetadata, Retention: g.Retention,
	}
}
