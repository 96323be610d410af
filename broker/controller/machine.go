package controller

import (
	"time"

	"github.com/logproof/logproof/broker/metadata"
)

// Config of a cluster, as its controller needs it. Durations of 0 switch off what they time.
type Config struct {
	// Seed of topic ids and placement; a process must not start twice with one seed on the same
	// metadata log.
	Seed uint64
	// DefaultPartitions and DefaultReplication are used where a client leaves the choice (KIP-464).
	DefaultPartitions  int32
	DefaultReplication int16
	// MaxPartitions of one topic.
	MaxPartitions int32
	// DefaultMinISR is min.insync.replicas of a topic that does not say; less than 1 is 1.
	DefaultMinISR int
	// DefaultUnclean is unclean.leader.election.enable of a topic that does not say.
	DefaultUnclean bool
	// Static are the settings of topics that this node was started with, by the names of topic settings: what
	// answers to CreateTopics show.
	Static map[string]string
	// SessionTimeout is how long a broker stays unfenced without a heartbeat.
	SessionTimeout time.Duration
	// PreferredEvery is how often leaderships are given back to the first replica of a partition,
	// for brokers of whose preferred partitions more than PreferredImbalance percent are led elsewhere.
	PreferredEvery     time.Duration
	PreferredImbalance int
	// LastKnownLeader lets a partition without ISR and ELR be led again by its last leader, as
	// Apache Kafka does: it may have lost records, so the election counts as unclean.
	LastKnownLeader bool
	// Levels are those of features with which a new cluster begins, by name, where they are not the initial ones.
	Levels map[string]int16
	Bugs   Bugs
}

// Bugs are planted, to show that they are found.
type Bugs struct {
	// Unclean elects any live replica where ISR and ELR have none, also where that is not configured.
	Unclean bool
	// LastReplica ignores the ELR: the last member stays in the ISR whatever happens to it, as
	// before KIP-966.
	LastReplica bool
	// RebornReplica lets a broker join an ISR though it registered again since it was found caught
	// up (no check of KIP-903).
	RebornReplica bool
	// IsrABA accepts an ISR that was proposed before the partition last changed.
	IsrABA bool
}

// Machine is the controller's state.
type Machine struct {
	cfg   Config
	seed  uint64
	image *metadata.Image
	// nextProducerID is handed out next; ids below image.NextProducerID are reserved on disk.
	nextProducerID int64
	// sessions of unfenced brokers, by id; see sessions.go.
	sessions map[int32]*session
	// ticked is the time of the last Tick; zero before the first.
	ticked time.Time
	// nextPreferred is when leaderships are balanced next; zero until the first Tick.
	nextPreferred time.Time
}

// New starts from an image: an empty one or a snapshot, after which records are then replayed.
func New(cfg Config, image *metadata.Image) *Machine {
	return &Machine{cfg: cfg, seed: cfg.Seed, image: image, nextProducerID: image.NextProducerID, sessions: map[int32]*session{}}
}

// Image is the state after the records replayed so far.
func (m *Machine) Image() *metadata.Image { return m.image }

// Replay applies records of the metadata log, in its order.
func (m *Machine) Replay(records []metadata.Record) { m.image = m.image.Apply(records) }

// Recovered ends the replay of what an earlier process wrote: the producer ids that it had
// reserved may be in use, so none of them is handed out again.
func (m *Machine) Recovered() { m.nextProducerID = m.image.NextProducerID }

// Activate makes this machine the one that decides, after everything that is committed has been
// replayed. It has heard of no broker yet, so each has a whole session from now.
func (m *Machine) Activate(now time.Time) {
	m.Recovered()
	clear(m.sessions)
	for _, b := range m.image.Registered() {
		m.contact(&b, now)
	}
	m.nextPreferred, m.ticked = time.Time{}, time.Time{}
}

// decision collects the records of one decision, each made in sight of those before it.
type decision struct {
	image   *metadata.Image
	records []metadata.Record
}

func (m *Machine) begin() *decision { return &decision{image: m.image} }

func (d *decision) add(records ...metadata.Record) {
	if len(records) > 0 {
		d.image = d.image.Apply(records)
		d.records = append(d.records, records...)
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
