package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/twmb/franz-go/pkg/kerr"
)

// unknownFate is told of what the next controller may or may not find committed.
const unknownFate = "the controller has changed; whether this was done is not known"

// decide takes a decision, proposes its records, and answers once they are committed. Also an answer
// without records waits for what was proposed before: the machine made it in sight of that.
func (a *controllerActor) decide(now time.Time, m api.ControllerRequest, fx *actor.Effects) {
	if a.machine == nil {
		resp := controller.Refusal(m.Body, kerr.NotController, "this node is not the active controller")
		fx.Send(m.From, api.ControllerReply{Call: m.Call, Body: resp})
		return
	}
	records, resp := a.machine.Decide(now, m.Body)
	if resp == nil {
		panic(fmt.Sprintf("node: the controller does not decide about %T", m.Body))
	}
	err := a.propose(now, records, fx)
	switch {
	case err == nil && a.machine == nil: // proposing has shown that this node does not lead any more
		controller.Refuse(resp, kerr.RequestTimedOut, unknownFate)
	case err == nil:
	case refused(err):
		controller.Refuse(resp, kerr.NotController, "the metadata quorum takes no decisions now")
	default:
		controller.Refuse(resp, kerr.UnknownServerError, err.Error())
	}
	reply := api.ControllerReply{Call: m.Call, Body: resp}
	if err != nil || a.machine == nil {
		fx.Send(m.From, reply)
		return
	}
	a.replies = append(a.replies, pendingReply{a.proposed, len(records) > 0, m.From, reply})
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
	index, q, err := a.quorum.Propose(a.cfg.Wall(now).UnixMilli(), values)
	if err != nil {
		return err
	}
	a.machine.Replay(records)
	a.proposed = index
	a.perform(now, q, fx)
	return nil
}

// refused says that the quorum did not take a proposal, and is as it was.
func refused(err error) bool {
	return errors.Is(err, quorum.ErrNotLeader) || errors.Is(err, quorum.ErrBusy)
}

// reply gives the answers that are committed.
func (a *controllerActor) reply(fx *actor.Effects) {
	if len(a.replies) == 0 {
		return
	}
	applied := a.quorum.Status().Applied
	for len(a.replies) > 0 && a.replies[0].index <= applied {
		fx.Send(a.replies[0].to, a.replies[0].reply)
		a.replies = a.replies[1:]
	}
}

// abandon answers what waits when this node stops to lead: the next leader may commit it, or not.
func (a *controllerActor) abandon(fx *actor.Effects) {
	a.reply(fx)
	for _, r := range a.replies {
		code := kerr.NotController
		if r.granted {
			code = kerr.RequestTimedOut
		}
		controller.Refuse(r.reply.Body, code, unknownFate)
		fx.Send(r.to, r.reply)
	}
	a.replies = nil
}

// announce tells what committed records changed.
func announce(before, after *metadata.Image, records []metadata.Record, fx *actor.Effects) {
	for _, r := range records {
		switch {
		case r.RegisterBroker != nil:
			if b := after.Broker(r.RegisterBroker.ID); b != nil {
				fx.Emit(event.BrokerRegistered{Broker: b.ID, Epoch: b.Epoch})
			}
		case r.FeatureLevel != nil:
			f := r.FeatureLevel
			fx.Emit(event.FeatureChanged{Feature: f.Name, Before: before.FeatureLevel(f.Name), Level: f.Level})
		case r.FenceBroker != nil:
			fx.Emit(event.BrokerFenced{Broker: r.FenceBroker.ID, Epoch: r.FenceBroker.Epoch})
		case r.UnfenceBroker != nil:
			fx.Emit(event.BrokerUnfenced{Broker: r.UnfenceBroker.ID, Epoch: r.UnfenceBroker.Epoch})
		case r.ShutdownBroker != nil:
			fx.Emit(event.BrokerStopping{Broker: r.ShutdownBroker.ID, Epoch: r.ShutdownBroker.Epoch})
		case r.PartitionChange != nil:
			change := r.PartitionChange
			topic, p := after.Partition(change.TopicID, change.Index)
			if p == nil {
				continue
			}
			_, old := before.Partition(change.TopicID, change.Index)
			if change.Replicas != nil || change.Adding != nil || change.Removing != nil {
				fx.Emit(event.Reassigned{Topic: topic.Name, Partition: p.Index, Replicas: p.Replicas, Adding: p.Adding, Removing: p.Removing})
			}
			if change.Leader != nil {
				fx.Emit(event.LeaderElected{
					Topic: topic.Name, Partition: p.Index, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
					ISR: p.ISR, ELR: p.ELR, Unclean: p.Recovering && (old == nil || !old.Recovering),
				})
			} else if change.ISR != nil && old != nil && !slices.Equal(old.ISR, p.ISR) {
				fx.Emit(event.ISRChanged{Topic: topic.Name, Partition: p.Index, Before: old.ISR, ISR: p.ISR, ELR: p.ELR, PartitionEpoch: p.PartitionEpoch})
			}
		}
	}
}
