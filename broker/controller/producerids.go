package controller

import "github.com/logproof/logproof/broker/metadata"

// producerIDBlock is how many producer ids one metadata record reserves.
const producerIDBlock = 1000

// ProducerID gives an unused producer id, with the records that must be committed before it is
// told to anybody; usually none, since ids are reserved in blocks.
func (m *Machine) ProducerID() (int64, []metadata.Record) {
	var records []metadata.Record
	if m.nextProducerID >= m.image.NextProducerID {
		next := m.image.NextProducerID + producerIDBlock
		records = []metadata.Record{{ProducerIDs: &metadata.ProducerIDsRecord{Next: next}}}
		m.nextProducerID = m.image.NextProducerID
	}
	id := m.nextProducerID
	m.nextProducerID++
	return id, records
}
