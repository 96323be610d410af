package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
)

// controllerActor runs the controller machine over the metadata log: it is the only voter, so a
// record is committed when it is synced.
type controllerActor struct {
	machine *controller.Machine
	log     *log.Log
	syncing bool
	// sent is the offset up to which the metadata actor was told.
	sent int64
	// pending holds appended records from sent on, in order.
	pending []metadata.Record
	// applied is how far the metadata actor is.
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
	l, _, err := log.Open(fs, metadata.LogDir, logCfg)
	if err != nil {
		return nil, fmt.Errorf("open the metadata log: %w", err)
	}
	image := metadata.NewImage(cfg.ClusterID, cfg.Sessions.NodeID, cfg.Brokers)
	a := &controllerActor{machine: controller.New(cfg.Controller, image), log: l}
	if a.pending, err = replay(l); err != nil {
		return nil, fmt.Errorf("replay the metadata log: %w", err)
	}
	a.machine.Replay(a.pending)
	a.machine.Recovered()
	return a, nil
}

// replay reads every record of the metadata log.
func replay(l *log.Log) ([]metadata.Record, error) {
	var records []metadata.Record
	for offset := l.StartOffset(); offset < l.EndOffset(); {
		source, err := l.Read(offset, l.EndOffset(), 1<<20)
		if err != nil {
			return nil, err
		}
		bytes, err := source.AppendTo(nil)
		source.Release()
		if err != nil {
			return nil, err
		}
		before := offset
		for len(bytes) > 0 {
			v, rest, err := batch.Next(bytes)
			if errors.Is(err, batch.ErrShort) {
				break
			}
			if err != nil {
				return nil, err
			}
			decoded, err := batch.Records(v)
			if err != nil {
				return nil, fmt.Errorf("batch at offset %d: %w", v.BaseOffset(), err)
			}
			for _, r := range decoded {
				record, err := metadata.Decode(r.Value)
				if err != nil {
					return nil, fmt.Errorf("offset %d: %w", v.BaseOffset(), err)
				}
				records = append(records, record)
			}
			bytes, offset = rest, v.LastOffset()+1
		}
		if offset == before {
			return nil, fmt.Errorf("no whole batch at offset %d", offset)
		}
	}
	return records, nil
}

// Step implements actor.Actor.
func (a *controllerActor) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case begin:
		a.commit(a.log.EndOffset(), fx)
	case api.ControllerRequest:
		a.decide(now, m, fx)
	case actor.Drained:
		if a.log.Dirty() && !a.syncing {
			a.syncing = true
			point := a.log.BeginSync()
			fx.Sync(point, point.End)
		}
	case actor.SyncDone:
		a.syncing = false
		if m.Err != nil {
			fx.Fatal = fmt.Errorf("sync the metadata log: %w", m.Err)
			return
		}
		end := m.Token.(int64)
		a.log.Synced(end)
		a.commit(end, fx)
	case applied:
		a.applied = m.offset
		a.reply(fx)
	default:
		panic(fmt.Sprintf("node: controller got %T", message))
	}
}

func (a *controllerActor) decide(now time.Time, m api.ControllerRequest, fx *actor.Effects) {
	records, resp := a.machine.Decide(now, m.Body)
	if resp == nil {
		panic(fmt.Sprintf("node: the controller does not decide about %T", m.Body))
	}
	if err := a.append(now, records); err != nil {
		controller.Refuse(resp, kerr.KafkaStorageError, "the metadata log could not be written")
	}
	a.replies = append(a.replies, pendingReply{a.log.EndOffset(), m.From, api.ControllerReply{Call: m.Call, Body: resp}})
	a.reply(fx)
}

// append writes the records as one batch: all of a decision, or nothing of it.
func (a *controllerActor) append(now time.Time, records []metadata.Record) error {
	if len(records) == 0 {
		return nil
	}
	var b batch.Builder
	for _, r := range records {
		value, err := metadata.Encode(r)
		if err != nil {
			return err
		}
		b.Add(nil, value, now.UnixMilli())
	}
	if _, err := a.log.Append(b.Build(), 0); err != nil {
		return err
	}
	a.machine.Replay(records)
	a.pending = append(a.pending, records...)
	return nil
}

// commit hands the records below the offset to the metadata actor.
func (a *controllerActor) commit(end int64, fx *actor.Effects) {
	n := end - a.sent
	fx.Send(api.Metadata, committed{records: a.pending[:n:n]})
	a.pending, a.sent = a.pending[n:], end
}

// reply answers the decisions that this node has applied.
func (a *controllerActor) reply(fx *actor.Effects) {
	for len(a.replies) > 0 && a.replies[0].offset <= a.applied {
		fx.Send(a.replies[0].to, a.replies[0].reply)
		a.replies = a.replies[1:]
	}
}
