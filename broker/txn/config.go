package txn

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Config of the transactions of a broker; zero values are Apache Kafka's defaults.
type Config struct {
	// MaxTimeout bounds the timeout that a producer may ask for (transaction.max.timeout.ms).
	MaxTimeout time.Duration
	// Expiration is how long a transactional id is kept that nobody uses (transactional.id.expiration.ms).
	Expiration time.Duration
	// WriteTimeout is how long a write may take before who waits for it is told to ask again.
	WriteTimeout time.Duration
	// BackOff comes before a marker that a leader did not take is sent again.
	BackOff time.Duration
	// Wall is what the clock on the wall shows at a time of a step, for what is stamped with it.
	Wall func(time.Time) time.Time
	Bugs Bugs
}

// Bugs are the planted ones of this machine.
type Bugs struct {
	// Amnesia does not log that a transaction is open, nor what it touches, until it ends.
	Amnesia bool
	// DelayedEnd takes the end of an older epoch for that of the open transaction.
	DelayedEnd bool
	// NoFence lets a producer that begins have the epoch of the one before.
	NoFence bool
	// MarkerLost leaves the last partition of a transaction without its marker.
	MarkerLost bool
}

// Defaults of Config; those that Apache Kafka has are its own.
const (
	DefaultMaxTimeout   = 15 * time.Minute
	DefaultExpiration   = 7 * 24 * time.Hour
	DefaultWriteTimeout = 5 * time.Second
	DefaultBackOff      = 50 * time.Millisecond
)

func (c Config) complete() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.MaxTimeout, DefaultMaxTimeout}, {&c.Expiration, DefaultExpiration},
		{&c.WriteTimeout, DefaultWriteTimeout}, {&c.BackOff, DefaultBackOff},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Wall == nil {
		c.Wall = func(t time.Time) time.Time { return t }
	}
	return c
}

// Answer takes the response to one request. It is called once, in the call that brought the request or later.
type Answer func(kmsg.Response)

// Outcome takes what became of a request: nil, or Kafka's error. It is called once.
type Outcome func(*kerr.Error)
