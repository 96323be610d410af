package client

import (
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// Options of every client of a run. Zeros are defaults.
type Options struct {
	// MetadataMinAge is the shortest time between two metadata requests; default 100 ms. franz-go's
	// own default of 5 s would add up to 5 s to every change of a leader.
	MetadataMinAge time.Duration
	// RetryBackoff is the wait before each retry and reconnection; default 50 ms, without growth:
	// what is measured is the cluster's recovery and not the patience of the client.
	RetryBackoff time.Duration
	// DialTimeout of one connection attempt; default 2 s.
	DialTimeout time.Duration
	// RequestTimeout is how long a connection may take to answer, beyond what the request itself
	// allows; default 10 s, at least 100 ms.
	RequestTimeout time.Duration
	// Dial opens connections; nil is a plain TCP dialer.
	Dial DialFunc
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// withDefaults replaces zeros.
func (o Options) withDefaults() Options {
	o.MetadataMinAge = orDefault(o.MetadataMinAge, 100*time.Millisecond)
	o.RetryBackoff = orDefault(o.RetryBackoff, 50*time.Millisecond)
	o.DialTimeout = orDefault(o.DialTimeout, 2*time.Second)
	o.RequestTimeout = orDefault(o.RequestTimeout, 10*time.Second)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: o.DialTimeout}).DialContext
	}
	return o
}

// String is the line that a run prints about its clients, defaults filled in.
func (o Options) String() string {
	o = o.withDefaults()
	return fmt.Sprintf("metadata min age %v, retry backoff %v, dial timeout %v, request timeout %v",
		o.MetadataMinAge, o.RetryBackoff, o.DialTimeout, o.RequestTimeout)
}

// minRequestTimeout is the shortest time that the client accepts for any request.
const minRequestTimeout = 100 * time.Millisecond

// Validate lists everything that is wrong, or returns nil.
func (o Options) Validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"metadata min age", o.MetadataMinAge, 0}, {"retry backoff", o.RetryBackoff, 0},
		{"dial timeout", o.DialTimeout, 0}, {"request timeout", o.RequestTimeout, minRequestTimeout},
	} {
		if d.value < 0 || d.value > 0 && d.value < d.least {
			errs = append(errs, fmt.Errorf("%s is %v: it must be at least %v, or 0 for the default", d.name, d.value, d.least))
		}
	}
	return errors.Join(errs...)
}

// Shared is what all clients of a run have in common.
type Shared struct {
	// Run is in every payload: it tells the records of this run from those of all others.
	Run uint64
	// Brokers to ask first, as host:port.
	Brokers  []string
	Options  Options
	Tap      *Tap
	Recorder Recorder
}

// Validate lists everything that is wrong, or returns nil.
func (s Shared) Validate() error {
	var errs []error
	if len(s.Brokers) == 0 {
		errs = append(errs, errors.New("no broker addresses: give at least one host:port"))
	}
	if s.Recorder == nil || s.Tap == nil {
		errs = append(errs, errors.New("no recorder or no tap: what clients do would leave no history"))
	}
	return errors.Join(append(errs, s.Options.Validate())...)
}

// client opens a franz-go client that stands for the given process; it does not connect yet.
func (s Shared) client(process *Process, more ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(s.options(process, more)...)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot configure the client: %w", process.name, err)
	}
	return client, nil
}

// session is client for one that consumes and produces in transactions.
func (s Shared) session(process *Process, more ...kgo.Opt) (*kgo.GroupTransactSession, error) {
	session, err := kgo.NewGroupTransactSession(s.options(process, more)...)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot configure the client: %w", process.name, err)
	}
	return session, nil
}

// options of a client that stands for the given process.
func (s Shared) options(process *Process, more []kgo.Opt) []kgo.Opt {
	o := s.Options.withDefaults()
	return append([]kgo.Opt{
		kgo.SeedBrokers(s.Brokers...),
		kgo.ClientID(process.name),
		kgo.Dialer(process.Dial(o.Dial)),
		kgo.MetadataMinAge(o.MetadataMinAge),
		kgo.MetadataMaxAge(max(10*time.Second, o.MetadataMinAge)),
		kgo.RetryBackoffFn(func(int) time.Duration { return o.RetryBackoff }),
		// The time limit of requests decides (RetryTimeout, 30 s), not a count that a short backoff eats up.
		kgo.RequestRetries(math.MaxInt32),
		kgo.RequestTimeoutOverhead(o.RequestTimeout),
		// A killed broker looks like an early EOF, which franz-go else takes for a wrong configuration.
		kgo.AlwaysRetryEOF(),
		kgo.DisableClientMetrics(),
	}, more...)
}

// Acks is the acknowledgement that a producer waits for; its numbers are those of the protocol.
type Acks int16

const (
	// AcksAll waits for every in-sync replica.
	AcksAll Acks = -1
	// AcksNone does not wait; nothing is ever known about the records.
	AcksNone Acks = 0
	// AcksLeader waits for the leader alone.
	AcksLeader Acks = 1
)

// ParseAcks reads "all", "-1", "1" or "0", Kafka's spellings.
func ParseAcks(text string) (Acks, error) {
	switch text {
	case "all", "-1":
		return AcksAll, nil
	case "1":
		return AcksLeader, nil
	case "0":
		return AcksNone, nil
	}
	return AcksNone, fmt.Errorf("acks %q: known are all, 1 and 0", text)
}

// String is the form that ParseAcks reads.
func (a Acks) String() string {
	if a == AcksAll {
		return "all"
	}
	return fmt.Sprint(int16(a))
}

// ProducerSpec configures producers. Start from DefaultProducerSpec: the zero value is acks=0.
type ProducerSpec struct {
	Acks Acks
	// Idempotent producers number their batches so that brokers drop retries that are duplicates
	// (KIP-98); it needs acks=all.
	Idempotent bool
	// Linger is how long a batch waits for more records; 0 sends at once.
	Linger time.Duration
	// BatchMaxBytes bounds one batch of one partition.
	BatchMaxBytes int32
	// MaxInFlight bounds the unanswered Produce requests per broker. Above 1 without idempotence a
	// retry can reorder records. An idempotent client decides itself (5): then it must be 0.
	MaxInFlight int
	// DeliveryTimeout fails a record that was not acknowledged in time; 0 waits for ever. An
	// idempotent client keeps waiting for a record whose request is on the wire.
	DeliveryTimeout time.Duration
	// RequestTimeout is how long a broker may take to acknowledge; 0 is the default of 10 s.
	RequestTimeout time.Duration
	// Keys of the records.
	Keys KeySpec
	// Transactions of a Transactor, which must be idempotent; nil for producers that write outside of any.
	Transactions *TransactionSpec
}

// DefaultProducerSpec is acks=all, idempotent, 5 ms linger, 1 MB batches, no delivery timeout.
func DefaultProducerSpec() ProducerSpec {
	return ProducerSpec{Acks: AcksAll, Idempotent: true, Linger: 5 * time.Millisecond, BatchMaxBytes: 1_000_012}
}

// batchOverhead is what a batch of one record adds to the record's value: its header and the lengths
// and deltas of the record, generously.
const batchOverhead = batchHeader + 64

// Validate lists everything that is wrong for records of the given size, or returns nil.
func (s ProducerSpec) Validate(recordSize int) error {
	var errs []error
	wrong := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if err := payload.CheckSize(recordSize); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, s.Keys.Validate())
	if s.Keys.Count > 0 {
		wrong(recordSize < payload.MinSize+payload.KeySize, "record size %d: records with keys need at least %d bytes", recordSize, payload.MinSize+payload.KeySize)
	}
	if s.Transactions != nil {
		errs = append(errs, s.Transactions.Validate())
		wrong(!s.Idempotent, "producers of transactions are idempotent")
	}
	wrong(s.Acks < AcksAll || s.Acks > AcksLeader, "acks %d: known are all (-1), 1 and 0", s.Acks)
	wrong(s.Idempotent && s.Acks != AcksAll, "idempotent producers need acks=all, not %v", s.Acks)
	wrong(s.Idempotent && s.MaxInFlight != 0, "max in flight is %d: an idempotent client decides it itself, leave it 0", s.MaxInFlight)
	wrong(s.MaxInFlight < 0, "max in flight is %d: it must not be negative", s.MaxInFlight)
	wrong(s.Linger < 0, "linger is %v: it must not be negative", s.Linger)
	wrong(s.DeliveryTimeout < 0, "delivery timeout is %v: it must not be negative", s.DeliveryTimeout)
	wrong(s.DeliveryTimeout > 0 && s.DeliveryTimeout < time.Second, "delivery timeout is %v: the client takes 1s or more, or 0 for none", s.DeliveryTimeout)
	wrong(s.RequestTimeout < 0 || s.RequestTimeout > 0 && s.RequestTimeout < minRequestTimeout,
		"request timeout is %v: it must be at least %v, or 0 for the default", s.RequestTimeout, minRequestTimeout)
	wrong(int64(s.BatchMaxBytes) < int64(recordSize)+batchOverhead, "batch max bytes is %d: a record of %d bytes needs at least %d",
		s.BatchMaxBytes, recordSize, recordSize+batchOverhead)
	return errors.Join(errs...)
}

// String is the line that a run prints about its producers.
func (s ProducerSpec) String() string {
	inFlight := fmt.Sprint(max(1, s.MaxInFlight))
	if s.Idempotent {
		inFlight = "up to 5"
	}
	text := fmt.Sprintf("acks %v, idempotent %v, linger %v, batch max bytes %d, %s requests in flight, delivery timeout %v, request timeout %v",
		s.Acks, s.Idempotent, s.Linger, s.BatchMaxBytes, inFlight, s.DeliveryTimeout, orDefault(s.RequestTimeout, 10*time.Second))
	if s.Keys.Count > 0 {
		text += fmt.Sprintf(", %d keys", s.Keys.Count)
	}
	if s.Transactions != nil {
		text += ", " + s.Transactions.String()
	}
	return text
}

// options of a producer that never holds more than maxRecords.
func (s ProducerSpec) options(maxRecords int) []kgo.Opt {
	acks := map[Acks]kgo.Acks{AcksAll: kgo.AllISRAcks(), AcksLeader: kgo.LeaderAck(), AcksNone: kgo.NoAck()}[s.Acks]
	opts := []kgo.Opt{
		kgo.RequiredAcks(acks),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(s.Linger),
		kgo.ProducerBatchMaxBytes(s.BatchMaxBytes),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProduceRequestTimeout(orDefault(s.RequestTimeout, 10*time.Second)),
		kgo.RecordDeliveryTimeout(s.DeliveryTimeout),
		// A broker that restarts may not know its topics yet: that must not fail records.
		kgo.UnknownTopicRetries(-1),
		// Twice, because the client counts a record until after its promise returned.
		kgo.MaxBufferedRecords(2*maxRecords + 1),
	}
	if !s.Idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(max(1, s.MaxInFlight)))
	}
	return opts
}

// ReaderSpec configures readers. Zeros are defaults.
type ReaderSpec struct {
	// MaxWait is how long a broker may hold a fetch that finds nothing; default 500 ms.
	MaxWait time.Duration
	// MaxBytes bounds one fetch response, PartitionMaxBytes its part of one partition; defaults
	// 16 MiB and 1 MiB.
	MaxBytes, PartitionMaxBytes int32
	// MaxPollRecords bounds one poll, which is one operation; default 10000.
	MaxPollRecords int
	// Isolation of the reader: the zero value reads uncommitted.
	Isolation history.Isolation
	// AsksForAll is a planted bug: a reader that says it reads committed asks for all records.
	AsksForAll bool
}

func (s ReaderSpec) withDefaults() ReaderSpec {
	s.MaxWait = orDefault(s.MaxWait, 500*time.Millisecond)
	if s.MaxBytes == 0 {
		s.MaxBytes = 16 << 20
	}
	if s.PartitionMaxBytes == 0 {
		s.PartitionMaxBytes = 1 << 20
	}
	if s.MaxPollRecords == 0 {
		s.MaxPollRecords = 10_000
	}
	return s
}

// Validate lists everything that is wrong, or returns nil.
func (s ReaderSpec) Validate() error {
	var errs []error
	if s.MaxWait < 0 || s.MaxWait > 0 && s.MaxWait < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("reader max wait is %v: it must be 10ms or more, or 0 for the default", s.MaxWait))
	}
	if s.MaxBytes < 0 || s.PartitionMaxBytes < 0 || s.MaxPollRecords < 0 {
		errs = append(errs, fmt.Errorf("reader limits %d bytes, %d bytes a partition, %d records: none may be negative", s.MaxBytes, s.PartitionMaxBytes, s.MaxPollRecords))
	}
	return errors.Join(errs...)
}

// String is the line that a run prints about its readers.
func (s ReaderSpec) String() string {
	s = s.withDefaults()
	text := fmt.Sprintf("fetch max wait %v, max bytes %d, %d a partition, polls of at most %d records", s.MaxWait, s.MaxBytes, s.PartitionMaxBytes, s.MaxPollRecords)
	if s.Isolation == history.ReadCommitted {
		text += ", read_committed"
	}
	return text
}

// options of fetching that readers and members have in common.
func (s ReaderSpec) options() []kgo.Opt {
	opts := []kgo.Opt{
		// Every answer then names every partition it was asked for: one that is not named would say that
		// nothing has changed, but not since when (KIP-227).
		kgo.DisableFetchSessions(),
		kgo.FetchMaxWait(s.MaxWait), kgo.FetchMaxBytes(s.MaxBytes), kgo.FetchMaxPartitionBytes(s.PartitionMaxBytes),
	}
	if s.Isolation == history.ReadCommitted && !s.AsksForAll {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	return opts
}

// Target is a partition and the place of its topic in the run's list, which payloads carry.
type Target struct {
	Partition history.Partition
	Topic     uint16
}
