package controller

import (
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// session is what the controller knows of an unfenced broker by its heartbeats.
type session struct {
	// until is when the broker is fenced if it is not heard of again.
	until time.Time
	// offset is how many metadata records the broker has applied, as it said last.
	offset int64
	// heard is set once the broker has been heard of by this controller.
	heard bool
	// released is how many metadata records the other brokers must have applied before the broker
	// may stop: they hold its leaderships then. It counts while the broker is shutting down.
	released int64
}

// contact renews the session of an unfenced broker; another has none.
func (m *Machine) contact(b *metadata.Broker, now time.Time) *session {
	if b.Fenced {
		delete(m.sessions, b.ID)
		return nil
	}
	s := m.sessions[b.ID]
	if s == nil {
		// Where an earlier controller began the shutdown, its records are among those replayed.
		s = &session{released: m.image.Offset}
		m.sessions[b.ID] = s
	}
	s.until = now.Add(m.cfg.SessionTimeout)
	return s
}

// alive says that the session of an unfenced broker is not over.
func (m *Machine) alive(b *metadata.Broker, now time.Time) bool {
	s := m.sessions[b.ID]
	return s == nil || m.cfg.SessionTimeout == 0 || now.Before(s.until)
}

// heardOf says that this controller has heard of an unfenced broker within its session. One that has just
// taken over gives every broker a session, and knows nothing of any.
func (m *Machine) heardOf(b *metadata.Broker, now time.Time) bool {
	s := m.sessions[b.ID]
	return s != nil && s.heard && m.alive(b, now)
}

// expired lists the unfenced brokers whose session is over, by id. One of which nothing is known
// has its session from now.
func (m *Machine) expired(now time.Time) (list []*metadata.Broker) {
	registered := m.image.Registered()
	for i := range registered {
		switch b := &registered[i]; {
		case b.Fenced:
		case m.sessions[b.ID] == nil:
			m.contact(b, now)
		case !m.alive(b, now):
			list = append(list, b)
		}
	}
	return list
}

// Heartbeat renews the session of a broker and moves it through its life (KIP-631):
//
//	fenced ── has applied its registration ──> unfenced ── WantShutdown ──> shutting down
//	   ^                                          │                              │
//	   └──────── WantFence, or session over ──────┴─── ShouldShutdown: others ───┘
//	                                                   lead, and know it
//
// CurrentMetadataOffset must be the Image.Offset of the broker: how many records it has applied. A
// broker wants to be fenced until it can serve; one that began to shut down has to register again. BROKER_ID_NOT_REGISTERED and STALE_BROKER_EPOCH tell
// it to register again.
func (m *Machine) Heartbeat(now time.Time, req *kmsg.BrokerHeartbeatRequest) ([]metadata.Record, *kmsg.BrokerHeartbeatResponse) {
	resp := req.ResponseKind().(*kmsg.BrokerHeartbeatResponse)
	b := m.image.Broker(req.BrokerID)
	switch {
	case b == nil:
		resp.ErrorCode = kerr.BrokerIDNotRegistered.Code
		return nil, resp
	case b.Epoch != req.BrokerEpoch:
		resp.ErrorCode = kerr.StaleBrokerEpoch.Code
		return nil, resp
	}
	if s := m.contact(b, now); s != nil {
		s.heard, s.offset = true, req.CurrentMetadataOffset
	}
	resp.IsCaughtUp = req.CurrentMetadataOffset > b.Epoch
	d := m.begin()
	switch {
	case b.Fenced && req.WantShutdown:
		resp.ShouldShutdown = true
	case b.Fenced && !req.WantFence && resp.IsCaughtUp && !b.ShuttingDown:
		m.unfence(d, b, now, req.CurrentMetadataOffset)
	case b.Fenced:
	case req.WantFence && !req.WantShutdown:
		m.fence(d, b)
	case req.WantShutdown && !b.ShuttingDown:
		m.beginShutdown(d, b)
		resp.ShouldShutdown = m.release(d, b)
	case b.ShuttingDown:
		resp.ShouldShutdown = m.release(d, b)
	}
	resp.IsFenced = d.image.Broker(b.ID).Fenced
	return d.records, resp
}

func (m *Machine) unfence(d *decision, b *metadata.Broker, now time.Time, offset int64) {
	d.add(metadata.Record{UnfenceBroker: &metadata.BrokerRecord{ID: b.ID, Epoch: b.Epoch}})
	s := m.contact(d.image.Broker(b.ID), now)
	s.heard, s.offset = true, offset
	m.repair(d, nobody, b.ID)
}

// beginShutdown hands over all that the broker leads. What nobody else can lead stays without a
// leader until the broker is back: it is in the ELR.
func (m *Machine) beginShutdown(d *decision, b *metadata.Broker) {
	d.add(metadata.Record{ShutdownBroker: &metadata.BrokerRecord{ID: b.ID, Epoch: b.Epoch}})
	m.repair(d, nobody, b.ID)
	m.sessions[b.ID].released = d.image.Offset
}

// release fences a broker that is shutting down as soon as every other one has applied the records
// that took its leaderships away, and reports that it may stop.
func (m *Machine) release(d *decision, b *metadata.Broker) bool {
	released := m.sessions[b.ID].released
	for _, other := range d.image.Brokers {
		if s := m.sessions[other.ID]; other.Active() && (s == nil || s.offset < released) {
			return false
		}
	}
	m.fence(d, b)
	return true
}
