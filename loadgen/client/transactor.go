package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// Transactor is a producer that writes in transactions, one after the other:
//
//	Send ─> waiting ─> begin, produce ... produce, flush ─> commit | abort ─> Transact recorded, records settled
//	                        └─ a record fails: abort        └─ the end is not acknowledged: another instance
//
// Another instance of the client has the same transactional id: it fences what is left of the one before (KIP-98),
// and nothing of that can be written after it has begun. So the sequences go on.
//
// A record is settled when its transaction is over: until then it is in flight.
type Transactor struct {
	cfg     ProducerConfig
	spec    TransactionSpec
	process *Process
	router  *router
	groups  *groups
	draws   *rand.Rand
	number  int64 // of the next transaction; the loop owns it

	inFlight atomic.Int64
	idle     chan struct{} // has a token when inFlight fell to 0
	wake     chan struct{} // has a token when there is something to do
	done     chan struct{} // closed when the loop has ended
	ctx      context.Context
	cancel   context.CancelFunc

	mu struct {
		sync.Mutex
		waiting  []offered
		draining bool
		// replaced is set when another process has begun under the same transactional id: who is fenced then ends.
		replaced  bool
		client    *kgo.Client
		closed    bool
		instances int // that came after the first
	}
}

// offered is a record that was sent and is in no transaction yet.
type offered struct {
	target           int
	intended, called history.Time
}

// NewTransactor checks the configuration and starts; it does not connect before the first record.
func NewTransactor(cfg ProducerConfig) (*Transactor, error) {
	err := errors.Join(cfg.Shared.Validate(), cfg.Spec.Validate(cfg.RecordSize))
	if cfg.MaxInFlight < 1 {
		err = errors.Join(err, fmt.Errorf("max in flight is %d records: it must be at least 1", cfg.MaxInFlight))
	}
	if cfg.Spec.Transactions == nil || cfg.TransactionalID == "" {
		err = errors.Join(err, errors.New("a producer of transactions needs a transactional id, and to be told what they are"))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Process, err)
	}
	t := &Transactor{
		cfg: cfg, spec: *cfg.Spec.Transactions, process: cfg.Shared.Tap.Process(cfg.Process).Transactional(),
		idle: make(chan struct{}, 1), wake: make(chan struct{}, 1), done: make(chan struct{}),
		groups: &groups{recorder: cfg.Shared.Recorder, process: cfg.Process, producer: cfg.ID, age: groupAge},
		draws:  rand.New(rand.NewPCG(cfg.Spec.Keys.Seed, uint64(cfg.ID)<<1|1)),
	}
	t.router = newRouter(cfg.Targets, func(target Target) func() uint64 { return t.process.Written(target.Partition) }, cfg.Spec.Keys, cfg.ID)
	t.ctx, t.cancel = context.WithCancel(context.Background())
	go t.run()
	return t, nil
}

// Send gives the producer the next record of the target with the given index; see Producer.Send.
func (t *Transactor) Send(target int, intended history.Time) bool {
	if t.inFlight.Load() >= int64(t.cfg.MaxInFlight) {
		return false
	}
	t.inFlight.Add(1)
	t.mu.Lock()
	t.mu.waiting = append(t.mu.waiting, offered{target, intended, t.cfg.Shared.Recorder.Now()})
	t.mu.Unlock()
	signal(t.wake)
	return true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next waits for a record, until the time is over (nil is never) or nothing more will come.
func (t *Transactor) next(over <-chan time.Time) (w offered, ok bool) {
	for {
		t.mu.Lock()
		if len(t.mu.waiting) > 0 {
			w, t.mu.waiting = t.mu.waiting[0], t.mu.waiting[1:]
			t.mu.Unlock()
			return w, true
		}
		draining := t.mu.draining && over != nil
		t.mu.Unlock()
		if draining {
			return w, false
		}
		select {
		case <-t.wake:
		case <-over:
			return w, false
		case <-t.ctx.Done():
			return w, false
		}
	}
}

// run makes transactions until the producer is closed, and settles then what never came into one.
func (t *Transactor) run() {
	defer close(t.done)
	for t.ctx.Err() == nil {
		if first, ok := t.next(nil); ok {
			t.transact(first)
		}
	}
	t.mu.Lock()
	left := t.mu.waiting
	t.mu.waiting = nil
	t.mu.Unlock()
	for _, w := range left {
		t.settle(Settlement{Intended: w.intended, Called: w.called, Outcome: history.Fail})
	}
	t.groups.flush()
}

// transact makes one transaction, which begins with a record.
func (t *Transactor) transact(first offered) {
	t.process.ends.begin()
	x := &transaction{
		shared: t.cfg.Shared, part: &history.TransactionPart{ID: t.cfg.TransactionalID, Number: t.number}, began: t.cfg.Shared.Recorder.Now(),
	}
	t.number++
	abort := t.draws.Float64() < t.spec.AbortRate
	client, err := t.open(false)
	if err == nil {
		err = client.BeginTransaction()
	}
	if err == nil {
		t.fill(x, client, first)
		t.end(x, client, !abort)
	} else {
		// The record was never given to the client.
		t.settle(Settlement{Intended: first.intended, Called: first.called, Outcome: history.Fail})
	}
	ended, _ := x.finish(t.cfg.Process, t.process.ends, t.groups)
	if t.cfg.Ended != nil {
		t.cfg.Ended(ended)
	}
	for _, r := range x.records {
		t.settle(x.fateOf(r, ended))
	}
	if err != nil || x.renew {
		t.renew()
	}
}

// fill produces the records of a transaction and waits for their promises.
func (t *Transactor) fill(x *transaction, client *kgo.Client, first offered) {
	over := time.NewTimer(min(t.spec.Timeout/4, maxOpen))
	defer over.Stop()
	for w, ok := first, true; ok; w, ok = t.next(over.C) {
		x.produce(client, t.outgoing(w), t.groups)
		if len(x.records) >= t.spec.Size || x.failed.Load() {
			break
		}
	}
	// It ends when every promise is made. Its only error is the context's.
	_ = client.Flush(t.ctx)
}

// outgoing is the next record of its lane.
func (t *Transactor) outgoing(w offered) *outgoing {
	lane, key := t.router.route(w.target)
	r := &outgoing{lane: lane, intended: w.intended, called: w.called}
	r.header = payload.Header{
		Run: t.cfg.Shared.Run, Producer: t.cfg.ID, Sequence: lane.sequence, Topic: lane.target.Topic,
		Partition: lane.target.Partition.Index, Intended: int64(w.intended), Key: key,
	}
	lane.sequence++
	r.Record = kgo.Record{
		Topic: lane.target.Partition.Topic, Partition: lane.target.Partition.Index,
		Value: payload.Encode(nil, t.cfg.RecordSize, r.header),
	}
	if key != 0 {
		r.Record.Key = KeyBytes(nil, key-1)
	}
	return r
}

// end ends a transaction as it is meant to be ended, or aborts it if something in it failed.
func (t *Transactor) end(x *transaction, client *kgo.Client, commit bool) {
	x.ended = t.cfg.Shared.Recorder.Now()
	if x.failed.Load() {
		commit = false
		_ = client.AbortBufferedRecords(t.ctx) // its only error is the context's
	}
	err := client.EndTransaction(t.ctx, kgo.TransactionEndTry(commit))
	if err != nil && commit {
		// What could not be committed is aborted; whether it was committed after all is what the tap saw.
		err = errors.Join(err, client.EndTransaction(t.ctx, kgo.TryAbort))
	}
	x.renew = err != nil
}

// maxOpen bounds the time for which a transaction waits for more records.
const maxOpen = time.Second
