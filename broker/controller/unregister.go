package controller

import (
	"fmt"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// UnregisterBroker forgets a broker that is gone for good. One that is not fenced is refused with INVALID_REQUEST: it
// would register again at once. Its replicas stay assigned to it, until they are moved; but it is in no ELR any more,
// since whoever comes with its id may have none of its records. Apache Kafka forgets live brokers too.
func (m *Machine) UnregisterBroker(req *kmsg.UnregisterBrokerRequest) ([]metadata.Record, *kmsg.UnregisterBrokerResponse) {
	resp := req.ResponseKind().(*kmsg.UnregisterBrokerResponse)
	b := m.image.Broker(req.BrokerID)
	switch {
	case b == nil:
		resp.ErrorCode, resp.ErrorMessage = kerr.BrokerIDNotRegistered.Code, kmsg.StringPtr(fmt.Sprintf("there is no broker %d", req.BrokerID))
		return nil, resp
	case !b.Fenced:
		resp.ErrorCode, resp.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr(fmt.Sprintf("broker %d is alive: stop it first", req.BrokerID))
		return nil, resp
	}
	d := m.begin()
	m.repair(d, b.ID, b.ID)
	d.add(metadata.Record{UnregisterBroker: &metadata.BrokerRecord{ID: b.ID, Epoch: b.Epoch}})
	delete(m.sessions, b.ID)
	return d.records, resp
}
