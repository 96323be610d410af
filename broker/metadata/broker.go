package metadata

import (
	"cmp"
	"slices"
)

// Broker is one node of the cluster, as it last registered.
type Broker struct {
	ID int32
	// Epoch is the offset of the registration (KIP-631): one for each uptime of the process.
	Epoch       int64
	Incarnation Incarnation
	// Host and Port are where clients connect.
	Host string
	Port int32
	// PeerHost and PeerPort are where other brokers connect.
	PeerHost string
	PeerPort int32
	// Rack is where the broker stands; "" if it did not say.
	Rack string
	// Fenced brokers lead nothing, are in no ISR and are not shown to clients.
	Fenced bool
	// ShuttingDown is set while a broker hands its leaderships over before it stops. It ends with
	// the next registration.
	ShuttingDown bool
}

// Active says that the broker may lead partitions and join their ISR. A nil broker is not.
func (b *Broker) Active() bool { return b != nil && !b.Fenced && !b.ShuttingDown }

// Broker by id, fenced or not; nil if none has registered. The broker must not be changed.
func (im *Image) Broker(id int32) *Broker {
	if i, ok := im.find(id); ok {
		return &im.registered[i]
	}
	return nil
}

// Registered are all brokers, by id, fenced or not. The slice must not be changed.
func (im *Image) Registered() []Broker { return im.registered }

func (im *Image) find(id int32) (int, bool) {
	return slices.BinarySearchFunc(im.registered, id, func(b Broker, id int32) int { return cmp.Compare(b.ID, id) })
}

func (im *Image) applyRegistration(r *RegisterBrokerRecord) {
	b := Broker{
		ID: r.ID, Epoch: im.Offset, Incarnation: r.Incarnation, Host: r.Host, Port: r.Port,
		PeerHost: r.PeerHost, PeerPort: r.PeerPort, Rack: r.Rack, Fenced: true,
	}
	i, ok := im.find(r.ID)
	brokers := slices.Clone(im.registered)
	if ok {
		brokers[i] = b
	} else {
		brokers = slices.Insert(brokers, i, b)
	}
	im.setBrokers(brokers)
}

func (im *Image) changeBroker(r *BrokerRecord, change func(*Broker)) {
	i, ok := im.find(r.ID)
	if !ok || im.registered[i].Epoch != r.Epoch {
		return
	}
	brokers := slices.Clone(im.registered)
	change(&brokers[i])
	im.setBrokers(brokers)
}

func (im *Image) forgetBroker(r *BrokerRecord) {
	if i, ok := im.find(r.ID); ok && im.registered[i].Epoch == r.Epoch {
		im.setBrokers(slices.Delete(slices.Clone(im.registered), i, i+1))
	}
}

// setBrokers takes a list that nobody else holds.
func (im *Image) setBrokers(brokers []Broker) {
	slices.SortFunc(brokers, func(a, b Broker) int { return cmp.Compare(a.ID, b.ID) })
	im.registered, im.Brokers = brokers, nil
	for _, b := range brokers {
		if !b.Fenced {
			im.Brokers = append(im.Brokers, b)
		}
	}
}
