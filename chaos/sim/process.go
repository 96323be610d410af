package sim

import (
	"encoding/binary"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/txn"
)

// open makes the node of a new process over what is on the disk.
func (h *host) open() (*node.Node, error) {
	t := &h.sim.terrain
	var incarnation metadata.Incarnation
	binary.LittleEndian.PutUint64(incarnation[:], h.sim.rng.Uint64()|1)
	cfg := node.Config{
		Sessions: api.Config{NodeID: h.id, Shards: t.shards, MaxBatch: 1 << 20, MaxFetch: 8 << 20, MaxWait: time.Minute},
		Controller: controller.Config{
			Seed: h.sim.rng.Uint64(), DefaultPartitions: 1, DefaultReplication: 1, MaxPartitions: 1000,
			SessionTimeout: t.session, PreferredEvery: t.preferredEvery, LastKnownLeader: true,
		},
		ClusterID: "simulated", Roles: node.Roles{Controller: h.controller, Broker: h.broker},
		Endpoints:   node.Endpoints{Host: hostName(h.id), Port: clientPort, PeerHost: hostName(h.id), PeerPort: peerPort},
		Incarnation: incarnation,
		Timing: node.Timing{
			QuorumTick: t.tick, Heartbeat: t.heartbeat, ReplicaLagMax: t.replicaLag,
			FetchWait: t.replicaWait, CallTimeout: t.callTimeout, BackOff: backOffLow,
			Scrub: h.sim.scrub(), RetentionCheck: h.sim.cfg.retention(), Clean: h.sim.cfg.cleaning(),
		},
		SnapshotEvery: t.snapshotEvery,
		Log:           log.Config{SegmentBytes: t.segmentBytes, IndexIntervalBytes: 512, Bugs: h.sim.cfg.Bugs},
		Flush:         partition.FlushCommit, FlushInterval: time.Second, Bugs: h.sim.cfg.Bugs,
	}
	if g := &t.groups; g.partitions > 0 {
		cfg.Sessions.OffsetsPartitions, cfg.Sessions.OffsetsReplication = g.partitions, int16(t.cluster.Replication)
		cfg.Controller.DefaultMinISR = t.cluster.MinISR
		cfg.Groups = group.Config{InitialDelay: g.initialDelay, MinSession: time.Millisecond, CommitTimeout: t.requestTimeout}
	}
	if n := t.transactions.partitions; n > 0 {
		cfg.Sessions.TransactionsPartitions, cfg.Sessions.TransactionsReplication = n, int16(t.cluster.Replication)
		cfg.Sessions.TransactionsMinISR = int16(t.cluster.MinISR)
		cfg.Controller.DefaultMinISR = t.cluster.MinISR
		cfg.Transactions = txn.Config{WriteTimeout: t.requestTimeout}
	}
	for _, other := range h.sim.hosts {
		if other.controller {
			cfg.Voters = append(cfg.Voters, node.Voter{ID: other.id, Host: hostName(other.id), Port: peerPort})
		}
	}
	h.disk = disk.New(h.fs, disk.Rules{}, func(time.Duration) {})
	return node.Open(h.disk, cfg)
}

// addresses of the lasting actors that a node may have.
func (h *host) addresses() []actor.Address {
	all := []actor.Address{api.Controller, api.Metadata, api.Uplink, api.Coordinator, api.Transactions, api.Participant}
	for i := range h.sim.terrain.shards {
		all = append(all, actor.Address{Role: actor.Shard, ID: int64(i)})
	}
	return all
}

// begin delivers what starts the node.
func (h *host) begin() {
	for _, m := range h.node.Begin() {
		h.deliver(m.To, m.Message)
	}
	h.deliver(api.Metadata, api.Subscribe{Session: observer})
}

// session makes the actor of a connection.
func (h *host) session(c *connection) (actor.Address, actor.Actor) {
	return h.node.NewSession(c.id, c.listener)
}

// retire lets the broker hand over what it leads, and the controller its lead; then follows once, also where
// they take too long.
func (h *host) retire(then func()) {
	once := func() {
		if then != nil {
			todo := then
			then = nil
			todo()
		}
	}
	resign := func() {
		if !h.controller {
			once()
			return
		}
		h.deliver(api.Controller, node.Resign{Done: func() { h.after(time.Microsecond, kindFault, once) }})
	}
	h.after(stopWithin/2, kindFault, once)
	if !h.broker {
		resign()
		return
	}
	h.deliver(api.Uplink, node.Retire{Done: func() {
		h.sim.marks[Released]++
		h.after(time.Microsecond, kindFault, resign)
	}})
}
