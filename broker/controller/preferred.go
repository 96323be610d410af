package controller

import (
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Election types of an ElectLeaders request (KIP-460).
const (
	electPreferred = 0
	electUnclean   = 1
)

// ElectLeaders gives partitions the leader that somebody asks for: their preferred replica, the
// first of the assignment, if it is in the ISR; or, where there is no leader, any live replica, even
// if records are lost by that. Null topics are all partitions; those that need nothing are not
// mentioned then, and are told ELECTION_NOT_NEEDED else.
func (m *Machine) ElectLeaders(req *kmsg.ElectLeadersRequest) ([]metadata.Record, *kmsg.ElectLeadersResponse) {
	resp := req.ResponseKind().(*kmsg.ElectLeadersResponse)
	if req.ElectionType != electPreferred && req.ElectionType != electUnclean {
		resp.ErrorCode = kerr.InvalidRequest.Code
		return nil, resp
	}
	var records []metadata.Record
	once := onlyOnce{}
	for _, asked := range m.electionTopics(req) {
		answer := kmsg.NewElectLeadersResponseTopic()
		answer.Topic = asked.Topic
		for _, index := range asked.Partitions {
			changes, err := m.electOne(once, req.ElectionType == electUnclean, asked.Topic, index)
			records = append(records, changes...)
			if req.Topics == nil && err != nil && err.code == kerr.ElectionNotNeeded {
				continue
			}
			one := kmsg.NewElectLeadersResponseTopicPartition()
			one.Partition = index
			if err != nil {
				one.ErrorCode, one.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
			}
			answer.Partitions = append(answer.Partitions, one)
		}
		if len(answer.Partitions) > 0 {
			resp.Topics = append(resp.Topics, answer)
		}
	}
	return records, resp
}

// electionTopics are the topics of the request, or all of them.
func (m *Machine) electionTopics(req *kmsg.ElectLeadersRequest) []kmsg.ElectLeadersRequestTopic {
	if req.Topics != nil {
		return req.Topics
	}
	var all []kmsg.ElectLeadersRequestTopic
	for _, name := range m.image.Names() {
		topic := kmsg.NewElectLeadersRequestTopic()
		topic.Topic = name
		for i := range m.image.Topic(name).Partitions {
			topic.Partitions = append(topic.Partitions, int32(i))
		}
		all = append(all, topic)
	}
	return all
}

func (m *Machine) electOne(once onlyOnce, unclean bool, name string, index int32) ([]metadata.Record, *failure) {
	topic := m.image.Topic(name)
	switch {
	case topic == nil || index < 0 || int(index) >= len(topic.Partitions):
		return nil, fail(kerr.UnknownTopicOrPartition, "there is no partition %s-%d", name, index)
	case !once.first(topic.ID, index):
		return nil, fail(kerr.InvalidRequest, "%s-%d is named twice", name, index)
	}
	p := &topic.Partitions[index]
	t := m.targetOf(m.image, topic, p)
	switch {
	case unclean && p.Leader != metadata.NoLeader:
		return nil, fail(kerr.ElectionNotNeeded, "%s-%d has leader %d", name, index, p.Leader)
	case unclean && !t.elect(m.cfg.LastKnownLeader, true):
		return nil, fail(kerr.EligibleLeadersNotAvailable, "%s-%d has no live replica", name, index)
	case !unclean && p.Leader == p.Replicas[0]:
		return nil, fail(kerr.ElectionNotNeeded, "%s-%d has its preferred leader %d", name, index, p.Leader)
	case !unclean && !t.leads(p.Replicas[0]):
		return nil, fail(kerr.PreferredLeaderNotAvailable, "%s-%d: replica %d is not in the ISR", name, index, p.Replicas[0])
	case !unclean:
		t.leader = p.Replicas[0]
	}
	return t.changes(), nil
}

// balance gives leaderships back to each broker that misses too many of those that it is preferred for.
func (m *Machine) balance(d *decision) {
	prefer, miss := map[int32]int{}, map[int32]int{}
	var away []*target
	for _, name := range d.image.Names() {
		topic := d.image.Topic(name)
		for i := range topic.Partitions {
			p := &topic.Partitions[i]
			first := p.Replicas[0]
			prefer[first]++
			if p.Leader == first {
				continue
			}
			miss[first]++
			if t := m.targetOf(d.image, topic, p); t.leads(first) {
				t.leader = first
				away = append(away, t)
			}
		}
	}
	var changes []metadata.Record
	for _, t := range away {
		if miss[t.leader]*100 > prefer[t.leader]*m.cfg.PreferredImbalance {
			changes = append(changes, t.changes()...)
		}
	}
	d.add(changes...)
}
