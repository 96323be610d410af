package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Config of the groups of a broker; complete fills in Apache Kafka's defaults, but where 0 means none.
type Config struct {
	// InitialDelay is how long an empty group waits for more members once the first has joined, and again as long as more
	// come, up to the rebalance timeout (group.initial.rebalance.delay.ms). 0 is not to wait.
	InitialDelay time.Duration
	// MinSession and MaxSession bound the session timeout that a member may ask for (group.min.session.timeout.ms,
	// group.max.session.timeout.ms).
	MinSession, MaxSession time.Duration
	// MaxSize bounds the members of a group (group.max.size).
	MaxSize int
	// MaxMetadata bounds the text that goes with an offset, in bytes (offset.metadata.max.bytes).
	MaxMetadata int
	// Retention is how long offsets are kept that nobody uses (offsets.retention.minutes).
	Retention time.Duration
	// CommitTimeout is how long a write may take before who waits for it is told to ask again
	// (offsets.commit.timeout.ms).
	CommitTimeout time.Duration
	// Wall is what the clock on the wall shows at a time of a step, for what is stamped with it.
	Wall func(time.Time) time.Time
	// NewID makes an id that no member ever had, anywhere; it begins with prefix.
	NewID func(prefix string) string
	Bugs  Bugs
}

// Bugs are the planted ones of this machine.
type Bugs struct {
	// TwoOwners ends a rebalance as soon as one member has joined. The others stay members, and get their share once they
	// hear of it: until then they go on reading what has been given to others.
	TwoOwners bool
	// EOSZombie takes offsets in a transaction from whoever brings them, of whatever generation (no KIP-447).
	EOSZombie bool
	// UnstableOffsets tells offsets that are pending as if they were committed.
	UnstableOffsets bool
	// OffsetsOutsideTransaction lets offsets of a transaction count at once, whatever becomes of it.
	OffsetsOutsideTransaction bool
	// ZombieCommit takes offset commits of whatever member and generation.
	ZombieCommit bool
	// OffsetsReset does not load offsets.
	OffsetsReset bool
}

// Defaults of Config, which are Apache Kafka's. Its initial delay is 3 s.
const (
	DefaultInitialDelay  = 3 * time.Second
	DefaultMinSession    = 6 * time.Second
	DefaultMaxSession    = 30 * time.Minute
	DefaultMaxMetadata   = 4096
	DefaultRetention     = 7 * 24 * time.Hour
	DefaultCommitTimeout = 5 * time.Second
)

// newcomerWait is how long a member that has never synced is kept while it waits for a rebalance to end: its
// connection may be gone, and nobody would hear of that (KIP-394).
const newcomerWait = 5 * time.Minute

func (c Config) complete() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.MinSession, DefaultMinSession}, {&c.MaxSession, DefaultMaxSession},
		{&c.Retention, DefaultRetention}, {&c.CommitTimeout, DefaultCommitTimeout},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.MaxSize == 0 {
		c.MaxSize = 1<<31 - 1
	}
	if c.MaxMetadata == 0 {
		c.MaxMetadata = DefaultMaxMetadata
	}
	if c.Wall == nil {
		c.Wall = func(t time.Time) time.Time { return t }
	}
	return c
}

// Client is who asks.
type Client struct {
	// ID is what the client calls itself; Host is where it connects from, as Apache Kafka writes it: "/127.0.0.1".
	ID, Host string
}

// Answer takes the response to one request. It is called once, in the call that brought the request or later.
type Answer func(kmsg.Response)
