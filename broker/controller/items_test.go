package controller

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a controller that is not active is asked is refused, item by item, and seen to be; what was granted and
// not committed is taken back, and what was refused stays refused.
func TestItemsAreRefused(t *testing.T) {
	m := newMachine(1, 1)
	create(m, createRequest("orders", 1, 1))
	alter := kmsg.NewPtrAlterConfigsRequest()
	for _, name := range []string{"orders", "gone"} {
		r := kmsg.NewAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, name
		alter.Resources = append(alter.Resources, r)
	}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	for _, name := range []string{"orders", "gone"} {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		remove.Topics = append(remove.Topics, topic)
	}
	grow := growth("orders", 5)
	grow.Topics = append(grow.Topics, growth("gone", 5).Topics...)
	for _, req := range []kmsg.Request{remove, grow, incremental("topic orders: segment.ms=5", "topic gone: segment.ms=5"), alter} {
		refusal := Refusal(req, kerr.NotController, "it is another")
		if !NotController(refusal) {
			t.Errorf("%T: %+v is not seen to be refused", req, refusal)
		}
		var codes []int16
		for one := range items(refusal) {
			codes = append(codes, *one.code)
			if *one.message == nil || **one.message != "it is another" {
				t.Errorf("%T: no message in %+v", req, refusal)
			}
		}
		if len(codes) != 2 || codes[0] != kerr.NotController.Code || codes[1] != kerr.NotController.Code {
			t.Errorf("%T: refused with %v", req, codes)
		}
		_, resp := m.Decide(time.Unix(0, 0), req)
		if NotController(resp) {
			t.Errorf("%T: %+v is taken for a refusal", req, resp)
		}
		Refuse(resp, kerr.RequestTimedOut, "who knows")
		codes = nil
		for one := range items(resp) {
			codes = append(codes, *one.code)
		}
		if len(codes) != 2 || codes[0] != kerr.RequestTimedOut.Code || codes[1] != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("%T: taken back with %v", req, codes)
		}
	}
}

// An answer with one error of its own is refused as a whole, and what was refused before stays refused.
func TestUnregisterBrokerIsRefused(t *testing.T) {
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = 7
	refused := Refusal(req, kerr.NotController, "it is another").(*kmsg.UnregisterBrokerResponse)
	if !NotController(refused) || refused.ErrorMessage == nil || *refused.ErrorMessage != "it is another" {
		t.Errorf("%+v is not seen to be refused", refused)
	}
	_, resp := newMachine(1, 1).Decide(time.Unix(0, 0), req)
	Refuse(resp, kerr.RequestTimedOut, "who knows")
	if code := resp.(*kmsg.UnregisterBrokerResponse).ErrorCode; code != kerr.BrokerIDNotRegistered.Code {
		t.Errorf("taken back with %v", kerr.ErrorForCode(code))
	}
}

// Only the leader of the quorum knows where the voters are: an answer without that is no answer.
func TestDescribeQuorumOfAFollower(t *testing.T) {
	resp := kmsg.NewPtrDescribeQuorumResponse()
	topic, p := kmsg.NewDescribeQuorumResponseTopic(), kmsg.NewDescribeQuorumResponseTopicPartition()
	for id, end := range []int64{-1, 12} {
		voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		voter.ReplicaID, voter.LogEndOffset = int32(id), end
		p.CurrentVoters = append(p.CurrentVoters, voter)
	}
	topic.Partitions = append(topic.Partitions, p)
	resp.Topics = append(resp.Topics, topic)
	if NotController(resp) {
		t.Error("the leader's answer is refused")
	}
	p.CurrentVoters[1].LogEndOffset = -1
	if !NotController(resp) {
		t.Error("a follower's answer is taken")
	}
	topic.Partitions[0].CurrentVoters = nil
	if NotController(resp) {
		t.Error("an answer about a partition that is not there is refused")
	}
	if refused := Refusal(kmsg.NewPtrDescribeQuorumRequest(), kerr.RequestTimedOut, "nobody").(*kmsg.DescribeQuorumResponse); refused.ErrorCode != kerr.RequestTimedOut.Code || *refused.ErrorMessage != "nobody" {
		t.Errorf("nobody answers: %+v", refused)
	}
}
