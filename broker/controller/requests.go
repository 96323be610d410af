package controller

import (
	"time"

	"github.com/logproof/logproof/broker/metadata"
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
	case *kmsg.ElectLeadersRequest:
		return both(m.ElectLeaders(req))
	}
	return nil, nil
}

func both[R kmsg.Response](records []metadata.Record, resp R) ([]metadata.Record, kmsg.Response) {
	return records, resp
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
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for i := range r.Topics {
			if t := &r.Topics[i]; code(&t.ErrorCode) {
				t.ErrorMessage = &message
			}
		}
	case *kmsg.DeleteTopicsResponse:
		for i := range r.Topics {
			if t := &r.Topics[i]; code(&t.ErrorCode) {
				t.ErrorMessage = &message
			}
		}
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
	}
}
