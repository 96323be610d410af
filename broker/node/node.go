package node

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
)

// Config of a node.
type Config struct {
	Sessions   api.Config
	Controller controller.Config
	// ClusterID and Brokers as clients see them.
	ClusterID string
	Brokers   []metadata.Broker
	Log       log.Config
	Flush     partition.Flush
	// FlushInterval is how often FlushInterval syncs.
	FlushInterval time.Duration
	Bugs          bug.Set
}

// Node is the actors of one broker.
type Node struct {
	cfg        Config
	controller *controllerActor
	metadata   *metadataActor
	shards     []*shard
}

// Open recovers the metadata log and makes the actors. The logs of partitions are recovered when
// their shards are told of them, in the steps that follow Begin.
func Open(fs env.FS, cfg Config) (*Node, error) {
	if cfg.Sessions.Shards < 1 {
		return nil, fmt.Errorf("node: %d shards: want at least 1", cfg.Sessions.Shards)
	}
	n := &Node{cfg: cfg}
	var err error
	if n.controller, err = openController(fs, cfg); err != nil {
		return nil, err
	}
	n.metadata = newMetadata(cfg)
	for i := range cfg.Sessions.Shards {
		n.shards = append(n.shards, newShard(fs, cfg, int64(i)))
	}
	return n, nil
}

// begin is the first message of the controller.
type begin struct{}

// Begin is the message that starts the node: deliver it to Controller.
func Begin() (to actor.Address, message any) { return api.Controller, begin{} }

// Actors lists the node's lasting actors. Sessions come and go: see NewSession.
func (n *Node) Actors() map[actor.Address]actor.Actor {
	actors := map[actor.Address]actor.Actor{api.Controller: n.controller, api.Metadata: n.metadata}
	for i, s := range n.shards {
		actors[actor.Address{Role: actor.Shard, ID: int64(i)}] = s
	}
	return actors
}

// NewSession makes the actor of a new connection; its address must be unused in this node's life.
func (n *Node) NewSession(id int64) (actor.Address, *api.Session) {
	self := actor.Address{Role: actor.Session, ID: id}
	return self, api.NewSession(n.cfg.Sessions, self)
}

// Close syncs and closes every log, and marks them clean. No step may follow or be under way.
func (n *Node) Close() error {
	first := n.controller.quorum.Close()
	for _, s := range n.shards {
		if err := s.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Watermarks of one partition, for metrics.
type Watermarks struct {
	Topic                                  string
	Partition                              int32
	LogStart, HighWatermark, LogEnd, Bytes int64
}

// Report asks a shard for the watermarks of its partitions; they are given to Done within the step.
type Report struct{ Done func([]Watermarks) }
