package node

import (
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/metadata"
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
	to actor.Address
	// asked is what was decided about.
	asked kmsg.Request
	reply api.ControllerReply
	// until bounds the wait: what was decided may be overtaken before it is applied.
	until time.Time
}

// forwardAgain tries again what no controller has taken, settleAgain answers what was overtaken.
type (
	forwardAgain struct{}
	settleAgain  struct{}
)

func (u *uplink) forward(now time.Time, m api.ControllerRequest, fx *actor.Effects) {
	u.carry(forwarded{m, now.Add(forwardFor)}, fx)
}

func (u *uplink) carry(f forwarded, fx *actor.Effects) {
	u.ask(copied(f.Body), fx, func(now time.Time, resp kmsg.Response, fx *actor.Effects) {
		if resp != nil && !controller.NotController(resp) {
			s := settling{f.From, f.Body, api.ControllerReply{Call: f.Call, Body: resp}, now.Add(u.cfg.Timing.CallTimeout)}
			if validates(f.Body) {
				s.until = now // nothing will come of it
			}
			u.unsettled = append(u.unsettled, s)
			u.settle(now, fx)
			if slices.ContainsFunc(u.unsettled, s.is) && overtakes(f.Body) {
				fx.After(s.until.Sub(now), settleAgain{})
			}
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
		if !now.Before(s.until) || u.settled(s.asked, s.reply.Body) {
			fx.Send(s.to, s.reply)
		} else {
			left = append(left, s)
		}
	}
	clear(u.unsettled[len(left):])
	u.unsettled = left
}

func (u *uplink) settled(asked kmsg.Request, resp kmsg.Response) bool {
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
	case *kmsg.AlterPartitionAssignmentsResponse:
		return u.reassigned(asked.(*kmsg.AlterPartitionAssignmentsRequest), r)
	case *kmsg.UpdateFeaturesResponse:
		return r.ErrorCode != 0 || u.levelled(asked.(*kmsg.UpdateFeaturesRequest))
	case *kmsg.UnregisterBrokerResponse:
		return r.ErrorCode != 0 || u.image.Broker(asked.(*kmsg.UnregisterBrokerRequest).BrokerID) == nil
	case *kmsg.CreatePartitionsResponse:
		return u.grown(asked.(*kmsg.CreatePartitionsRequest), r)
	case *kmsg.IncrementalAlterConfigsResponse:
		return u.operated(asked.(*kmsg.IncrementalAlterConfigsRequest), r)
	case *kmsg.AlterConfigsResponse:
		return u.replaced(asked.(*kmsg.AlterConfigsRequest), r)
	case *kmsg.ElectLeadersResponse:
		return u.elected(asked.(*kmsg.ElectLeadersRequest), r)
	}
	return true
}

// reassigned reports whether the partitions of a request have the replicas that it gave them, or none
// more that are being added.
func (u *uplink) reassigned(asked *kmsg.AlterPartitionAssignmentsRequest, resp *kmsg.AlterPartitionAssignmentsResponse) bool {
	for i := range resp.Topics {
		topic := u.image.Topic(resp.Topics[i].Topic)
		for j, answer := range resp.Topics[i].Partitions {
			if answer.ErrorCode != 0 || topic == nil || int(answer.Partition) >= len(topic.Partitions) {
				continue
			}
			p, want := &topic.Partitions[answer.Partition], asked.Topics[i].Partitions[j].Replicas
			if want == nil && p.Reassigned() || want != nil && !slices.Equal(p.Target(), want) {
				return false
			}
		}
	}
	return true
}

// elected reports whether the partitions of a request have the leaders that it gave them.
func (u *uplink) elected(asked *kmsg.ElectLeadersRequest, resp *kmsg.ElectLeadersResponse) bool {
	for i := range resp.Topics {
		topic := u.image.Topic(resp.Topics[i].Topic)
		for _, answer := range resp.Topics[i].Partitions {
			if answer.ErrorCode != 0 || topic == nil || int(answer.Partition) >= len(topic.Partitions) {
				continue
			}
			p := &topic.Partitions[answer.Partition]
			if preferred := asked.ElectionType == 0; p.Leader == metadata.NoLeader || preferred && p.Leader != p.Replicas[0] {
				return false
			}
		}
	}
	return true
}

// is tells the answers to clients apart.
func (s settling) is(other settling) bool {
	return s.to == other.to && s.reply.Call == other.reply.Call
}

// overtakes says that what is asked for may be undone before this node has applied it: then nothing
// that comes later shows it, and the answer is given when the time is up. Topics do not come and go so fast
// that their creators would wait for the next news.
func overtakes(asked kmsg.Request) bool {
	switch asked.(type) {
	case *kmsg.ElectLeadersRequest, *kmsg.AlterPartitionAssignmentsRequest, *kmsg.IncrementalAlterConfigsRequest, *kmsg.AlterConfigsRequest,
		*kmsg.UnregisterBrokerRequest, *kmsg.UpdateFeaturesRequest:
		return true
	}
	return false
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
	case *kmsg.AlterPartitionAssignmentsRequest:
		c := *r
		return &c
	case *kmsg.ListPartitionReassignmentsRequest:
		c := *r
		return &c
	case *kmsg.CreatePartitionsRequest:
		c := *r
		return &c
	case *kmsg.IncrementalAlterConfigsRequest:
		c := *r
		return &c
	case *kmsg.AlterConfigsRequest:
		c := *r
		return &c
	case *kmsg.DescribeQuorumRequest:
		c := *r
		return &c
	case *kmsg.UnregisterBrokerRequest:
		c := *r
		return &c
	case *kmsg.UpdateFeaturesRequest:
		return newerUpdate(r)
	}
	return req
}
