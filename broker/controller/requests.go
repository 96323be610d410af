package controller

import (
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Decide answers any request that a controller decides about. The response may be sent once the
// records are committed; they must be replayed before the next call. The response is nil if the
// request is none of a controller's.
func (m *Machine) Decide(now time.Time, req kmsg.Request) ([]metadata.Record, kmsg.Response) {
	switch req := req.(type) {
	case *kmsg.CreateTopicsRequest:
		return both(m.CreateTopics(req))
	case *kmsg.DeleteTopicsRequest:
		return both(m.DeleteTopics(req))
	case *kmsg.InitProducerIDRequest:
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		var records []metadata.Record
		resp.ProducerID, records = m.ProducerID()
		return records, resp
	case *kmsg.BrokerRegistrationRequest:
		return both(m.RegisterBroker(now, req))
	case *kmsg.BrokerHeartbeatRequest:
		return both(m.Heartbeat(now, req))
	case *kmsg.AlterPartitionRequest:
		return both(m.AlterPartition(req))
	case *kmsg.UnregisterBrokerRequest:
		return both(m.UnregisterBroker(req))
	case *kmsg.ElectLeadersRequest:
		return both(m.ElectLeaders(req))
	case *kmsg.AlterPartitionAssignmentsRequest:
		return both(m.AlterPartitionReassignments(req))
	case *kmsg.CreatePartitionsRequest:
		return both(m.CreatePartitions(req))
	case *kmsg.IncrementalAlterConfigsRequest:
		return both(m.IncrementalAlterConfigs(req))
	case *kmsg.AlterConfigsRequest:
		return both(m.AlterConfigs(req))
	case *kmsg.UpdateFeaturesRequest:
		return both(m.UpdateFeatures(req))
	case *kmsg.ListPartitionReassignmentsRequest:
		return nil, m.ListPartitionReassignments(req)
	case *wire.DamagedReplicaRequest:
		return both(m.DamagedReplica(req))
	}
	return nil, nil
}

func both[R kmsg.Response](records []metadata.Record, resp R) ([]metadata.Record, kmsg.Response) {
	return records, resp
}

// Refusal is the answer to a request that nothing was decided about: all that it asks for is refused.
func Refusal(req kmsg.Request, err *kerr.Error, message string) kmsg.Response {
	resp := req.ResponseKind()
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, asked := range req.(*kmsg.CreateTopicsRequest).Topics {
			topic := kmsg.NewCreateTopicsResponseTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = asked.Topic, -1, -1
			r.Topics = append(r.Topics, topic)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, asked := range namedTopics(req.(*kmsg.DeleteTopicsRequest)) {
			topic := kmsg.NewDeleteTopicsResponseTopic()
			topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
			r.Topics = append(r.Topics, topic)
		}
	case *kmsg.CreatePartitionsResponse:
		for _, asked := range req.(*kmsg.CreatePartitionsRequest).Topics {
			topic := kmsg.NewCreatePartitionsResponseTopic()
			topic.Topic = asked.Topic
			r.Topics = append(r.Topics, topic)
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		for _, asked := range req.(*kmsg.IncrementalAlterConfigsRequest).Resources {
			resource := kmsg.NewIncrementalAlterConfigsResponseResource()
			resource.ResourceType, resource.ResourceName = asked.ResourceType, asked.ResourceName
			r.Resources = append(r.Resources, resource)
		}
	case *kmsg.AlterConfigsResponse:
		for _, asked := range req.(*kmsg.AlterConfigsRequest).Resources {
			resource := kmsg.NewAlterConfigsResponseResource()
			resource.ResourceType, resource.ResourceName = asked.ResourceType, asked.ResourceName
			r.Resources = append(r.Resources, resource)
		}
	}
	Refuse(resp, err, message)
	return resp
}

// NotController reports whether the answer is that of a controller which is not active, and so has done
// nothing about the request.
func NotController(resp kmsg.Response) bool {
	code := int16(0)
	for one := range items(resp) {
		code = *one.code
		break
	}
	switch r := resp.(type) {
	case *kmsg.InitProducerIDResponse:
		code = r.ErrorCode
	case *kmsg.BrokerRegistrationResponse:
		code = r.ErrorCode
	case *kmsg.BrokerHeartbeatResponse:
		code = r.ErrorCode
	case *kmsg.AlterPartitionResponse:
		code = r.ErrorCode
	case *kmsg.ElectLeadersResponse:
		code = r.ErrorCode
	case *kmsg.AlterPartitionAssignmentsResponse:
		code = r.ErrorCode
	case *kmsg.ListPartitionReassignmentsResponse:
		code = r.ErrorCode
	case *wire.DamagedReplicaResponse:
		code = r.ErrorCode
	case *kmsg.UnregisterBrokerResponse:
		code = r.ErrorCode
	case *kmsg.UpdateFeaturesResponse:
		code = r.ErrorCode
	case *kmsg.DescribeQuorumResponse:
		if r.ErrorCode == 0 && knowsNobody(r) {
			return true
		}
		code = r.ErrorCode
	}
	return code == kerr.NotController.Code
}

// knowsNobody says that a voter has answered which does not lead the quorum: it does not know where any voter is.
func knowsNobody(r *kmsg.DescribeQuorumResponse) bool {
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			p := &r.Topics[i].Partitions[j]
			for k := range p.CurrentVoters {
				if p.CurrentVoters[k].LogEndOffset >= 0 {
					return false
				}
			}
			if len(p.CurrentVoters) > 0 {
				return true
			}
		}
	}
	return false
}

// Refuse turns an answer whose records were not committed into one that promises nothing: what it
// granted becomes the error, what it had refused before stays refused. The message is given where
// the response has room for one.
func Refuse(resp kmsg.Response, err *kerr.Error, message string) {
	code := func(field *int16) bool {
		granted := *field == 0
		if granted {
			*field = err.Code
		}
		return granted
	}
	for one := range items(resp) {
		if code(one.code) {
			*one.message = &message
		}
	}
	switch r := resp.(type) {
	case *kmsg.InitProducerIDResponse:
		if code(&r.ErrorCode) {
			r.ProducerID, r.ProducerEpoch = -1, -1
		}
	case *kmsg.BrokerRegistrationResponse:
		if code(&r.ErrorCode) {
			r.BrokerEpoch = -1
		}
	case *kmsg.BrokerHeartbeatResponse:
		if code(&r.ErrorCode) {
			r.IsCaughtUp, r.IsFenced, r.ShouldShutdown = false, true, false
		}
	case *kmsg.AlterPartitionResponse:
		if code(&r.ErrorCode) {
			r.Topics = nil
		}
	case *kmsg.ElectLeadersResponse:
		if code(&r.ErrorCode) {
			r.Topics = nil
		}
	case *kmsg.AlterPartitionAssignmentsResponse:
		if code(&r.ErrorCode) {
			r.ErrorMessage, r.Topics = &message, nil
		}
	case *kmsg.ListPartitionReassignmentsResponse:
		if code(&r.ErrorCode) {
			r.ErrorMessage, r.Topics = &message, nil
		}
	case *kmsg.UnregisterBrokerResponse:
		if code(&r.ErrorCode) {
			r.ErrorMessage = &message
		}
	case *kmsg.UpdateFeaturesResponse:
		if code(&r.ErrorCode) {
			r.ErrorMessage = &message
		}
	case *kmsg.DescribeQuorumResponse:
		if code(&r.ErrorCode) {
			r.ErrorMessage, r.Topics = &message, nil
		}
	case *wire.DamagedReplicaResponse:
		if code(&r.ErrorCode) {
			r.LeaderEpoch = -1
		}
	}
}
