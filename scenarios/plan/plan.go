package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify/history"
)

// Schema of plan.json.
const Schema = "logproof.plan/v1"

// Plan is everything a run needs to know. Durations, rates and sizes are text in JSON.
type Plan struct {
	Schema      string `json:"schema"`
	Scenario    string `json:"scenario"`
	Description string `json:"description"`
	// Seed of everything that is drawn during the run.
	Seed      int64              `json:"seed"`
	System    string             `json:"system"`
	Placement timeline.Placement `json:"placement"`
	// Nodes are ascending by their ids.
	Nodes  []Node  `json:"nodes"`
	Timing Timing  `json:"timing"`
	Topics []Topic `json:"topics"`
	Load   Load    `json:"load"`
	// Groups of consumers, whose members are clients of the load too.
	Groups []Group `json:"groups,omitempty"`
	// Phases of the load, in order.
	Phases   []Phase           `json:"phases"`
	Timeline timeline.Timeline `json:"timeline"`
	// Guards limit what of the timeline may be in force at once.
	Guards timeline.Guards `json:"guards,omitzero"`
	// LeaderTour makes each replica lead in turn before the final scan.
	LeaderTour bool `json:"leader_tour,omitempty"`
	// Checks are the rules of verify that judge the run.
	Checks []string `json:"checks"`
	// Budgets of availability, each judged by itself.
	Budgets []Budget `json:"budgets,omitempty"`
	Floor   Floor    `json:"floor"`
	Limits  Limits   `json:"limits"`
	// Expect is set where the scenario exists to catch a planted bug: what the run must end with if
	// that bug is among those of its nodes.
	Expect *Expect `json:"expect,omitempty"`
}

// Node of the cluster and how it is started.
type Node struct {
	ID int32 `json:"id"`
	// Roles are Broker, Controller or both, in this order.
	Roles []Role `json:"roles"`
	// Rack that a broker is in; "" is none.
	Rack  string `json:"rack"`
	Flush string `json:"flush"`
	// Disk rules of the broker's --disk; "" is a plain disk.
	Disk string `json:"disk"`
	// SegmentSize of logs; 0 is the broker's default.
	SegmentSize spec.Size `json:"segment_size,omitzero"`
	// Bugs to plant, sorted; empty is the broker as it is.
	Bugs []string `json:"bugs"`
}

// Role of a node in its cluster, as the broker's --roles takes it.
type Role string

const (
	// Broker serves clients and holds replicas.
	Broker Role = "broker"
	// Controller votes in the metadata quorum; one of them decides about the cluster.
	Controller Role = "controller"
)

// Is reports whether the node has a role.
func (n Node) Is(r Role) bool { return slices.Contains(n.Roles, r) }

// Timing of the cluster; one node alone does not use it.
type Timing struct {
	SessionTimeout spec.Duration `json:"session_timeout"`
	Heartbeat      spec.Duration `json:"heartbeat"`
	ReplicaLagMax  spec.Duration `json:"replica_lag_max"`
	QuorumTick     spec.Duration `json:"quorum_tick"`
}

// Topic that is created for the run.
type Topic struct {
	Name              string `json:"name"`
	Partitions        int32  `json:"partitions"`
	ReplicationFactor int16  `json:"replication_factor"`
	// MinISR is how many replicas must be in sync for a write to be acknowledged.
	MinISR int16 `json:"min_isr"`
	// Unclean lets a replica lead that may lack committed records.
	Unclean bool `json:"unclean"`
	// CleanupPolicy is delete, compact or "compact,delete"; "" is the cluster's default, as are zeros below.
	CleanupPolicy    string        `json:"cleanup_policy,omitempty"`
	SegmentSize      spec.Size     `json:"segment_size,omitzero"`
	MinCompactionLag spec.Duration `json:"min_compaction_lag,omitzero"`
	MaxCompactionLag spec.Duration `json:"max_compaction_lag,omitzero"`
	DeleteRetention  spec.Duration `json:"delete_retention,omitzero"`
}

// Load is who produces and reads, and how; the rate is that of each Phase.
type Load struct {
	RecordSize spec.Size `json:"record_size"`
	Producers  int       `json:"producers"`
	Readers    int       `json:"readers"`
	// Delivery is the level by its name, "" where the scenario says acks and idempotent.
	Delivery spec.Delivery `json:"delivery,omitempty"`
	// Transactions of producers whose delivery is transactional; nil else.
	Transactions *Transactions `json:"transactions,omitempty"`
	// Isolation of the readers; "" is read_uncommitted.
	Isolation string `json:"isolation,omitempty"`
	// Keys of records and how they are drawn; 0 is none.
	Keys            int    `json:"keys,omitempty"`
	KeyDistribution string `json:"key_distribution,omitempty"`
	// Acks is all, 1 or 0.
	Acks       spec.Acks     `json:"acks"`
	Idempotent bool          `json:"idempotent"`
	Linger     spec.Duration `json:"linger"`
	// MaxInFlight produce requests per broker; 0 leaves it to the client.
	MaxInFlight int       `json:"max_in_flight"`
	BatchSize   spec.Size `json:"batch_size"`
	// DeliveryTimeout of a record; 0 is for ever.
	DeliveryTimeout spec.Duration `json:"delivery_timeout"`
	// MetadataMinAge and RetryBackoff of every client.
	MetadataMinAge spec.Duration `json:"metadata_min_age"`
	RetryBackoff   spec.Duration `json:"retry_backoff"`
	// RequestTimeout of every client; 0 is the client's own.
	RequestTimeout spec.Duration `json:"request_timeout,omitzero"`
}

// Transactions of producers.
type Transactions struct {
	// Size in records, AbortRate the part that is meant to be aborted, Timeout that of the coordinator.
	Size      int           `json:"size"`
	AbortRate float64       `json:"abort_rate"`
	Timeout   spec.Duration `json:"timeout"`
}

// Transactional reports whether anybody writes in transactions.
func (p Plan) Transactional() bool {
	return p.Load.Transactions != nil || slices.ContainsFunc(p.Groups, Group.Transforms)
}

// Names of phases.
const (
	// WarmUp ends when the load has held its floor.
	WarmUp = "warm-up"
	// Faults is the time of the timeline; it is missing where there are none.
	Faults = "faults"
	// CoolDown is the load after the last heal was proved.
	CoolDown = "cool-down"
)

// Phase of the load.
type Phase struct {
	Name string `json:"name"`
	// Rate of all producers together.
	Rate pace.Rate `json:"rate"`
	// Hold is the least time of the phase: what its gates ask for.
	Hold spec.Duration `json:"hold"`
	// Within is how long the phase may take to reach its end; 0 is bounded by the limits only.
	Within spec.Duration `json:"within,omitempty"`
}

// Floor of traffic in absolute numbers; below it the run is inconclusive.
type Floor struct {
	// PerSecond is the records that must be acknowledged each second for the load to count as held.
	PerSecond int64 `json:"per_second"`
	// Acked and Read are the records that must have been acknowledged, and read by all live readers
	// together, in the whole run.
	Acked int64 `json:"acked"`
	Read  int64 `json:"read"`
}

// Limits of time.
type Limits struct {
	// Converge is how long a node may take to serve again, and the cluster to settle.
	Converge spec.Duration `json:"converge"`
	// Total is how long the whole run may take.
	Total spec.Duration `json:"total"`
}

// Expect is what a run with a planted bug must end with.
type Expect struct {
	Bug   string `json:"bug"`
	Rule  string `json:"rule"`
	Class string `json:"class"`
	// Also are classes that may show as consequences.
	Also []string `json:"also,omitempty"`
}

// Phase finds a phase by its name.
func (p Plan) Phase(name string) (Phase, bool) {
	for _, phase := range p.Phases {
		if phase.Name == name {
			return phase, true
		}
	}
	return Phase{}, false
}

// IDs lists the nodes that have a role, ascending.
func (p Plan) IDs(r Role) []int32 {
	var ids []int32
	for _, n := range p.Nodes {
		if n.Is(r) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// Rate of the load: it is the same in every phase.
func (p Plan) Rate() pace.Rate {
	if len(p.Phases) == 0 {
		return pace.Rate{}
	}
	return p.Phases[0].Rate
}

// Duration is the least time that the phases take together.
func (p Plan) Duration() time.Duration {
	var sum time.Duration
	for _, phase := range p.Phases {
		sum += time.Duration(phase.Hold)
	}
	return sum
}

// Partitions lists every partition of every topic, in the order of the plan.
func (p Plan) Partitions() []history.Partition {
	var all []history.Partition
	for _, t := range p.Topics {
		for i := range t.Partitions {
			all = append(all, history.Partition{Topic: t.Name, Index: i})
		}
	}
	return all
}

// JSON is the content of plan.json: indented, with a newline at its end, the same bytes for the same
// plan.
func (p Plan) JSON() ([]byte, error) { return encode("plan", p.Scenario, p) }

// ScheduleSchema of schedule.json.
const ScheduleSchema = "logproof.schedule/v1"

// Schedule is the content of schedule.json: the faults and their guards as the scenario and the seed make
// them, before anything is started. Placement and cluster do not stand in it: the same seed gives the same
// bytes on every placement.
func (p Plan) Schedule() ([]byte, error) {
	return encode("schedule", p.Scenario, struct {
		Schema   string            `json:"schema"`
		Scenario string            `json:"scenario"`
		Seed     int64             `json:"seed"`
		Guards   timeline.Guards   `json:"guards"`
		Faults   timeline.Timeline `json:"faults"`
	}{ScheduleSchema, p.Scenario, p.Seed, p.Guards, p.Timeline})
}

// encode writes indented JSON with a newline at its end.
func encode(what, scenario string, v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the %s of %s: %w", what, scenario, err)
	}
	return out.Bytes(), nil
}

// Parse reads what JSON wrote. A key that it does not know, or another schema, is an error: the run
// was made by another version.
func Parse(data []byte) (Plan, error) {
	var p Plan
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Plan{}, fmt.Errorf("read the plan: %w: it is damaged or no plan.json", err)
	}
	if head.Schema != Schema {
		return Plan{}, fmt.Errorf("read the plan: its schema is %q, this program knows %q: use the version that made the run", head.Schema, Schema)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("read the plan: %w", err)
	}
	return p, nil
}
