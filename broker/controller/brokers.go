package controller

import (
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Names of the listeners in a broker's registration.
const (
	// ClientListener is where clients connect; every broker has it.
	ClientListener = "CLIENT"
	// PeerListener is where other brokers connect; it is the client listener where it is not given.
	PeerListener = "PEER"
)

// RegisterBroker begins an uptime of a broker (KIP-631). The broker is fenced and gets the offset
// of its registration as its epoch. As long as this controller hears of it, another process with its id
// is refused with DUPLICATE_BROKER_REGISTRATION, and may ask again; the same process, that did not hear
// the answer, is given it again.
//
// PreviousBrokerEpoch is the epoch that the broker had when it stopped, if it knows that it has lost
// nothing since (KIP-966). If it is not the epoch of the last registration, the restart is unclean:
// the broker leaves every ISR and ELR and is remembered as last known.
func (m *Machine) RegisterBroker(now time.Time, req *kmsg.BrokerRegistrationRequest) ([]metadata.Record, *kmsg.BrokerRegistrationResponse) {
	resp := req.ResponseKind().(*kmsg.BrokerRegistrationResponse)
	record := registration(req)
	before := m.image.Broker(req.BrokerID)
	switch {
	case req.ClusterID != m.image.ClusterID:
		resp.ErrorCode = kerr.InconsistentClusterID.Code
	case req.BrokerID < 0 || req.IncarnationID == [16]byte{} || record.Host == "":
		resp.ErrorCode = kerr.InvalidRequest.Code
	case before != nil && before.Incarnation == record.Incarnation:
		resp.BrokerEpoch = before.Epoch
	case before.Active() && m.heardOf(before, now):
		resp.ErrorCode = kerr.DuplicateBrokerRegistration.Code
	default:
		d := m.begin()
		resp.BrokerEpoch = d.image.Offset // of the record that comes first
		d.add(metadata.Record{RegisterBroker: record})
		lost := nobody
		if before != nil && req.PreviousBrokerEpoch != before.Epoch {
			lost = req.BrokerID
		}
		m.repair(d, lost, req.BrokerID)
		delete(m.sessions, req.BrokerID)
		return d.records, resp
	}
	return nil, resp
}

func registration(req *kmsg.BrokerRegistrationRequest) *metadata.RegisterBrokerRecord {
	r := &metadata.RegisterBrokerRecord{ID: req.BrokerID, Incarnation: req.IncarnationID}
	for _, l := range req.Listeners {
		switch l.Name {
		case ClientListener:
			r.Host, r.Port = l.Host, int32(l.Port)
		case PeerListener:
			r.PeerHost, r.PeerPort = l.Host, int32(l.Port)
		}
	}
	if r.PeerHost == "" {
		r.PeerHost, r.PeerPort = r.Host, r.Port
	}
	if req.Rack != nil {
		r.Rack = *req.Rack
	}
	return r
}

// fence takes brokers out of service: first all of them, then what they led, so that none of them
// inherits from another.
func (m *Machine) fence(d *decision, brokers ...*metadata.Broker) {
	var ids []int32
	for _, b := range brokers {
		d.add(metadata.Record{FenceBroker: &metadata.BrokerRecord{ID: b.ID, Epoch: b.Epoch}})
		ids = append(ids, b.ID)
		delete(m.sessions, b.ID)
	}
	if len(ids) > 0 {
		m.repair(d, nobody, ids...)
	}
}

// Tick looks at the clock: it fences the brokers whose session is over, and now and then gives
// leaderships back to preferred replicas. A controller that stood still itself, as a process that was
// paused, could hear nobody: it accuses nobody of silence, and every session begins anew.
func (m *Machine) Tick(now time.Time) []metadata.Record {
	d := m.begin()
	if !m.ticked.IsZero() && now.Sub(m.ticked) >= m.cfg.SessionTimeout/2 {
		for _, b := range m.image.Registered() {
			m.contact(&b, now)
		}
	}
	m.ticked = now
	m.fence(d, m.expired(now)...)
	if m.cfg.PreferredEvery > 0 {
		if !m.nextPreferred.IsZero() && !now.Before(m.nextPreferred) {
			m.balance(d)
		}
		if !now.Before(m.nextPreferred) {
			m.nextPreferred = now.Add(m.cfg.PreferredEvery)
		}
	}
	return d.records
}
