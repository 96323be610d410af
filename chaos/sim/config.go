package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/bug"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// Recorder takes the history; history.Recorder is one. Operations come in order of Return.
type Recorder interface {
	Operation(history.Operation)
	Attempt(history.Attempt)
}

// Config of one simulation. The zero value of each field but Seed means its default or "drawn from
// the seed".
type Config struct {
	// Seed of everything that is drawn.
	Seed int64
	// Duration of the load, and of the faults, in simulated time; 60 s if 0.
	Duration time.Duration
	// Settle is how long everything may take to come to its end once all faults are healed; 30 s if 0.
	Settle time.Duration
	// Timeline is executed, one fault after the other, in place of the swarm of faults that the seed
	// draws; nil for the swarm.
	Timeline timeline.Timeline
	// Guards limit what of it may be in force at once.
	Guards timeline.Guards
	// Floor is how many records must be acknowledged in a second for the load to count as held; half of what
	// is offered if 0.
	Floor int64
	// Groups says whether the load has consumer groups too.
	Groups GroupChoice
	// Transactions says whether the load has transactions too.
	Transactions TransactionChoice
	// Walk is a small story of transactions with one end in it; nil for none.
	Walk *Walk
	// Plot is one of Plots, which then takes the place of the swarm; "" for the swarm.
	Plot string
	// Bugs planted in every node.
	Bugs bug.Set
	// Load that is offered and Cluster that it is offered to; zero values draw one.
	Load    Load
	Cluster Cluster
	// Timing of the cluster; the zero value draws it.
	Timing Timing
	// Retune changes min.insync.replicas of the topic again and again.
	Retune bool
	// Purge deletes records of a topic beside the one that is judged, again and again, and has nodes look at retention.
	Purge bool
	// Compact writes a compacted topic beside the one that is judged, and has nodes compact it.
	Compact bool
	// Story is told of one record and one crash as they happen; nil for nobody. It changes nothing.
	Story func(Line)
	// Events is told of everything that nodes say of themselves and of every fault; nil for nobody. It
	// changes nothing.
	Events func(Line)
	// Noted is given every event that a node emits, as it would write it to its events.jsonl; nil for
	// nobody. It changes nothing.
	Noted func(at time.Duration, node int32, e nodeevent.Event)
}

// compacting is every how manieth seed of a campaign has a compactor.
const compacting = 8

// Campaign is what a campaign simulates with a seed: what the seed draws, and in some of the seeds a compacted topic
// beside it.
func Campaign(seed int64) Config {
	return Config{Seed: seed, Compact: seed%compacting == compacting-2}
}

// Load is what clients do. All producers write to all partitions in turn.
type Load struct {
	Partitions, Producers, Readers int
	// Rate of each producer.
	Rate pace.Rate
	// RecordSize in bytes, at least payload.MinSize.
	RecordSize int
	// Linger is how long a producer collects records for a batch.
	Linger time.Duration
	// BatchRecords is how many records of a batch there are at most; 40 if 0.
	BatchRecords int
	// SegmentBytes of the logs; 0 lets the seed draw a few KiB. Where a batch fills a segment, nodes would look for
	// damage longer than a fault is given to be proved.
	SegmentBytes int64
}

// Timing says how fast the nodes notice that something is missing.
type Timing struct{ SessionTimeout, Heartbeat, ReplicaLagMax, QuorumTick time.Duration }

// Topic is the name of the only topic.
const Topic = "orders"

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Duration < 0 || c.Settle < 0 {
		errs = append(errs, fmt.Errorf("duration %v and settle %v must not be negative", c.Duration, c.Settle))
	}
	if least := c.Timeline.Duration(); least > 0 && c.Duration > 0 && least >= c.Duration {
		errs = append(errs, fmt.Errorf("the timeline takes at least %v, the load only %v", least, c.Duration))
	}
	if c.Plot != "" && !slices.Contains(Plots(), c.Plot) {
		errs = append(errs, fmt.Errorf("unknown plot %q: known are %v", c.Plot, Plots()))
	}
	errs = append(errs, c.Cluster.validate())
	if c.Walk != nil {
		errs = append(errs, c.Walk.validate())
	}
	if t := c.Timing; t != (Timing{}) && (t.Heartbeat <= 0 || t.SessionTimeout <= t.Heartbeat || t.ReplicaLagMax <= 0 || t.QuorumTick <= 0) {
		errs = append(errs, fmt.Errorf("timing %+v: every part must be above 0, and a heartbeat shorter than a session", t))
	}
	members := drawTerrain(terrainOf(c.Seed), c).cluster.ids()
	for i, f := range c.Timeline {
		if ofTimeline[f.Kind] == nil {
			errs = append(errs, fmt.Errorf("fault %d: the simulator cannot do %q: it can do %v", i+1, f.Kind, Kinds()))
		}
		sel, err := f.Target.Selector()
		if err == nil && sel.Role == "" {
			_, err = timeline.Resolve(f.Target, members, func(int) int { return 0 })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("fault %d: %w", i+1, err))
		}
	}
	if l := c.Load; l != (Load{}) {
		if l.Partitions < 1 || l.Producers < 1 || l.Readers < 1 || l.Linger < 0 || l.BatchRecords < 0 {
			errs = append(errs, errors.New("a load needs at least one partition, producer and reader, and neither linger nor records of a batch may be negative"))
		}
		errs = append(errs, l.Rate.Validate(), payload.CheckSize(l.RecordSize))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Duration == 0 {
		c.Duration = time.Minute
	}
	line := c.Timeline
	c.Timeline = slices.Clone(line)
	for i, f := range line {
		c.Timeline[i] = f.WithDefaults()
	}
	if c.Settle == 0 {
		c.Settle = 30 * time.Second
	}
	return c
}
