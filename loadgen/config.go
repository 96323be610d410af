package loadgen

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/loadgen/payload"
)

// Topic that a run creates.
type Topic = client.Topic

// Config of one run's load.
type Config struct {
	// Run is in every payload: it tells the records of this run from those of all others.
	Run uint64
	// Seed draws where each producer begins its turns around the partitions.
	Seed int64
	// Brokers to ask first, as host:port.
	Brokers []string
	// Topics that Setup creates; producers go around all their partitions.
	Topics []Topic
	// Producers is the number of logical producers, each with a client of its own.
	Producers int
	// Rate of all producers together.
	Rate pace.Rate
	// RecordSize of every value in bytes, at least payload.MinSize.
	RecordSize int
	Producer   client.ProducerSpec
	// Readers is the number of live readers; each reads all partitions.
	Readers int
	Reader  client.ReaderSpec
	// Groups of consumers; each consumes all partitions.
	Groups []Group
	// Client options of every client.
	Client client.Options
	// Recorder of the run's history; its clock is the clock of everything here.
	Recorder client.Recorder
	// MaxBehind is how late a record may be sent; what would be later is dropped and counted.
	// 0 never drops: the records are sent late, and their latency says so.
	MaxBehind time.Duration
	// MaxInFlightRecords bounds the records, of all producers together, that are sent and not
	// answered; while it is reached the schedule falls behind. 0 is DefaultMaxInFlight.
	MaxInFlightRecords int
}

// ClientNames are the names of a load's clients in the order of their numbers, producers first, members of groups last: their processes
// in the history, and the client ids of their requests. One that was crashed and started again has a dot and
// how often behind its name.
func ClientNames(producers, readers int, groups ...Group) []string {
	var names []string
	for i := range producers {
		names = append(names, fmt.Sprintf("producer-%d", i))
	}
	for i := range readers {
		names = append(names, fmt.Sprintf("reader-%d", i))
	}
	for _, g := range groups {
		for i := range g.Members {
			names = append(names, memberName(g.Name, i))
		}
	}
	return names
}

// DefaultMaxInFlight is enough for 10 s of outage at 10,000 records a second.
const DefaultMaxInFlight = 100_000

// transformer is how members that transform produce: as the producers do, but when there is something.
func (c Config) transformer() client.ProducerSpec {
	spec := c.Producer
	spec.Acks, spec.Idempotent, spec.MaxInFlight, spec.Keys, spec.Transactions = client.AcksAll, true, 0, client.KeySpec{}, nil
	return spec
}

// loaded are the partitions that producers write: not those that members of groups do.
func (c Config) loaded(all []client.Target) (some []client.Target) {
	for _, t := range all {
		if !slices.ContainsFunc(c.Groups, func(g Group) bool { return g.transforms() && g.To == t.Partition.Topic }) {
			some = append(some, t)
		}
	}
	return some
}

// transactional reports whether anybody writes in transactions.
func (c Config) transactional() bool {
	return c.Producer.Transactions != nil || slices.ContainsFunc(c.Groups, Group.transforms)
}

// limits that keep a mistyped number from taking the machine down.
const (
	maxClients    = 1000
	maxPartitions = 100_000
	maxRecordSize = 64 << 20
)

// Validate lists everything that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	wrong := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(c.Brokers) == 0, "no broker addresses: give at least one host:port")
	wrong(c.Recorder == nil, "no recorder: a load without a history cannot be judged")
	wrong(c.Producers < 1 || c.Producers > maxClients, "%d producers: there must be 1 to %d", c.Producers, maxClients)
	wrong(c.Readers < 0 || c.Readers > maxClients, "%d readers: there must be 0 to %d", c.Readers, maxClients)
	wrong(c.RecordSize > maxRecordSize, "record size %d is over the limit of %d bytes", c.RecordSize, maxRecordSize)
	wrong(c.MaxBehind < 0, "max behind is %v: it must not be negative; 0 never drops a record", c.MaxBehind)
	wrong(c.MaxInFlightRecords < 0, "max in flight is %d records: it must not be negative; 0 is %d", c.MaxInFlightRecords, DefaultMaxInFlight)
	wrong(c.MaxInFlightRecords > 0 && c.MaxInFlightRecords < c.Producers, "max in flight is %d records for %d producers: each needs at least one", c.MaxInFlightRecords, c.Producers)
	for i, g := range c.Groups {
		errs = append(errs, g.Validate())
		wrong(g.Members < 1 || g.Members > maxClients, "group %s has %d members: there must be 1 to %d", g.Name, g.Members, maxClients)
		wrong(slices.ContainsFunc(c.Groups[:i], func(o Group) bool { return o.Name == g.Name }), "group %s is there twice", g.Name)
	}
	errs = append(errs, c.validateTransforms()...)
	errs = append(errs, c.validateTopics()...)
	errs = append(errs, c.Rate.Validate(), c.Producer.Validate(c.RecordSize), c.Reader.Validate(), c.Client.Validate())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	return nil
}

// validateTransforms lists what is wrong with what groups consume and write.
func (c Config) validateTransforms() (errs []error) {
	known := func(name string) bool {
		return slices.ContainsFunc(c.Topics, func(t Topic) bool { return t.Name == name })
	}
	for _, g := range c.Groups {
		if g.From != "" && !known(g.From) {
			errs = append(errs, fmt.Errorf("group %s consumes topic %s, which is none of the load's", g.Name, g.From))
		}
		switch {
		case g.transforms() && (g.From == "" || !known(g.To)):
			errs = append(errs, fmt.Errorf("group %s commits in transactions: it needs a topic to consume and another one of the load's to write, not %q and %q", g.Name, g.From, g.To))
		case g.transforms() && slices.ContainsFunc(c.Groups, func(o Group) bool { return o.transforms() && o.From == g.To }):
			errs = append(errs, fmt.Errorf("group %s writes topic %s, of which another one makes its own", g.Name, g.To))
		case g.transforms() && c.RecordSize < payload.MinSize+payload.SourceSize:
			errs = append(errs, fmt.Errorf("record size %d: records that say what they were made from need at least %d bytes", c.RecordSize, payload.MinSize+payload.SourceSize))
		case !g.transforms() && g.To != "":
			errs = append(errs, fmt.Errorf("group %s writes topic %s and does not commit in transactions", g.Name, g.To))
		}
	}
	return errs
}

// validateTopics lists what is wrong with the topics. The rule of names is Kafka's.
func (c Config) validateTopics() (errs []error) {
	if len(c.Topics) == 0 {
		return []error{errors.New("no topics: there is nowhere to send records")}
	}
	if len(c.Topics) > math.MaxUint16 {
		return []error{fmt.Errorf("%d topics: there may be %d", len(c.Topics), math.MaxUint16)}
	}
	seen := make(map[string]bool)
	partitions := int64(0)
	for _, t := range c.Topics {
		if seen[t.Name] {
			errs = append(errs, fmt.Errorf("topic %s is there twice", t.Name))
		}
		seen[t.Name] = true
		if !validTopicName(t.Name) {
			errs = append(errs, fmt.Errorf("topic name %q: it must be 1 to 249 letters, digits, dots, underscores and dashes, and neither . nor .. alone", t.Name))
		}
		if t.Partitions < 1 {
			errs = append(errs, fmt.Errorf("topic %s has %d partitions: it needs at least one", t.Name, t.Partitions))
		}
		if t.ReplicationFactor < 1 && t.ReplicationFactor != -1 {
			errs = append(errs, fmt.Errorf("topic %s has replication factor %d: it must be at least 1, or -1 for the cluster's default", t.Name, t.ReplicationFactor))
		}
		partitions += int64(t.Partitions)
	}
	if partitions > maxPartitions {
		errs = append(errs, fmt.Errorf("%d partitions in all topics: there may be %d", partitions, maxPartitions))
	}
	return errs
}

func validTopicName(name string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	return len(name) >= 1 && len(name) <= 249 && name != "." && name != ".." && strings.Trim(name, letters) == ""
}

// maxInFlight is the share of one producer.
func (c Config) maxInFlight() int {
	total := c.MaxInFlightRecords
	if total == 0 {
		total = DefaultMaxInFlight
	}
	return max(1, total/c.Producers)
}

// String describes the load in lines for people, defaults filled in.
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "load      %v of %d bytes from %d producers, at most %d in flight each\n", c.Rate, c.RecordSize, c.Producers, c.maxInFlight())
	for _, t := range c.Topics {
		fmt.Fprintf(&b, "topic     %s, %d partitions, replication factor %d\n", t.Name, t.Partitions, t.ReplicationFactor)
	}
	fmt.Fprintf(&b, "producers %v\n", c.Producer)
	fmt.Fprintf(&b, "readers   %d, %v\n", c.Readers, c.Reader)
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "group     %s, %d members, %v", g.Name, g.Members, g.GroupSpec)
		if g.transforms() {
			fmt.Fprintf(&b, ", from %s to %s", g.From, g.To)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "clients   %v\n", c.Client)
	return b.String()
}
