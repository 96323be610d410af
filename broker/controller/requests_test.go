package controller

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a refused answer had granted is taken back; what it had refused stays as it was.
func TestRefuse(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := newMachine(1, 0)
	create(m, createRequest("there", 1, 1))
	registration := kmsg.NewPtrBrokerRegistrationRequest()
	registration.BrokerID, registration.ClusterID, registration.IncarnationID = 1, "test", [16]byte{1}
	l := kmsg.NewBrokerRegistrationRequestListener()
	l.Name, l.Host, l.Port = ClientListener, "host", 9092
	registration.Listeners = append(registration.Listeners, l)
	heartbeat := kmsg.NewPtrBrokerHeartbeatRequest()
	heartbeat.BrokerEpoch, heartbeat.CurrentMetadataOffset = 0, 10
	alter := kmsg.NewPtrAlterPartitionRequest()
	alter.SetVersion(3)
	alter.BrokerEpoch = 0
	topics := createRequest("new", 1, 1)
	topics.Topics = append(topics.Topics, createRequest("there", 1, 1).Topics...)
	for _, req := range []kmsg.Request{topics, kmsg.NewPtrInitProducerIDRequest(), registration, heartbeat, alter, kmsg.NewPtrElectLeadersRequest(),
		kmsg.NewPtrAlterPartitionAssignmentsRequest(), kmsg.NewPtrListPartitionReassignmentsRequest()} {
		_, resp := m.Decide(now, req)
		Refuse(resp, kerr.NotController, "it is another")
		if _, created := resp.(*kmsg.CreateTopicsResponse); !created && !NotController(resp) {
			t.Errorf("%T is not seen to be refused", resp)
		}
		switch r := resp.(type) {
		case *kmsg.CreateTopicsResponse:
			if a, b := r.Topics[0], r.Topics[1]; a.ErrorCode != kerr.NotController.Code || *a.ErrorMessage != "it is another" || b.ErrorCode != kerr.TopicAlreadyExists.Code {
				t.Errorf("create: %+v %+v", a, b)
			}
		case *kmsg.InitProducerIDResponse:
			if r.ErrorCode != kerr.NotController.Code || r.ProducerID != -1 {
				t.Errorf("%+v", r)
			}
		case *kmsg.BrokerRegistrationResponse:
			if r.ErrorCode != kerr.NotController.Code || r.BrokerEpoch != -1 {
				t.Errorf("%+v", r)
			}
		case *kmsg.BrokerHeartbeatResponse:
			if r.ErrorCode != kerr.NotController.Code || !r.IsFenced || r.IsCaughtUp {
				t.Errorf("%+v", r)
			}
		case *kmsg.AlterPartitionResponse:
			if r.ErrorCode != kerr.NotController.Code {
				t.Errorf("%+v", r)
			}
		case *kmsg.ElectLeadersResponse:
			if r.ErrorCode != kerr.NotController.Code {
				t.Errorf("%+v", r)
			}
		case *kmsg.AlterPartitionAssignmentsResponse:
			if r.ErrorCode != kerr.NotController.Code || *r.ErrorMessage != "it is another" {
				t.Errorf("%+v", r)
			}
		case *kmsg.ListPartitionReassignmentsResponse:
			if r.ErrorCode != kerr.NotController.Code || *r.ErrorMessage != "it is another" {
				t.Errorf("%+v", r)
			}
		default:
			t.Errorf("no answer to %T", req)
		}
	}
	if _, resp := m.Decide(now, kmsg.NewPtrFetchRequest()); resp != nil {
		t.Errorf("a controller decides about no Fetch: %+v", resp)
	}
}

func TestRegistrationErrors(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		change func(*kmsg.BrokerRegistrationRequest)
		want   int16
	}{
		"good":           {func(*kmsg.BrokerRegistrationRequest) {}, 0},
		"other cluster":  {func(r *kmsg.BrokerRegistrationRequest) { r.ClusterID = "other" }, kerr.InconsistentClusterID.Code},
		"no id":          {func(r *kmsg.BrokerRegistrationRequest) { r.BrokerID = -1 }, kerr.InvalidRequest.Code},
		"no incarnation": {func(r *kmsg.BrokerRegistrationRequest) { r.IncarnationID = [16]byte{} }, kerr.InvalidRequest.Code},
		"no listener":    {func(r *kmsg.BrokerRegistrationRequest) { r.Listeners = r.Listeners[1:] }, kerr.InvalidRequest.Code},
	} {
		m := newMachine(1)
		req := kmsg.NewPtrBrokerRegistrationRequest()
		req.BrokerID, req.ClusterID, req.IncarnationID = 3, "test", [16]byte{1}
		for i, listener := range []string{ClientListener, PeerListener} {
			l := kmsg.NewBrokerRegistrationRequestListener()
			l.Name, l.Host, l.Port = listener, "host", uint16(9000+i)
			req.Listeners = append(req.Listeners, l)
		}
		c.change(req)
		records, resp := m.RegisterBroker(now, req)
		m.Replay(records)
		if resp.ErrorCode != c.want || (resp.BrokerEpoch == -1) != (c.want != 0) {
			t.Errorf("%s: %+v", name, resp)
		}
		b := m.Image().Broker(3)
		if c.want == 0 && (b.Port != 9000 || b.PeerPort != 9001 || !b.Fenced) || c.want != 0 && b != nil {
			t.Errorf("%s: registered %+v", name, b)
		}
	}
	m := newMachine(1, 0)
	if _, resp := m.Heartbeat(now, &kmsg.BrokerHeartbeatRequest{BrokerID: 9}); resp.ErrorCode != kerr.BrokerIDNotRegistered.Code {
		t.Errorf("heartbeat of a stranger: %+v", resp)
	}
}

func TestReplicationConfigsAreChecked(t *testing.T) {
	m := newMachine(1, 0)
	for value, ok := range map[[2]string]bool{
		{metadata.MinISRConfig, "2"}: true, {metadata.MinISRConfig, "0"}: false, {metadata.MinISRConfig, "two"}: false,
		{metadata.UncleanConfig, "true"}: true, {metadata.UncleanConfig, "yes"}: false,
	} {
		req := createRequest("orders", 1, 1)
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = value[0], kmsg.StringPtr(value[1])
		req.Topics[0].Configs = append(req.Topics[0].Configs, c)
		_, resp := m.CreateTopics(req)
		if got := resp.Topics[0].ErrorCode; (got == 0) != ok || !ok && got != kerr.InvalidConfig.Code {
			t.Errorf("%v: %v", value, kerr.ErrorForCode(got))
		}
	}
}

// An AlterPartition that names what is not there, or comes in a version without broker epochs.
func TestAlterPartitionOfNothing(t *testing.T) {
	m := newMachine(1, 0)
	create(m, createRequest("orders", 1, 1))
	for _, c := range []struct {
		id      metadata.TopicID
		index   int32
		version int16
		want    *kerr.Error
	}{
		{m.Image().Topic("orders").ID, 1, 3, kerr.UnknownTopicOrPartition},
		{m.Image().Topic("orders").ID, -1, 3, kerr.UnknownTopicOrPartition},
		{metadata.TopicID{9}, 0, 3, kerr.UnknownTopicID},
		{m.Image().Topic("orders").ID, 0, 2, kerr.UnsupportedVersion},
	} {
		req := kmsg.NewPtrAlterPartitionRequest()
		req.SetVersion(c.version)
		req.BrokerEpoch = 0
		one := kmsg.NewAlterPartitionRequestTopicPartition()
		one.Partition = c.index
		topic := kmsg.NewAlterPartitionRequestTopic()
		topic.TopicID, topic.Partitions = c.id, append(topic.Partitions, one)
		req.Topics = append(req.Topics, topic)
		records, resp := m.AlterPartition(req)
		code := resp.ErrorCode
		if code == 0 {
			code = resp.Topics[0].Partitions[0].ErrorCode
		}
		if code != c.want.Code || len(records) != 0 {
			t.Errorf("%+v: %v", c, kerr.ErrorForCode(code))
		}
	}
}

// The second mention of a partition would be decided without sight of the first.
func TestPartitionsAreNamedOnce(t *testing.T) {
	m := newMachine(1, 0, 1)
	create(m, createRequest("orders", 1, 2))
	topic := m.Image().Topic("orders")
	one := kmsg.NewAlterPartitionRequestTopicPartition()
	member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
	member.BrokerID, member.BrokerEpoch = topic.Partitions[0].Leader, 0
	one.NewEpochISR = append(one.NewEpochISR, member)
	req := kmsg.NewPtrAlterPartitionRequest()
	req.SetVersion(3)
	req.BrokerID, req.BrokerEpoch = member.BrokerID, 0
	asked := kmsg.NewAlterPartitionRequestTopic()
	asked.TopicID, asked.Partitions = topic.ID, append(asked.Partitions, one, one)
	req.Topics = append(req.Topics, asked)
	records, resp := m.AlterPartition(req)
	first, second := resp.Topics[0].Partitions[0], resp.Topics[0].Partitions[1]
	if len(records) != 1 || first.ErrorCode != 0 || first.PartitionEpoch != 1 || len(first.ISR) != 1 || second.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("%d records, %+v, then %+v", len(records), first, second)
	}
	m.Replay(records)
	if p := m.Image().Topic("orders").Partitions[0]; p.PartitionEpoch != first.PartitionEpoch || len(p.ISR) != 1 {
		t.Errorf("answered %+v, became %+v", first, p)
	}
}
