package node

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// proposals are the ISR changes that leaders on this node want, one AlterPartition request at a time.
type proposals struct {
	waiting []alter
	busy    bool
}

type (
	// alter is a leader's proposal, altered its answer.
	alter struct {
		from     actor.Address
		replica  api.Replica
		proposal partition.AlterPartition
	}
	altered struct {
		replica     api.Replica
		leaderEpoch int32
		answer      partition.Answer
	}
)

// add takes the place of what the same leader wanted before and has not been sent: a controller takes
// only one change of a partition from a request, and would refuse the one that counts.
func (p *proposals) add(m alter) {
	for i := range p.waiting {
		if p.waiting[i].replica == m.replica {
			p.waiting[i] = m
			return
		}
	}
	p.waiting = append(p.waiting, m)
}

// propose asks for what waits, in one request for each epoch of this broker: the proposals of a former
// one are refused as a whole.
func (u *uplink) propose(fx *actor.Effects) {
	if u.busy || len(u.waiting) == 0 {
		return
	}
	epoch := u.waiting[0].proposal.LeaderBroker
	var now, later []alter
	for _, m := range u.waiting {
		if m.proposal.LeaderBroker == epoch {
			now = append(now, m)
		} else {
			later = append(later, m)
		}
	}
	u.waiting, u.busy = later, true
	req := kmsg.NewPtrAlterPartitionRequest()
	req.BrokerID, req.BrokerEpoch = u.cfg.Sessions.NodeID, epoch
	req.SetVersion(req.MaxVersion())
	for _, m := range now {
		req.Topics = append(req.Topics, m.topic())
	}
	u.ask(req, fx, func(_ time.Time, resp kmsg.Response, fx *actor.Effects) {
		u.busy = false
		r, _ := resp.(*kmsg.AlterPartitionResponse)
		for i, m := range now {
			fx.Send(m.from, altered{m.replica, m.proposal.LeaderEpoch, m.answer(r, i)})
		}
	})
}

// topic is the proposal as a part of a request. Each proposal has a topic of its own there, so that the
// answers are in the order of the questions.
func (m *alter) topic() kmsg.AlterPartitionRequestTopic {
	topic := kmsg.NewAlterPartitionRequestTopic()
	topic.TopicID = m.replica.Topic
	p := kmsg.NewAlterPartitionRequestTopicPartition()
	p.Partition, p.LeaderEpoch, p.PartitionEpoch = m.replica.Partition, m.proposal.LeaderEpoch, m.proposal.PartitionEpoch
	for _, member := range m.proposal.ISR {
		one := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
		one.BrokerID, one.BrokerEpoch = member.ID, member.Epoch
		p.NewEpochISR = append(p.NewEpochISR, one)
	}
	topic.Partitions = append(topic.Partitions, p)
	return topic
}

// answer takes the i-th answer of a response; nil is a request whose fate is not known.
func (m *alter) answer(resp *kmsg.AlterPartitionResponse, i int) partition.Answer {
	a := partition.Answer{ID: m.proposal.ID, Error: kerr.RequestTimedOut}
	switch {
	case resp == nil:
	case resp.ErrorCode != 0:
		a.Error = kerr.TypedErrorForCode(resp.ErrorCode)
	case i < len(resp.Topics) && len(resp.Topics[i].Partitions) == 1 && resp.Topics[i].TopidID == m.replica.Topic:
		p := &resp.Topics[i].Partitions[0]
		a.Error, a.PartitionEpoch, a.ISR = kerr.TypedErrorForCode(p.ErrorCode), p.PartitionEpoch, p.ISR
		if a.Error == nil && p.LeaderEpoch != m.proposal.LeaderEpoch {
			a.Error = kerr.NewLeaderElected // it completed a reassignment: another term begins, if for the same leader
		}
	}
	return a
}
