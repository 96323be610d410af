package sim

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
)

// open makes the node of a new process over what is on the disk.
func (h *host) open() (*node.Node, error) {
	t := &h.sim.terrain
	return node.Open(h.fs, node.Config{
		Sessions: api.Config{
			NodeID: h.id, Shards: t.shards, MaxBatch: 1 << 20, MaxFetch: 8 << 20, MaxWait: time.Minute,
		},
		Controller: controller.Config{
			Seed: h.sim.rng.Uint64(), DefaultPartitions: 1, DefaultReplication: 1, MaxPartitions: 1000,
		},
		ClusterID: "simulated", Brokers: []metadata.Broker{{ID: h.id, Host: hostName(h.id), Port: clientPort}},
		Log:   log.Config{SegmentBytes: t.segmentBytes, IndexIntervalBytes: 512, Bugs: h.sim.cfg.Bugs},
		Flush: partition.FlushCommit, FlushInterval: time.Second, Bugs: h.sim.cfg.Bugs,
	})
}

// begin delivers what starts the node.
func (h *host) begin() { h.deliver(node.Begin()) }

// session makes the actor of a connection.
func (h *host) session(c *connection) (actor.Address, actor.Actor) { return h.node.NewSession(c.id) }

// retire lets the broker hand over what it leads; then follows, also where it takes too long.
func (h *host) retire(then func()) { then() }
