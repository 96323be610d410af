package node

import (
	"time"

	"github.com/logproof/logproof/broker/quorum"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// quorumTopic is the one topic that DescribeQuorum describes, of one partition.
const quorumTopic = "__cluster_metadata"

// controllerListener is what the peer listener of a voter is called in answers.
const controllerListener = "CONTROLLER"

// contact is when the leader of the quorum last knew good things of a voter.
type contact struct{ heard, caughtUp time.Time }

// observe takes note of which voters are there, while this one leads them.
func (a *controllerActor) observe(now time.Time) {
	status := a.quorum.Status()
	if status.Role != quorum.Leading {
		clear(a.contacts)
		return
	}
	for _, v := range status.Voters {
		c := a.contacts[v.ID]
		if v.Heard {
			if c.heard = now; v.Match >= status.Commit {
				c.caughtUp = now
			}
		}
		a.contacts[v.ID] = c
	}
}

// describe answers DescribeQuorum (key 55, KIP-595) for the one partition of the metadata log.
func (a *controllerActor) describe(now time.Time, req *kmsg.DescribeQuorumRequest) *kmsg.DescribeQuorumResponse {
	a.observe(now)
	resp := req.ResponseKind().(*kmsg.DescribeQuorumResponse)
	for _, asked := range req.Topics {
		topic := kmsg.NewDescribeQuorumResponseTopic()
		topic.Topic = asked.Topic
		for _, part := range asked.Partitions {
			p := a.describeLog(now)
			if asked.Topic != quorumTopic || part.Partition != 0 {
				p = kmsg.NewDescribeQuorumResponseTopicPartition()
				p.LeaderID, p.LeaderEpoch, p.HighWatermark = -1, -1, -1
				p.ErrorCode, p.ErrorMessage = kerr.UnknownTopicOrPartition.Code, kmsg.StringPtr("the quorum has "+quorumTopic+"-0 and nothing else")
			}
			p.Partition = part.Partition
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	for _, v := range a.cfg.Voters {
		listener := kmsg.NewDescribeQuorumResponseNodeListener()
		listener.Name, listener.Host, listener.Port = controllerListener, v.Host, uint16(v.Port)
		resp.Nodes = append(resp.Nodes, kmsg.DescribeQuorumResponseNode{NodeID: v.ID, Listeners: []kmsg.DescribeQuorumResponseNodeListener{listener}})
	}
	return resp
}

// describeLog is what this voter knows of the metadata log: all of it if it leads.
func (a *controllerActor) describeLog(now time.Time) kmsg.DescribeQuorumResponseTopicPartition {
	status := a.quorum.Status()
	p := kmsg.NewDescribeQuorumResponseTopicPartition()
	p.LeaderID, p.LeaderEpoch, p.HighWatermark = status.Leader.ID, status.Leader.Term, status.HighWatermark
	for _, v := range a.cfg.Voters {
		voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		voter.ReplicaID, voter.LogEndOffset = v.ID, -1
		for _, known := range status.Voters {
			if known.ID == v.ID {
				voter.LogEndOffset = known.End
			}
		}
		c := a.contacts[v.ID]
		if status.Role == quorum.Leading && v.ID == a.cfg.Sessions.NodeID {
			c = contact{now, now}
		}
		voter.LastFetchTimestamp, voter.LastCaughtUpTimestamp = a.shown(c.heard), a.shown(c.caughtUp)
		p.CurrentVoters = append(p.CurrentVoters, voter)
	}
	return p
}

// shown is a time by the wall clock, in milliseconds since 1970; -1 for none.
func (a *controllerActor) shown(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return a.cfg.Wall(t).UnixMilli()
}
