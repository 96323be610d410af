package controller

import (
	"testing"

	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
)

// damaged tells of a damaged replica.
func (w *world) damaged(id int32, name string, opts map[string]string) {
	topic, p := w.partition(name)
	req := &wire.DamagedReplicaRequest{BrokerID: id, BrokerEpoch: w.brokers[id].epoch, TopicID: topic.ID, Partition: p.Index}
	if v, ok := opts["epoch"]; ok {
		req.BrokerEpoch = int64(numbers(v)[0])
	}
	before := p.LeaderEpoch
	records, resp := w.m.DamagedReplica(req)
	w.commit(records)
	if resp.ErrorCode != 0 {
		w.say("%s", kerr.TypedErrorForCode(resp.ErrorCode).Message)
		return
	}
	_, p = w.partition(name)
	if p.LeaderEpoch != before+1 || resp.LeaderEpoch != p.LeaderEpoch {
		w.t.Errorf("the answer names term %d, the partition is in %d after %d", resp.LeaderEpoch, p.LeaderEpoch, before)
	}
	w.say("broker %d may set it aside from term %d on", id, resp.LeaderEpoch)
}

func TestDamagedReplicaErrors(t *testing.T) {
	m := newMachine(1, 0, 1, 2)
	create(m, createRequest("orders", 1, 2))
	topic := m.Image().Topic("orders")
	stranger := int32(0)
	for _, id := range topic.Partitions[0].Replicas {
		if id == stranger {
			stranger++
		}
	}
	for name, c := range map[string]struct {
		req  wire.DamagedReplicaRequest
		want *kerr.Error
	}{
		"broker":    {wire.DamagedReplicaRequest{BrokerID: 9, TopicID: topic.ID}, kerr.StaleBrokerEpoch},
		"epoch":     {wire.DamagedReplicaRequest{BrokerID: 1, BrokerEpoch: 7, TopicID: topic.ID}, kerr.StaleBrokerEpoch},
		"topic":     {wire.DamagedReplicaRequest{BrokerID: 1, TopicID: [16]byte{1}}, kerr.UnknownTopicID},
		"partition": {wire.DamagedReplicaRequest{BrokerID: 1, TopicID: topic.ID, Partition: 1}, kerr.UnknownTopicOrPartition},
	} {
		records, resp := m.DamagedReplica(&c.req)
		if resp.ErrorCode != c.want.Code || resp.LeaderEpoch != -1 || len(records) > 0 {
			t.Errorf("%s: %+v, %v; want %v", name, resp, records, c.want)
		}
	}
	for id := range int32(3) {
		_, resp := m.DamagedReplica(&wire.DamagedReplicaRequest{BrokerID: id, TopicID: topic.ID})
		holds := topic.Partitions[0].Replicas[0] == id || topic.Partitions[0].Replicas[1] == id
		if holds != (resp.ErrorCode == 0) || !holds && resp.ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("broker %d holds a replica: %v, the answer is %+v", id, holds, resp)
		}
	}
}
