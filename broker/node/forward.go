package node

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// forwardFor is how long a client's request is carried to one controller after the other.
const forwardFor = 30 * time.Second

// forwarding is what clients asked that only the controller decides (KIP-590).
type forwarding struct {
	// unsent waits for a controller, unsettled for this node to apply what was decided.
	unsent    []forwarded
	unsettled []settling
	armed     bool
}

type forwarded struct {
	api.ControllerRequest
	deadline time.Time
}

type settling struct {
	to    actor.Address
	reply api.ControllerReply
	// until bounds the wait: what was decided may be overtaken before it is applied.
	until time.Time
}

// forwardAgain tries again what no controller has taken.
type forwardAgain struct{}

func (u *uplink) forward(now time.Time, m api.ControllerRequest, fx *actor.Effects) {
	u.carry(forwarded{m, now.Add(forwardFor)}, fx)
}

func (u *uplink) carry(f forwarded, fx *actor.Effects) {
	u.ask(copied(f.Body), fx, func(now time.Time, resp kmsg.Response, fx *actor.Effects) {
		if resp != nil && !controller.NotController(resp) {
			s := settling{f.From, api.ControllerReply{Call: f.Call, Body: resp}, now.Add(u.cfg.Timing.CallTimeout)}
			if create, ok := f.Body.(*kmsg.CreateTopicsRequest); ok && create.ValidateOnly {
				s.until = now // nothing will come of it
			}
			u.unsettled = append(u.unsettled, s)
			u.settle(now, fx)
			return
		}
		if now.After(f.deadline) {
			resp = controller.Refusal(f.Body, kerr.RequestTimedOut, "no controller could be reached")
			fx.Send(f.From, api.ControllerReply{Call: f.Call, Body: resp})
			return
		}
		u.unsent = append(u.unsent, f)
		if !u.forwarding.armed {
			u.forwarding.armed = true
			fx.After(u.cfg.Timing.BackOff, forwardAgain{})
		}
	})
}

func (u *uplink) retry(fx *actor.Effects) {
	u.forwarding.armed = false
	unsent := u.unsent
	u.unsent = nil
	for _, f := range unsent {
		u.carry(f, fx)
	}
}

// settle answers clients whose decisions this node has applied: their next question here is answered
// accordingly.
func (u *uplink) settle(now time.Time, fx *actor.Effects) {
	left := u.unsettled[:0]
	for _, s := range u.unsettled {
		if !now.Before(s.until) || u.settled(s.reply.Body) {
			fx.Send(s.to, s.reply)
		} else {
			left = append(left, s)
		}
	}
	clear(u.unsettled[len(left):])
	u.unsettled = left
}

func (u *uplink) settled(resp kmsg.Response) bool {
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for i := range r.Topics {
			if t := &r.Topics[i]; t.ErrorCode == 0 && u.image.TopicByID(t.TopicID) == nil {
				return false
			}
		}
	case *kmsg.DeleteTopicsResponse:
		for i := range r.Topics {
			if t := &r.Topics[i]; t.ErrorCode == 0 && u.image.TopicByID(t.TopicID) != nil {
				return false
			}
		}
	}
	return true
}

// copied gives the request to be sent on, in a version of its own: that of the client stays with the
// client's answer.
func copied(req kmsg.Request) kmsg.Request {
	switch r := req.(type) {
	case *kmsg.CreateTopicsRequest:
		c := *r
		return &c
	case *kmsg.DeleteTopicsRequest:
		c := *r
		if r.Version < 6 { // names came alone
			for _, name := range r.TopicNames {
				topic := kmsg.NewDeleteTopicsRequestTopic()
				topic.Topic = &name
				c.Topics = append(c.Topics, topic)
			}
			c.TopicNames = nil
		}
		return &c
	case *kmsg.InitProducerIDRequest:
		c := *r
		return &c
	case *kmsg.ElectLeadersRequest:
		c := *r
		return &c
	}
	return req
}
