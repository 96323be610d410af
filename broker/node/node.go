package node

import (
	"errors"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/coordinator"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/wire"
)

// Node is the actors of one node; controller is nil without that role, the rest without the other.
type Node struct {
	cfg        Config
	controller *controllerActor
	metadata   *metadataActor
	uplink     *uplink
	shards     []*shard
	groups     *coordinator.Coordinator
	// transactions are those that this broker coordinates, participant its part in those of others.
	transactions *coordinator.Transactions
	participant  *participant
}

// Open recovers the metadata log and makes the actors. The logs of partitions are recovered when
// their shards are told of them, in the steps that follow Begin.
func Open(fs env.FS, cfg Config) (*Node, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg}
	if cfg.Roles.Controller {
		if n.controller, err = openController(fs, cfg); err != nil {
			return nil, err
		}
	}
	if !cfg.Roles.Broker {
		return n, nil
	}
	if n.uplink, err = newUplink(fs, cfg); err != nil {
		return nil, err
	}
	cfg.Incarnation = n.uplink.cfg.Incarnation
	n.metadata = newMetadata(cfg)
	n.metadata.left = leftOver(fs)
	for i := range cfg.Sessions.Shards {
		n.shards = append(n.shards, newShard(fs, cfg, int64(i)))
	}
	n.groups = coordinator.New(coordinator.Config{
		Self: cfg.Sessions.NodeID, Shards: cfg.Sessions.Shards, MaxBatch: cfg.Sessions.MaxBatch, BackOff: cfg.Timing.BackOff,
		ExpireEvery: cfg.Timing.ExpireOffsets, Process: cfg.Incarnation, Groups: cfg.Groups, Bugs: cfg.Bugs,
	})
	n.transactions = coordinator.NewTransactions(coordinator.TransactionsConfig{
		Self: cfg.Sessions.NodeID, Shards: cfg.Sessions.Shards, MaxBatch: cfg.Sessions.MaxBatch, BackOff: cfg.Timing.BackOff,
		CallTimeout: cfg.Timing.CallTimeout, ExpireEvery: cfg.Timing.ExpireTransactions, Machine: cfg.Transactions, Bugs: cfg.Bugs,
	})
	n.participant = newParticipant(cfg)
	return n, nil
}

// begin is the first message of each actor that does something of its own accord.
type begin struct{}

// Begin lists the messages that start the node, to be delivered in order.
func (n *Node) Begin() (messages []actor.Send) {
	if n.controller != nil {
		messages = append(messages, actor.Send{To: api.Controller, Message: begin{}})
	}
	if n.metadata != nil {
		messages = append(messages, actor.Send{To: api.Metadata, Message: begin{}}, actor.Send{To: api.Uplink, Message: begin{}})
	}
	return messages
}

// Actors lists the node's lasting actors. Sessions come and go: see NewSession.
func (n *Node) Actors() map[actor.Address]actor.Actor {
	actors := map[actor.Address]actor.Actor{}
	if n.controller != nil {
		actors[api.Controller] = n.controller
	}
	if n.metadata != nil {
		actors[api.Metadata], actors[api.Uplink], actors[api.Coordinator] = n.metadata, n.uplink, n.groups
		actors[api.Transactions], actors[api.Participant] = n.transactions, n.participant
	}
	for i, s := range n.shards {
		actors[actor.Address{Role: actor.Shard, ID: int64(i)}] = s
	}
	return actors
}

// NewSession makes the actor of a new connection to a listener; its address must be unused in this node's
// life.
func (n *Node) NewSession(id int64, listener wire.Listener) (actor.Address, *api.Session) {
	self := actor.Address{Role: actor.Session, ID: id}
	return self, api.NewSession(n.cfg.Sessions, self, listener)
}

// Close syncs and closes every log, and marks them clean. No step may follow or be under way.
func (n *Node) Close() error {
	var errs []error
	if n.controller != nil {
		errs = append(errs, n.controller.quorum.Close())
	}
	for _, s := range n.shards {
		errs = append(errs, s.close())
	}
	if err := errors.Join(errs...); err != nil || n.uplink == nil {
		return err
	}
	return n.uplink.close()
}
