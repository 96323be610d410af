package process

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Broker is how a node of the reference system is started: `logproof broker ...`.
type Broker struct {
	// Flush is none, interval or commit.
	Flush string
	// Disk rules of the broker's --disk; "" is a plain disk.
	Disk string
	// Bugs to plant, comma-separated; "" is none.
	Bugs string
	// SegmentBytes is the size at which a log begins a new segment; 0 is the node's own default.
	SegmentBytes int64
	// Rack of a broker; "" is none.
	Rack string
	// Replication of topics that are created without a number, and their min.insync.replicas; 0 is the
	// node's own default. One node alone does not get them.
	Replication, MinISR int
	// Timing of the cluster: the same on all nodes. One node alone does not get it.
	Timing Timing
	// Groups of consumers: nil leaves the node its own defaults.
	Groups *Groups
	// TransactionsPartitions of __transaction_state; 0 is the node's own default.
	TransactionsPartitions int
}

// Groups is how a node coordinates consumer groups.
type Groups struct {
	// MinSession is the shortest session timeout that members may ask for, and InitialDelay how long an
	// empty group waits for more members.
	MinSession, InitialDelay time.Duration
	// OffsetsPartitions of __consumer_offsets.
	OffsetsPartitions int
}

// Timing is how fast a cluster notices that something is missing; 0 is the node's own default.
type Timing struct {
	SessionTimeout, Heartbeat, ReplicaLagMax, QuorumTick time.Duration
}

// Args are the command-line arguments of a node; it fits Config.Args.
func (b Broker) Args(self Endpoint, all []Endpoint) []string {
	args := []string{"broker", "--node-id", strconv.Itoa(int(self.Node))}
	if self.Broker {
		args = append(args, "--listen", self.Direct)
		if self.Direct != self.Listen {
			args = append(args, "--advertise", self.Listen)
		}
	}
	args = append(args,
		"--metrics", self.Metrics,
		"--data", self.Data,
		"--flush", b.Flush,
		"--events", self.Events(),
	)
	if self.Control != "" {
		args = append(args, "--control", self.Control)
	}
	if b.Disk != "" {
		args = append(args, "--disk", b.Disk)
	}
	if b.SegmentBytes != 0 {
		args = append(args, "--segment-bytes", strconv.FormatInt(b.SegmentBytes, 10))
	}
	if b.Bugs != "" {
		args = append(args, "--bug", b.Bugs)
	}
	if g := b.Groups; g != nil {
		args = append(args, "--group-min-session", g.MinSession.String(), "--group-initial-delay", g.InitialDelay.String(),
			"--offsets-partitions", strconv.Itoa(g.OffsetsPartitions))
	}
	if b.TransactionsPartitions != 0 {
		args = append(args, "--transactions-partitions", strconv.Itoa(b.TransactionsPartitions))
	}
	if len(all) > 1 {
		args = append(args, b.clusterArgs(self, all)...)
	}
	return args
}

// clusterArgs are those that only a node which has others needs.
func (b Broker) clusterArgs(self Endpoint, all []Endpoint) []string {
	var voters []string
	for _, e := range all {
		if e.Controller {
			voters = append(voters, strconv.Itoa(int(e.Node))+"@"+e.Peers)
		}
	}
	args := []string{"--roles", self.roles(), "--voters", strings.Join(voters, ","), "--peers", self.DirectPeers}
	if self.DirectPeers != self.Peers {
		args = append(args, "--advertise-peers", self.Peers)
	}
	if b.Rack != "" {
		args = append(args, "--rack", b.Rack)
	}
	for _, flag := range []struct {
		name  string
		count int
	}{{"--default-replication", b.Replication}, {"--min-isr", b.MinISR}} {
		if flag.count != 0 {
			args = append(args, flag.name, strconv.Itoa(flag.count))
		}
	}
	for _, flag := range []struct {
		name string
		time time.Duration
	}{
		{"--session-timeout", b.Timing.SessionTimeout}, {"--heartbeat", b.Timing.Heartbeat},
		{"--replica-lag-max", b.Timing.ReplicaLagMax}, {"--quorum-tick", b.Timing.QuorumTick},
	} {
		if flag.time != 0 {
			args = append(args, flag.name, flag.time.String())
		}
	}
	return args
}

// roles of the node as --roles takes them.
func (e Endpoint) roles() string {
	switch {
	case e.Broker && e.Controller:
		return "broker,controller"
	case e.Controller:
		return "controller"
	}
	return "broker"
}

// String is what the node is and where it is found, for people: "serves Kafka clients on 127.0.0.1:20000,
// peers on 127.0.0.1:20002, metrics on http://127.0.0.1:20001/metrics".
func (e Endpoint) String() string {
	text := "is a controller"
	if e.Broker {
		text = "serves Kafka clients on " + e.Listen
	}
	if e.Peers != "" {
		text += ", peers on " + e.Peers
	}
	return text + ", metrics on http://" + e.Metrics + "/metrics"
}

// Events is the file in which the node notes what happens to it, a line of JSON each.
func (e Endpoint) Events() string { return filepath.Join(e.Dir, EventsFile) }

// EventsFile is the name of the file of events in a node's directory.
const EventsFile = "events.jsonl"
