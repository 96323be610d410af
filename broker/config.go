package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
)

// Config of a node; the zero value of each field is its default, and that of all of them but the data
// directory a cluster of one broker.
type Config struct {
	// NodeID of this node in its cluster, 0 or more.
	NodeID int32
	// ClusterID is what the nodes of a cluster and their data directories agree on; "logproof" if empty.
	ClusterID string
	// Roles of the node; both if none.
	Roles Roles
	// Voters are all controllers of the cluster, the same on every node of it; only this node if none.
	Voters []Voter
	// Listen is where clients connect, host:port; 127.0.0.1:9092 if empty, port 0 for any free one.
	// It is also what clients are told to connect to, unless Advertise is set.
	Listen string
	// Advertise is what clients are told to connect to, host:port, where that is another place than
	// Listen: a proxy or a forwarded port.
	Advertise string
	// Listener takes clients in place of Listen, as from who owns ports for longer than a broker lives.
	Listener net.Listener
	// PeerListen is where the other nodes of the cluster connect, host:port, and where they are told to
	// find this one, unless PeerAdvertise is set; needed if there are Voters.
	PeerListen string
	// PeerAdvertise is where the other nodes are told to find this one, host:port, where that is another
	// place than PeerListen. A controller is found where the Voters say.
	PeerAdvertise string
	// PeerListener takes the other nodes in place of PeerListen.
	PeerListener net.Listener
	// Dial connects to other nodes; TCP if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Rack where the broker stands; replicas of a partition are spread over racks.
	Rack string
	// SessionTimeout is how long a broker stays in the cluster without a heartbeat; 9 s if 0, as in
	// Kafka. It is the active controller's that counts.
	SessionTimeout time.Duration
	// Heartbeat is how often the broker tells the active controller that it lives; if 0, four times in a
	// session, and every 2 s at least, as in Kafka.
	Heartbeat time.Duration
	// ReplicaLagMax is how long a follower may be behind before it leaves the ISR; 30 s if 0, as in Kafka.
	ReplicaLagMax time.Duration
	// QuorumTick is how often the leader of the metadata quorum is heard; without it an election begins
	// after 10 to 20 ticks. 100 ms if 0.
	QuorumTick time.Duration
	// ShutdownTimeout is how long Close waits for the others to take over what this broker leads; 5 s if 0.
	ShutdownTimeout time.Duration
	// Metrics is where /metrics is served, host:port; not at all if empty.
	Metrics string
	// DataDir holds everything that outlives the process. It is made if it is missing, and one
	// process at a time may use it.
	DataDir string
	// FS is used in place of DataDir, as by tests that keep files in memory.
	FS env.FS
	// Flush is none, interval or commit; commit if empty: records are synced before they are
	// acknowledged or shown to readers.
	Flush partition.Flush
	// FlushInterval is how often Flush interval syncs; 1 s if 0.
	FlushInterval time.Duration
	// Disk makes the files below misbehave by rules.
	Disk disk.Rules
	// Control is the path of a unix socket through which the rules of the disk and the clock are changed
	// while the node runs, see package control; none if empty.
	Control string
	// SegmentBytes is the size at which a log begins a new segment; 1 GiB if 0.
	SegmentBytes int64
	// Settings are what topics have that say nothing themselves, by the names that Kafka's server.properties
	// has for it: log.retention.ms, log.cleanup.policy and so on. Those of SegmentBytes, MaxMessageBytes and
	// MinISR may stand here instead.
	Settings map[string]string
	// Features are the levels with which a new cluster begins, by Kafka's names (transaction.version), where they are
	// not those of this program. They count on the first active controller, and no more once there is a cluster:
	// then UpdateFeatures changes them.
	Features map[string]int16
	// RetentionCheck is how often retention is looked at (log.retention.check.interval.ms); 5 min if 0, as in Kafka.
	RetentionCheck time.Duration
	// CleanCheck is how often it is looked for logs that are to be compacted (log.cleaner.backoff.ms); 15 s if 0, as in
	// Kafka. NoClean compacts none (log.cleaner.enable).
	CleanCheck time.Duration
	NoClean    bool
	// MaxConnections of clients at a time; one more is closed at once. 12000 if 0, or three
	// quarters of the descriptors that the process may have, if that is less; Kafka has no limit.
	MaxConnections int
	// MaxIdle is how long a client may ask for nothing before its connection is closed; 10 min if 0, as in
	// Kafka.
	MaxIdle time.Duration
	// MaxRequestBytes is the largest request that is read; 100 MiB if 0, as in Kafka.
	MaxRequestBytes int
	// MaxMessageBytes is the largest record batch that is accepted; 1048588 if 0, as in Kafka.
	MaxMessageBytes int
	// DefaultPartitions of topics created without a number; 1 if 0.
	DefaultPartitions int32
	// DefaultReplication of topics created without a number, and MinISR, without which no record is
	// committed, of those created without min.insync.replicas; 1 if 0.
	DefaultReplication int16
	MinISR             int
	// Groups are the limits and times of consumer groups.
	Groups Groups
	// Transactions are the limits and times of transactions.
	Transactions Transactions
	// NoAutoCreate stops Metadata requests from creating topics.
	NoAutoCreate bool
	// Shards is how many goroutines share the partitions; GOMAXPROCS if 0.
	Shards int
	// Bugs are planted.
	Bugs bug.Set
	// Events is a file that gets a line of JSON for each event of the node; none if empty.
	Events string
	// Log receives what the broker has to say; nothing is logged if nil.
	Log *slog.Logger
}

// clean is how often a shard looks for logs to compact; -1 for never.
func (c Config) clean() time.Duration {
	if c.NoClean {
		return -1
	}
	return cmp.Or(c.CleanCheck, node.DefaultClean)
}

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.NodeID < 0 {
		bad("node id %d: want 0 or more", c.NodeID)
	}
	if c.DataDir == "" && c.FS == nil {
		bad("no data directory: give one with --data")
	}
	if c.Flush != "" {
		if _, err := partition.ParseFlush(string(c.Flush)); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.withDefaults().validateCluster()...)
	if c.SegmentBytes < 0 || c.SegmentBytes > 1<<31-1 {
		bad("segment size %d: want 1 to %d bytes, as positions in its index are 32 bits", c.SegmentBytes, 1<<31-1)
	}
	if err := c.Groups.withDefaults().validate(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Transactions.withDefaults().validate(); err != nil {
		errs = append(errs, err)
	}
	if c.RetentionCheck < 0 {
		bad("retention looked at every %v: want more than 0, or 0 for every 5 min", c.RetentionCheck)
	}
	if c.CleanCheck < 0 {
		bad("logs to be compacted looked for every %v: want more than 0, or 0 for every 15 s", c.CleanCheck)
	}
	if _, err := c.topicSettings(); err != nil {
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Features)) {
		if err := controller.CheckLevel(name, c.Features[name]); err != nil {
			bad("--feature: %w", err)
		}
	}
	if err := control.CheckPath(c.Control); err != nil {
		bad("--control: %w", err)
	}
	if c.MaxMessageBytes < 0 || c.Shards < 0 || c.DefaultPartitions < 0 || c.MaxConnections < 0 || c.MaxIdle < 0 {
		bad("sizes and numbers must not be negative")
	}
	if c.MaxRequestBytes < 0 || c.MaxRequestBytes > 1<<31-1 {
		bad("--max-request-bytes %d: want 1 to %d", c.MaxRequestBytes, 1<<31-1)
	}
	return errors.Join(errs...)
}

// topicSettings are Settings by the names that topics have for them.
func (c Config) topicSettings() (map[string]string, error) {
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if row := metadata.FindBrokerSetting(name); row == nil || row.Name == "" {
			return nil, fmt.Errorf("there is no setting %q: --set takes those that topics have too, by Kafka's names for brokers, as in log.retention.ms", name)
		}
	}
	checked, err := metadata.CheckBrokerSettings(c.Settings)
	if err != nil {
		return nil, fmt.Errorf("--set: %w", err)
	}
	named := map[string]string{}
	for name, value := range checked {
		named[metadata.FindBrokerSetting(name).Name] = value
	}
	return named, nil
}

// withDefaults fills in what is left open.
func (c Config) withDefaults() Config {
	if c.ClusterID == "" {
		c.ClusterID = "logproof"
	}
	if c.Roles == (Roles{}) {
		c.Roles = Roles{Broker: true, Controller: true}
	}
	if c.Listen == "" && c.Roles.Broker {
		c.Listen = "127.0.0.1:9092"
	}
	for _, t := range c.timings() {
		if *t.field == 0 {
			*t.field = t.value
		}
	}
	c.Groups, c.Transactions = c.Groups.withDefaults(), c.Transactions.withDefaults()
	if c.DefaultReplication == 0 {
		c.DefaultReplication = 1
	}
	if c.MinISR == 0 {
		c.MinISR = 1
	}
	if c.Flush == "" {
		c.Flush = partition.FlushCommit
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = 1 << 30
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = 1048588
	}
	if c.DefaultPartitions == 0 {
		c.DefaultPartitions = 1
	}
	if c.Shards == 0 {
		c.Shards = runtime.GOMAXPROCS(0)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
