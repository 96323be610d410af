package broker

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/server"
	"github.com/logproof/logproof/broker/wire"
)

// logDir is where the logs are, as DescribeLogDirs shows it.
func (c Config) logDir() string {
	if c.DataDir == "" {
		return "memory"
	}
	if absolute, err := filepath.Abs(c.DataDir); err == nil {
		return absolute
	}
	return c.DataDir
}

// fixed are settings that a broker is started with and that no topic has, by Kafka's names: DescribeConfigs shows
// them as read-only.
func (c Config) fixed() []metadata.Value {
	var voters []string
	for _, v := range c.Voters {
		voters = append(voters, v.String())
	}
	number := func(n int) string { return strconv.Itoa(n) }
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	values := []metadata.Value{
		metadata.FixedValue("auto.create.topics.enable", metadata.BoolSetting, strconv.FormatBool(!c.NoAutoCreate), "Whether topics are created that clients ask for by name."),
		metadata.FixedValue("broker.heartbeat.interval.ms", metadata.IntSetting, millis(c.Heartbeat), "How often the broker tells the controller that it lives."),
		metadata.FixedValue("broker.session.timeout.ms", metadata.IntSetting, millis(c.SessionTimeout), "How long a broker stays in the cluster without a heartbeat."),
		metadata.FixedValue("connections.max.idle.ms", metadata.LongSetting, millis(cmp.Or(c.MaxIdle, server.DefaultIdle)), "How long a client may ask for nothing before its connection is closed."),
		metadata.FixedValue("controller.quorum.voters", metadata.ListSetting, strings.Join(voters, ","), "Controllers of the cluster and their peer listeners."),
		metadata.FixedValue("default.replication.factor", metadata.IntSetting, number(int(c.DefaultReplication)), "Replicas of topics created without a number."),
		metadata.FixedValue("log.cleaner.backoff.ms", metadata.LongSetting, millis(max(c.clean(), 0)), "How often it is looked for logs that are to be compacted."),
		metadata.FixedValue("log.cleaner.dedupe.buffer.size", metadata.LongSetting, number(max(c.Shards, 1)*node.DefaultCleanMapBytes), "Memory for the keys of logs that are compacted."),
		metadata.FixedValue("log.cleaner.enable", metadata.BoolSetting, strconv.FormatBool(!c.NoClean), "Whether logs are compacted."),
		metadata.FixedValue("log.dirs", metadata.ListSetting, c.logDir(), "Where the logs are."),
		metadata.FixedValue("node.id", metadata.IntSetting, number(int(c.NodeID)), "The node's id in its cluster."),
		metadata.FixedValue("num.partitions", metadata.IntSetting, number(int(c.DefaultPartitions)), "Partitions of topics created without a number."),
		metadata.FixedValue("process.roles", metadata.ListSetting, c.Roles.String(), "What the node is: broker, controller or both."),
		metadata.FixedValue("replica.lag.time.max.ms", metadata.LongSetting, millis(c.ReplicaLagMax), "How long a follower may be behind before it leaves the ISR."),
		metadata.FixedValue("socket.request.max.bytes", metadata.IntSetting, number(cmp.Or(c.MaxRequestBytes, wire.MaxFrame)), "Largest request that is read."),
	}
	if c.Rack != "" {
		values = append(values, metadata.FixedValue("broker.rack", metadata.StringSetting, c.Rack, "Where the broker stands."))
	}
	return values
}
