package spec

import (
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
)

// Spec is a scenario as its file says it, with the defaults filled in.
type Spec struct {
	// Name of the scenario: small letters, digits and dashes.
	Name string `yaml:"name"`
	// Description in a sentence or two: what is done and what must hold.
	Description string `yaml:"description"`
	// System under test: "reference".
	System string `yaml:"system"`
	// Placement of the nodes: "process".
	Placement timeline.Placement `yaml:"placement"`
	// Brokers is the number of nodes that serve clients; their ids are 0 to Brokers-1.
	Brokers int `yaml:"brokers"`
	// Controllers is the number of nodes that only decide about the cluster; their ids begin at
	// FirstController. 0 lets brokers be controllers too.
	Controllers int `yaml:"controllers"`
	// Racks that the brokers are in, by turns; empty for none.
	Racks []string `yaml:"racks"`
	// Timing of the cluster. One node alone does not use it.
	Timing Timing `yaml:"timing"`
	// Flush is when the broker syncs: none, interval or commit (before it acknowledges).
	Flush string `yaml:"flush"`
	// Disk rules of every broker as its --disk takes them; "" is a plain disk, as that of nodes that
	// are controllers only. The broker reads the rules: here they are text.
	Disk string `yaml:"disk"`
	// SegmentSize is the size at which a log begins a new segment; 0 is the node's own default, 1 GiB.
	SegmentSize Size     `yaml:"segment_size"`
	Topics      []Topic  `yaml:"topics"`
	Load        Workload `yaml:"load"`
	// Groups of consumers that work beside the readers.
	Groups   []Group  `yaml:"groups"`
	WarmUp   WarmUp   `yaml:"warm_up"`
	CoolDown Duration `yaml:"cool_down"`
	Floor    Floor    `yaml:"floor"`
	Timeline []Fault  `yaml:"timeline"`
	// Guards limit what the timeline may have in force at once.
	Guards Guards `yaml:"guards"`
	// LeaderTour makes each replica of each partition its leader in turn before the final scan, and reads what it
	// has: so replicas are compared. It is on where topics are replicated, unless it is written.
	LeaderTour bool `yaml:"leader_tour"`
	// Checks are the rules of verify that judge the run.
	Checks []string `yaml:"checks"`
	// Budgets of availability, judged beside the checks.
	Budgets []Budget `yaml:"budgets"`
	// Expect is set where the scenario exists to catch a planted bug.
	Expect *Expect `yaml:"expect"`
	Limits Limits  `yaml:"limits"`

	source *source
}

// Topic that is created for the run.
type Topic struct {
	Name              string `yaml:"name"`
	Partitions        int    `yaml:"partitions"`
	ReplicationFactor int    `yaml:"replication_factor"`
	// MinISR is how many replicas must be in sync for a write to be acknowledged (min.insync.replicas).
	MinISR int `yaml:"min_isr"`
	// Unclean lets a replica lead that may lack committed records (unclean.leader.election.enable).
	Unclean bool `yaml:"unclean"`
	// CleanupPolicy is delete, compact or "compact,delete" (cleanup.policy); "" is the cluster's default.
	CleanupPolicy string `yaml:"cleanup_policy"`
	// SegmentSize at which its logs begin a new segment (segment.bytes); 0 is the node's.
	SegmentSize Size `yaml:"segment_size"`
	// MinCompactionLag and MaxCompactionLag are how long a record stays in a compacted topic at least, and how
	// long it waits to be compacted at most; DeleteRetention is how long a tombstone stays. 0 is the default.
	MinCompactionLag Duration `yaml:"min_compaction_lag"`
	MaxCompactionLag Duration `yaml:"max_compaction_lag"`
	DeleteRetention  Duration `yaml:"delete_retention"`
}

func (t *Topic) setDefaults() { t.Partitions, t.ReplicationFactor, t.MinISR = 1, 1, 1 }

// FirstController is the id of the first node that is a controller only.
const FirstController = 100

// Timing says how fast a cluster notices that something is missing. The defaults are Kafka's, and
// QuorumTick's is that of the reference broker.
type Timing struct {
	// SessionTimeout is how long a broker may be silent before the controller fences it.
	SessionTimeout Duration `yaml:"session_timeout"`
	// Heartbeat is how often a broker says that it lives.
	Heartbeat Duration `yaml:"heartbeat"`
	// ReplicaLagMax is how long a follower may lag behind before it leaves the ISR.
	ReplicaLagMax Duration `yaml:"replica_lag_max"`
	// QuorumTick is the unit of the controllers' own elections, which take about ten of it.
	QuorumTick Duration `yaml:"quorum_tick"`
}

// Workload is a load of one constant rate, open loop: it goes on whatever the brokers do.
type Workload struct {
	// Rate of all producers together.
	Rate pace.Rate `yaml:"rate"`
	// RecordSize of a record's value.
	RecordSize Size `yaml:"record_size"`
	Producers  int  `yaml:"producers"`
	Readers    int  `yaml:"readers"`
	// Delivery is the level of the producers by one name, in place of acks and idempotent; "" leaves it to those.
	Delivery Delivery `yaml:"delivery"`
	// Transactions of producers whose delivery is transactional.
	Transactions Transactions `yaml:"transactions"`
	// Isolation of the readers: read_committed where anybody writes in transactions, unless it is written.
	Isolation string `yaml:"isolation"`
	// Keys is how many keys records have, drawn by KeyDistribution, uniform or zipf; records of a key go to the
	// partition that Kafka's default partitioner gives it. 0 is records without keys, which go around.
	Keys            int    `yaml:"keys"`
	KeyDistribution string `yaml:"key_distribution"`
	// Acks a producer waits for: all, 1 or 0.
	Acks       Acks `yaml:"acks"`
	Idempotent bool `yaml:"idempotent"`
	// Linger is how long a producer waits for a batch to fill.
	Linger Duration `yaml:"linger"`
	// MaxInFlight produce requests per broker, for producers that are not idempotent; 0 is 1. An
	// idempotent client decides itself (5, what a broker remembers per producer and partition).
	MaxInFlight int `yaml:"max_in_flight"`
	// BatchSize is the most bytes of one batch.
	BatchSize Size `yaml:"batch_size"`
	// DeliveryTimeout is how long a producer tries to deliver a record before it gives up; 0 is for ever.
	DeliveryTimeout Duration `yaml:"delivery_timeout"`
	// MetadataMinAge is the shortest time between two questions of a client for who leads what, and
	// RetryBackoff how long it waits before it tries again: both are part of every outage it sees.
	MetadataMinAge Duration `yaml:"metadata_min_age"`
	RetryBackoff   Duration `yaml:"retry_backoff"`
	// RequestTimeout is how long a client waits for the answer to a request before it tries elsewhere; 0 is
	// franz-go's own, 10 s.
	RequestTimeout Duration `yaml:"request_timeout"`
}

// WarmUp ends when the load has held its floor without a break.
type WarmUp struct {
	// Hold is how long the floor must hold.
	Hold Duration `yaml:"hold"`
	// Within is how long that may take; then the run is inconclusive.
	Within Duration `yaml:"within"`
}

// Floor of traffic: below it a run shows nothing and is inconclusive.
type Floor struct {
	// Rate is the part of the load's rate that must be acknowledged, above 0 and at most 1, for the
	// load to count as held.
	Rate float64 `yaml:"rate"`
	// Acked and Read are how many records must have been acknowledged, and read by the readers
	// together, in the whole run; 0 leaves them to the plan.
	Acked int64 `yaml:"acked"`
	Read  int64 `yaml:"read"`
}

// Expect is what a run with a planted bug must end with.
type Expect struct {
	// Bug as the broker's --bug takes it.
	Bug string `yaml:"bug"`
	// Rule that must fail, and Class of the anomaly that it must find.
	Rule  string `yaml:"rule"`
	Class string `yaml:"class"`
	// Also are classes that the same bug may show as its consequences; any other class is a wrong
	// accusation.
	Also []string `yaml:"also"`
}

// Limits of time.
type Limits struct {
	// Converge is how long a node may take to serve again, and the cluster to settle.
	Converge Duration `yaml:"converge"`
	// Total is how long the whole run may take.
	Total Duration `yaml:"total"`
}

// setDefaults fills in what a scenario need not say.
func (s *Spec) setDefaults() {
	*s = Spec{
		System:    SystemReference,
		Placement: timeline.Process,
		Brokers:   1,
		Timing: Timing{
			SessionTimeout: Duration(9 * second), Heartbeat: Duration(2 * second),
			ReplicaLagMax: Duration(30 * second), QuorumTick: Duration(100 * millisecond),
		},
		Flush: "commit",
		Load: Workload{
			RecordSize:      256,
			Producers:       1,
			Readers:         1,
			Acks:            AcksAll,
			Idempotent:      true,
			Linger:          Duration(2 * millisecond),
			BatchSize:       1 << 20,
			DeliveryTimeout: Duration(30 * second),
			MetadataMinAge:  Duration(100 * millisecond),
			RetryBackoff:    Duration(50 * millisecond),
		},
		WarmUp:   WarmUp{Hold: Duration(second), Within: Duration(20 * second)},
		CoolDown: Duration(second),
		Floor:    Floor{Rate: 0.5},
		Checks:   Rules(),
		Limits:   Limits{Converge: Duration(20 * second), Total: Duration(60 * second)},
	}
}
