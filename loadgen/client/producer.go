package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// ProducerConfig is one logical producer.
type ProducerConfig struct {
	Shared Shared
	// Process is its name in the history, ID its number in payloads.
	Process string
	ID      uint32
	// Targets are the partitions that Send addresses by index.
	Targets []Target
	// RecordSize of every value in bytes, at least payload.MinSize.
	RecordSize int
	// MaxInFlight bounds the records between Send and their promise, at least 1.
	MaxInFlight int
	Spec        ProducerSpec
	// Settled is told of every record once, one at a time; nil tells nobody.
	Settled func(Settlement)
	// TransactionalID of a Transactor, which is told of each transaction by Ended; nil tells nobody.
	TransactionalID string
	Ended           func(Ended)
}

// Settlement is how one record ended: Intended is when the schedule meant it to be sent, Called when
// Send took it, Returned when the client answered.
type Settlement struct {
	Intended, Called, Returned history.Time
	Outcome                    history.Outcome
	// Aborted is set for a record whose transaction was not committed; then the outcome is Fail, as it certainly
	// was not written for anybody who reads committed.
	Aborted bool
}

// Producer sends records to its targets and records what became of them.
type Producer struct {
	cfg    ProducerConfig
	client *kgo.Client
	close  func() // of the client, once
	groups *groups
	router *router
	acks   Acks

	inFlight atomic.Int64
	idle     chan struct{} // has a token when inFlight fell to 0

	mu struct {
		sync.Mutex
		free []*record
	}
}

// lane is what a producer keeps per target.
type lane struct {
	target   Target
	sequence int64 // of the next record; the caller of Send owns it
	written  func() uint64
}

// record is one record on its way; it is used again after its promise.
type record struct {
	kgo.Record
	value    []byte
	key      []byte
	number   uint32 // of the key plus 1, 0 for none
	lane     *lane
	sequence int64
	intended history.Time
	called   history.Time
	// written is the lane's count of attempts before the client was given the record.
	written uint64
	promise func(*kgo.Record, error)
}

// NewProducer checks the configuration and opens the client; it does not connect yet.
func NewProducer(cfg ProducerConfig) (*Producer, error) {
	err := errors.Join(cfg.Shared.Validate(), cfg.Spec.Validate(cfg.RecordSize))
	if cfg.MaxInFlight < 1 {
		err = errors.Join(err, fmt.Errorf("max in flight is %d records: it must be at least 1", cfg.MaxInFlight))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Process, err)
	}
	tapped := cfg.Shared.Tap.Process(cfg.Process)
	client, err := cfg.Shared.client(tapped, cfg.Spec.options(cfg.MaxInFlight)...)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		cfg: cfg, client: client, close: sync.OnceFunc(client.Close), acks: cfg.Spec.Acks, idle: make(chan struct{}, 1),
		groups: &groups{recorder: cfg.Shared.Recorder, process: cfg.Process, producer: cfg.ID, age: groupAge},
	}
	p.router = newRouter(cfg.Targets, func(target Target) func() uint64 { return tapped.Written(target.Partition) }, cfg.Spec.Keys, cfg.ID)
	return p, nil
}

// Send gives the client the next record of the target with the given index. It never waits: it is
// false, and nothing happened, when MaxInFlight records are on their way already. One goroutine at a
// time may call it.
func (p *Producer) Send(target int, intended history.Time) bool {
	if p.inFlight.Load() >= int64(p.cfg.MaxInFlight) {
		return false
	}
	p.inFlight.Add(1)
	r := p.take()
	lane, key := p.router.route(target)
	r.lane, r.sequence, r.intended, r.number = lane, lane.sequence, intended, key
	lane.sequence++
	r.value = payload.Encode(r.value, p.cfg.RecordSize, payload.Header{
		Run: p.cfg.Shared.Run, Producer: p.cfg.ID, Sequence: r.sequence,
		Topic: lane.target.Topic, Partition: lane.target.Partition.Index, Intended: int64(intended), Key: key,
	})
	r.Record = kgo.Record{Topic: lane.target.Partition.Topic, Partition: lane.target.Partition.Index, Value: r.value}
	if key != 0 {
		r.key = KeyBytes(r.key, key-1)
		r.Record.Key = r.key
	}
	r.written = lane.written()
	r.called = p.cfg.Shared.Recorder.Now()
	p.client.TryProduce(context.Background(), &r.Record, r.promise)
	return true
}

// take returns a record that is not in use.
func (p *Producer) take() *record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.mu.free); n > 0 {
		r := p.mu.free[n-1]
		p.mu.free = p.mu.free[:n-1]
		return r
	}
	r := &record{}
	r.promise = func(_ *kgo.Record, err error) { p.settle(r, err) }
	return r
}

// settle is the promise of a record; the client calls it for one record at a time.
func (p *Producer) settle(r *record, err error) {
	outcome, reason := p.outcome(r, err)
	p.groups.add(&promise{
		partition: r.lane.target.Partition, sequence: r.sequence, offset: offsetOf(&r.Record, err), invoke: r.called, outcome: outcome, reason: reason, key: r.number,
	})
	s := Settlement{Intended: r.intended, Called: r.called, Returned: p.cfg.Shared.Recorder.Now(), Outcome: outcome}
	if p.cfg.Settled != nil {
		p.cfg.Settled(s)
	}
	p.mu.Lock()
	p.mu.free = append(p.mu.free, r)
	p.mu.Unlock()
	if p.inFlight.Add(-1) == 0 {
		p.signalIdle()
	}
}

// outcome judges a promise: what the tap did not see leave cannot have happened, and whatever else
// failed may have.
func (p *Producer) outcome(r *record, err error) (history.Outcome, string) {
	switch {
	case err == nil && p.acks == AcksNone:
		return history.Unknown, "acks=0: nobody acknowledged"
	case err == nil:
		return history.OK, ""
	case r.lane.written() == r.written:
		return history.Fail, err.Error()
	default:
		return history.Unknown, err.Error()
	}
}

// offsetOf is the offset that the broker told, or Unset: after DUPLICATE_SEQUENCE_NUMBER, with acks=0
// and for failures the client has none.
func offsetOf(r *kgo.Record, err error) int64 {
	if err != nil || r.Offset < 0 {
		return history.Unset
	}
	return r.Offset
}

// InFlight is the number of records that were sent and not answered.
func (p *Producer) InFlight() int64 { return p.inFlight.Load() }

// Drain waits until every record that was sent is settled and recorded. If ctx ends first it gives
// up: the client is closed, which settles the rest as failed or unknown, and the error says how many.
func (p *Producer) Drain(ctx context.Context) error {
	// Flush ends the linger of what is buffered; the count below says whether all was answered.
	p.client.Flush(ctx)
	err := p.waitIdle(ctx)
	if err != nil {
		err = fmt.Errorf("%s: %d records were not answered (%w): they are settled as failed or unknown", p.cfg.Process, p.InFlight(), err)
		err = errors.Join(err, p.Close())
	}
	p.groups.flush()
	return err
}

// waitIdle waits until nothing is in flight.
func (p *Producer) waitIdle(ctx context.Context) error {
	for p.inFlight.Load() > 0 {
		select {
		case <-p.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.signalIdle() // for another who waits
	return nil
}

func (p *Producer) signalIdle() {
	select {
	case p.idle <- struct{}{}:
	default:
	}
}

// Crash ends the client where it stands; what it has in flight is settled.
func (p *Producer) Crash() error { return p.Close() }

// closeGrace bounds the wait for the promises of a closed client, which it makes at once.
const closeGrace = 10 * time.Second

// Close ends the client and settles whatever is still in flight. It may be called again. The error
// says how many records the client never promised anything about.
func (p *Producer) Close() error {
	p.close()
	// The client promises everything it held, in a goroutine of its own.
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := p.waitIdle(ctx)
	p.groups.flush()
	if err != nil {
		return fmt.Errorf("%s: the closed client still owes %d promises: %w", p.cfg.Process, p.InFlight(), err)
	}
	return nil
}
