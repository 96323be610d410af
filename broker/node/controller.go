package node

import (
	"fmt"
	"math"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/twmb/franz-go/pkg/kerr"
)

// controllerActor runs the controller machine over the metadata quorum. This node is the only
// voter: it leads as soon as its first entry is synced, and what it proposes is committed when it is
// synced.
type controllerActor struct {
	cfg    Config
	quorum *quorum.Quorum
	// machine decides; nil until this node leads and knows all that was committed before.
	machine *controller.Machine
	// recovered holds what was committed before this node led.
	recovered []metadata.Record
	// early holds requests that came before this node led.
	early []api.ControllerRequest
	// applied is how far the metadata actor is, in records.
	applied int64
	// replies wait until this node has applied the records below their offset, in order.
	replies []pendingReply
}

type pendingReply struct {
	offset int64
	to     actor.Address
	reply  api.ControllerReply
}

// applied tells the controller how far the metadata actor is.
type applied struct{ offset int64 }

func openController(fs env.FS, cfg Config) (*controllerActor, error) {
	logCfg := cfg.Log
	logCfg.Bugs = nil // planted bugs are in the data, not in the cluster's knowledge of itself
	q, err := quorum.Open(fs, metadata.LogDir, quorum.Config{
		ID: cfg.Sessions.NodeID, Voters: []int32{cfg.Sessions.NodeID}, Log: logCfg,
		// The records of a cluster of one node are few, and a snapshot would keep the address that
		// the node had: they are replayed from the first.
		SnapshotEvery: math.MaxInt64,
	})
	if err != nil {
		return nil, fmt.Errorf("open the metadata quorum: %w", err)
	}
	return &controllerActor{cfg: cfg, quorum: q}, nil
}

// Step implements actor.Actor.
func (a *controllerActor) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case begin:
		a.perform(now, a.quorum.Campaign(), fx)
	case api.ControllerRequest:
		if a.machine == nil {
			a.early = append(a.early, m)
		} else {
			a.decide(now, m, fx)
		}
	case actor.SyncDone:
		a.perform(now, a.quorum.SyncDone(m), fx)
	case applied:
		a.applied = m.offset
		a.reply(fx)
	case actor.Drained:
	default:
		panic(fmt.Sprintf("node: controller got %T", message))
	}
}

// perform does what the quorum asks for. There is nobody to send to.
func (a *controllerActor) perform(now time.Time, q quorum.Effects, fx *actor.Effects) {
	if q.Fatal != nil {
		fx.Fatal = fmt.Errorf("metadata quorum: %w", q.Fatal)
		return
	}
	for _, entry := range q.Committed {
		records, err := decode(entry)
		if err != nil {
			fx.Fatal = err
			return
		}
		if a.machine == nil {
			a.recovered = append(a.recovered, records...)
		} else if len(records) > 0 {
			fx.Send(api.Metadata, committed{records: records})
		}
	}
	if q.Sync != nil {
		fx.Sync(q.Sync.Syncer, q.Sync.Token)
	}
	if a.machine == nil && a.quorum.Status().Active {
		a.takeOver(now, fx)
	}
}

func decode(entry quorum.Entry) ([]metadata.Record, error) {
	records := make([]metadata.Record, 0, len(entry.Values))
	for _, value := range entry.Values {
		r, err := metadata.Decode(value)
		if err != nil {
			return nil, fmt.Errorf("metadata log, entry at offset %d: %w", entry.Offset, err)
		}
		records = append(records, r)
	}
	return records, nil
}

// takeOver begins to decide, on everything that was committed before.
func (a *controllerActor) takeOver(now time.Time, fx *actor.Effects) {
	image := metadata.NewImage(a.cfg.ClusterID, a.cfg.Sessions.NodeID, a.cfg.Brokers)
	a.machine = controller.New(a.cfg.Controller, image)
	a.machine.Replay(a.recovered)
	a.machine.Activate(now)
	fx.Send(api.Metadata, committed{records: a.recovered})
	early := a.early
	a.recovered, a.early = nil, nil
	for _, m := range early {
		a.decide(now, m, fx)
	}
}

// decide takes a decision, proposes its records, and answers once this node has applied them.
func (a *controllerActor) decide(now time.Time, m api.ControllerRequest, fx *actor.Effects) {
	records, resp := a.machine.Decide(now, m.Body)
	if resp == nil {
		panic(fmt.Sprintf("node: the controller does not decide about %T", m.Body))
	}
	if err := a.propose(now, records, fx); err != nil {
		controller.Refuse(resp, kerr.KafkaStorageError, "the metadata log could not be written")
	}
	a.replies = append(a.replies, pendingReply{a.machine.Image().Offset, m.From, api.ControllerReply{Call: m.Call, Body: resp}})
	a.reply(fx)
}

// propose writes the records as one entry: all of a decision, or nothing of it.
func (a *controllerActor) propose(now time.Time, records []metadata.Record, fx *actor.Effects) error {
	if len(records) == 0 {
		return nil
	}
	values := make([][]byte, len(records))
	for i, r := range records {
		value, err := metadata.Encode(r)
		if err != nil {
			return err
		}
		values[i] = value
	}
	_, q, err := a.quorum.Propose(now.UnixMilli(), values)
	if err != nil {
		return err
	}
	a.machine.Replay(records)
	a.perform(now, q, fx)
	return nil
}

// reply answers the decisions that this node has applied.
func (a *controllerActor) reply(fx *actor.Effects) {
	for len(a.replies) > 0 && a.replies[0].offset <= a.applied {
		fx.Send(a.replies[0].to, a.replies[0].reply)
		a.replies = a.replies[1:]
	}
}
