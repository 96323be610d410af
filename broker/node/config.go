package node

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/logproof/logproof/broker/txn"
)

// Config of a node.
type Config struct {
	Sessions   api.Config
	Controller controller.Config
	ClusterID  string
	Roles      Roles
	// Voters of the metadata quorum: the same list on every node of the cluster, voter or not.
	Voters []Voter
	// Endpoints are where this node's broker is found; Rack is where it stands, "" for nowhere.
	Endpoints Endpoints
	Rack      string
	// Incarnation is drawn by the owner for each process (KIP-631); it is not zero for a broker.
	Incarnation metadata.Incarnation
	Timing      Timing
	// Wall is what the node's wall clock shows at a time of a step, for what is stamped with it; the time
	// itself if nil.
	Wall func(time.Time) time.Time
	// SnapshotEvery so many metadata records a controller makes a snapshot, and keeps a tenth as many
	// entries before it; 0 is quorum's default.
	SnapshotEvery int64
	// Settings are what the broker says of topics that say nothing, by the names of topic settings: checked
	// ones (metadata.CheckSettings). segment.bytes, max.message.bytes, min.insync.replicas and
	// index.interval.bytes that are not there are taken from Log, Sessions and Controller, if those have them.
	Settings map[string]string
	Log      log.Config
	// CleanMapBytes are what a shard may take for the keys of a log that it compacts
	// (log.cleaner.dedupe.buffer.size); DefaultCleanMapBytes if 0. A log with more keys takes several passes.
	CleanMapBytes int64
	Flush         partition.Flush
	// FlushInterval is how often FlushInterval syncs.
	FlushInterval time.Duration
	// Groups are the limits and times of consumer groups, Transactions those of transactions.
	Groups       group.Config
	Transactions txn.Config
	Bugs         bug.Set
	// settings are those of topics that say nothing.
	settings metadata.Settings
}

// Roles of a node: at least one. A controller has a vote in the metadata quorum, a broker has replicas.
type Roles struct{ Controller, Broker bool }

// Voter of the metadata quorum, and where its peer listener is.
type Voter struct {
	ID   int32
	Host string
	Port int32
}

// Endpoints of a broker's two listeners.
type Endpoints struct {
	Host     string
	Port     int32
	PeerHost string
	PeerPort int32
}

// Timing of what a node does by the clock; zero values mean the defaults.
type Timing struct {
	// QuorumTick is raft's unit: the leader is heard every tick, and an election begins after 10 to 20
	// of them without it.
	QuorumTick time.Duration
	// Heartbeat is how often a broker tells the controller that it lives (broker.heartbeat.interval.ms).
	Heartbeat time.Duration
	// ReplicaLagMax is how long a follower may be behind before it leaves the ISR
	// (replica.lag.time.max.ms).
	ReplicaLagMax time.Duration
	// FetchWait is how long a follower's fetch waits for records (replica.fetch.wait.max.ms).
	FetchWait time.Duration
	// CallTimeout is how long a request to another node may take, and FetchWait on top of a fetch.
	CallTimeout time.Duration
	// Scrub is how often a shard looks at the next part of its sealed segments, 256 KiB each; never if 0. ScrubRest
	// comes after the last of them, if it is longer.
	Scrub, ScrubRest time.Duration
	// RetentionCheck is how often a shard looks at what its topics need not keep (log.retention.check.interval.ms);
	// never if it is negative.
	RetentionCheck time.Duration
	// Clean is how often a shard looks for logs that are to be compacted (log.cleaner.backoff.ms); never if it is
	// negative (log.cleaner.enable).
	Clean time.Duration
	// BackOff comes before a request that failed is tried again.
	BackOff time.Duration
	// ExpireOffsets is how often consumer groups are looked through for offsets that are kept no longer
	// (offsets.retention.check.interval.ms).
	ExpireOffsets time.Duration
	// ExpireTransactions is how often transactional ids are looked through for those that are kept no longer
	// (transaction.remove.expired.transaction.cleanup.interval.ms).
	ExpireTransactions time.Duration
}

// Defaults of Timing, where Kafka has them its own.
const (
	DefaultQuorumTick    = 100 * time.Millisecond
	DefaultHeartbeat     = 2 * time.Second
	DefaultReplicaLagMax = 30 * time.Second
	DefaultFetchWait     = 500 * time.Millisecond
	DefaultCallTimeout   = 2 * time.Second
	DefaultBackOff       = 50 * time.Millisecond
	// DefaultRetentionCheck and DefaultClean are Kafka's.
	DefaultRetentionCheck = 5 * time.Minute
	DefaultClean          = 15 * time.Second
	// DefaultCleanMapBytes are 1.3 million keys.
	DefaultCleanMapBytes = 32 << 20
)

func (t Timing) complete() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.QuorumTick, DefaultQuorumTick}, {&t.Heartbeat, DefaultHeartbeat}, {&t.ReplicaLagMax, DefaultReplicaLagMax},
		{&t.FetchWait, DefaultFetchWait}, {&t.CallTimeout, DefaultCallTimeout}, {&t.BackOff, DefaultBackOff},
		{&t.RetentionCheck, DefaultRetentionCheck}, {&t.Clean, DefaultClean},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return t
}

func (c Config) complete() (Config, error) {
	if session := c.Controller.SessionTimeout; c.Timing.CallTimeout == 0 && session > 0 {
		// A broker that asks a dead controller must find the next one before its session is over.
		c.Timing.CallTimeout = min(DefaultCallTimeout, session/2)
	}
	if session := c.Controller.SessionTimeout; c.Timing.FetchWait == 0 && session > 0 {
		// A replica that comes to follow a broker waits until a fetch that is under way has ended.
		c.Timing.FetchWait = min(DefaultFetchWait, session/6)
	}
	c.Timing = c.Timing.complete()
	c.CleanMapBytes = cmp.Or(c.CleanMapBytes, DefaultCleanMapBytes)
	if c.Wall == nil {
		c.Wall = func(t time.Time) time.Time { return t }
	}
	c.Groups.Wall, c.Transactions.Wall = c.Wall, c.Wall
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = quorum.DefaultSnapshotEvery
	}
	c.Controller.Bugs = controller.Bugs{
		Unclean: c.Bugs.Has(bug.Unclean), LastReplica: c.Bugs.Has(bug.LastReplica),
		RebornReplica: c.Bugs.Has(bug.RebornReplica), IsrABA: c.Bugs.Has(bug.IsrABA),
	}
	if err := c.completeSettings(); err != nil {
		return c, err
	}
	self := c.Sessions.NodeID
	votes := slices.ContainsFunc(c.Voters, func(v Voter) bool { return v.ID == self })
	switch {
	case !c.Roles.Controller && !c.Roles.Broker:
		return c, errors.New("node: it is neither controller nor broker")
	case c.Roles.Controller != votes:
		return c, fmt.Errorf("node: node %d has a vote in the metadata quorum: %v, is a controller: %v; both go together", self, votes, c.Roles.Controller)
	case len(c.Voters) == 0:
		return c, errors.New("node: the metadata quorum has no voters")
	case c.Roles.Broker && c.Sessions.Shards < 1:
		return c, fmt.Errorf("node: %d shards: want at least 1", c.Sessions.Shards)
	case c.Roles.Broker && c.Incarnation == metadata.Incarnation{}:
		return c, errors.New("node: the broker has no incarnation")
	}
	return c, nil
}

// session is how long the controller takes a broker for alive that it has heard; for ever if it is not said.
func (c Config) session() time.Duration {
	if c.Controller.SessionTimeout == 0 {
		return math.MaxInt64
	}
	return c.Controller.SessionTimeout
}

// voterIDs of the metadata quorum.
func (c Config) voterIDs() (ids []int32) {
	for _, v := range c.Voters {
		ids = append(ids, v.ID)
	}
	return ids
}
