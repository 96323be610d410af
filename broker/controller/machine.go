package controller

import (
	"github.com/logproof/logproof/broker/metadata"
)

// Config of a cluster, as its controller needs it.
type Config struct {
	// Seed of topic ids; a process must not start twice with one seed on the same metadata log.
	Seed uint64
	// DefaultPartitions and DefaultReplication are used where a client leaves the choice (KIP-464).
	DefaultPartitions  int32
	DefaultReplication int16
	// MaxPartitions of one topic.
	MaxPartitions int32
}

// Machine is the controller's state.
type Machine struct {
	cfg   Config
	seed  uint64
	image *metadata.Image
	// nextProducerID is handed out next; ids below image.NextProducerID are reserved on disk.
	nextProducerID int64
}

// New starts from an image: an empty one, whose records are then replayed.
func New(cfg Config, image *metadata.Image) *Machine {
	return &Machine{cfg: cfg, seed: cfg.Seed, image: image, nextProducerID: image.NextProducerID}
}

// Image is the state after the records replayed so far.
func (m *Machine) Image() *metadata.Image { return m.image }

// Replay applies records of the metadata log, in its order.
func (m *Machine) Replay(records []metadata.Record) { m.image = m.image.Apply(records) }

// Recovered ends the replay of what an earlier process wrote: the producer ids that it had
// reserved may be in use, so none of them is handed out again.
func (m *Machine) Recovered() { m.nextProducerID = m.image.NextProducerID }

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

// newTopicID draws an id that no topic has; the zero id means "by name" on the wire.
func (m *Machine) newTopicID() metadata.TopicID {
	for {
		var id metadata.TopicID
		for i := 0; i < len(id); i += 8 {
			draw := m.draw()
			for j := range 8 {
				id[i+j] = byte(draw >> (8 * j))
			}
		}
		if id != (metadata.TopicID{}) && m.image.TopicByID(id) == nil {
			return id
		}
	}
}

// draw is splitmix64 (Steele, Lea, Flood 2014): one addition and a mix per number.
func (m *Machine) draw() uint64 {
	m.seed += 0x9e3779b97f4a7c15
	z := m.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
