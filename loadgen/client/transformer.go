package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// TransformSpec says what members that consume, transform and produce write.
type TransformSpec struct {
	// To are the partitions that are written. What is made of a record goes to one of them by its partition and
	// offset, so that a transaction is over several.
	To []Target
	// ID is the member's number in the payloads that it writes, and RecordSize their size in bytes.
	ID         uint32
	RecordSize int
	Producer   ProducerSpec
	// TransactionalID of the member. Another process with it fences this one.
	TransactionalID string
	// Ended is told of each transaction; nil tells nobody.
	Ended func(Ended)
}

// spread is how many records in a row go to the same partition: runs of them are short in a history.
const spread = 32

// transformer makes of each poll of a member one transaction:
//
//	poll ─> begin ─> produce ─> offsets with the member's generation ─> end ─> Transact recorded
//	                   └─ a record fails, the group has rebalanced: abort, and the poll is read again
//	                                                                  └─ not acknowledged: another instance
//
// Another instance has the same transactional id and joins the group anew: it ends what the one before left open, and
// resumes where the group is then.
type transformer struct {
	member *Member
	spec   TransformSpec
	router *router
	groups *groups
	number int64 // of the next transaction; the goroutine of Run owns it

	renew bool // the instance can make no other transaction; the goroutine of Run owns it

	mu       sync.Mutex
	session  *kgo.GroupTransactSession
	closed   bool
	replaced bool
	// instances is how many came after the first.
	instances int
}

func newTransformer(m *Member, spec TransformSpec) *transformer {
	m.process.Transactional()
	return &transformer{
		member: m, spec: spec,
		router: newRouter(spec.To, func(target Target) func() uint64 { return m.process.Written(target.Partition) }, KeySpec{}, spec.ID),
		groups: &groups{recorder: m.cfg.Shared.Recorder, process: m.cfg.Process, producer: spec.ID, age: groupAge},
	}
}

// open begins an instance of the member's client, which joins the group on its own.
func (t *transformer) open() error {
	m := t.member
	opts := append(m.options(), t.spec.Producer.options(m.cfg.Reader.MaxPollRecords)...)
	opts = append(opts, kgo.TransactionalID(t.spec.TransactionalID), kgo.TransactionTimeout(m.cfg.Group.TransactionTimeout))
	session, err := m.cfg.Shared.session(m.process, opts...)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		closeSession(session.Client(), true)
		return kgo.ErrClientClosed
	}
	t.session, m.client = session, session.Client()
	return nil
}

// transform makes one transaction of a poll; it is false if nothing was processed, as far as is known.
func (t *transformer) transform(ctx context.Context, p polled) bool {
	m := t.member
	m.process.ends.begin()
	x := &transaction{
		shared: m.cfg.Shared, part: &history.TransactionPart{ID: t.spec.TransactionalID, Number: t.number}, began: m.cfg.Shared.Recorder.Now(),
	}
	t.number++
	err := t.session.Begin()
	if err == nil {
		err = t.fill(ctx, x, p)
	}
	ended, op := x.finish(m.cfg.Process, m.process.ends, t.groups)
	if t.spec.Ended != nil {
		t.spec.Ended(ended)
	}
	t.renew = err != nil || ended.Outcome == history.Unknown
	// With the bug of committing beside, a poll of barriers leaves a transaction in which there is nothing to end.
	nothing := err == nil && m.cfg.Group.OffsetsOutside && len(op.Runs) == 0 && op.Transaction.Ending == history.Never
	if !op.Committed() && ended.Outcome != history.Unknown && !nothing {
		t.forget(p)
		return false
	}
	m.processed(p)
	return true
}

// forget breaks the chains of what is read again after an abort.
func (t *transformer) forget(p polled) {
	for topic, partitions := range p.next {
		for partition := range partitions {
			t.member.runs.Forget(history.Partition{Topic: topic, Index: partition})
		}
	}
}

// fill produces what is made of a poll, and ends the transaction.
func (t *transformer) fill(ctx context.Context, x *transaction, p polled) error {
	m := t.member
	for _, r := range p.received {
		if !r.Header.Barrier {
			x.produce(m.client, t.outgoing(r), t.groups)
		}
	}
	if m.cfg.Group.OffsetsOutside {
		return t.endOutside(ctx, x, p)
	}
	alive := m.labour(ctx)
	m.cfg.Shared.Recorder.Operation(p.op)
	if alive {
		// What failed is known only when every promise is made.
		if err := m.client.Flush(ctx); err != nil {
			return err
		}
	}
	x.ended = m.cfg.Shared.Recorder.Now()
	_, err := t.session.End(ctx, kgo.TransactionEndTry(alive && !x.failed.Load()))
	return err
}

// endOutside is what a member does that has the bug of committing its offsets beside its transactions.
func (t *transformer) endOutside(ctx context.Context, x *transaction, p polled) error {
	m := t.member
	err := m.client.Flush(ctx)
	m.cfg.Shared.Recorder.Operation(p.op)
	m.commit(ctx, p.next)
	alive := m.labour(ctx)
	x.ended = m.cfg.Shared.Recorder.Now()
	return errors.Join(err, m.client.EndTransaction(ctx, kgo.TransactionEndTry(alive && !x.failed.Load())))
}

// outgoing is what is made of a record: it says of which.
func (t *transformer) outgoing(in Received) *outgoing {
	cfg := t.member.cfg
	lane := t.router.lanes[(int64(in.Partition.Index)+in.Offset/spread)%int64(len(t.router.lanes))]
	r := &outgoing{
		lane: lane, intended: history.Time(in.Header.Intended), called: cfg.Shared.Recorder.Now(),
		source: &history.Input{Partition: in.Partition, FirstOffset: in.Offset},
	}
	r.header = payload.Header{
		Run: cfg.Shared.Run, Producer: t.spec.ID, Sequence: lane.sequence, Topic: lane.target.Topic,
		Partition: lane.target.Partition.Index, Intended: in.Header.Intended,
		Source: payload.Source{Exists: true, Topic: in.Header.Topic, Partition: in.Partition.Index, Offset: in.Offset},
	}
	lane.sequence++
	r.Record = kgo.Record{
		Topic: lane.target.Partition.Topic, Partition: lane.target.Partition.Index,
		Value: payload.Encode(nil, t.spec.RecordSize, r.header),
	}
	return r
}

// settled begins another instance where the one before can make no other transaction. It is false when the member
// has ended: also because another process has its transactional id.
func (t *transformer) settled(ctx context.Context) bool {
	if !t.renew {
		return true
	}
	t.renew = false
	t.mu.Lock()
	replaced := t.replaced
	t.mu.Unlock()
	closeSession(t.member.client, t.member.process.severed.Load())
	t.member.process.membership.giveUp(nil, history.Unknown)
	if replaced && t.member.process.ends.timesFenced() > 0 {
		return false
	}
	for ctx.Err() == nil {
		if err := t.open(); errors.Is(err, kgo.ErrClientClosed) {
			return false
		} else if err == nil {
			t.mu.Lock()
			t.instances++
			t.mu.Unlock()
			// What the instance before left open is ended now, and not when the next record comes: its producer id
			// is asked for. An error shows again when a transaction begins.
			_, _, _ = t.member.client.ProducerID(ctx)
			return true
		}
		select {
		case <-time.After(t.member.cfg.Shared.Options.withDefaults().RetryBackoff):
		case <-ctx.Done():
		}
	}
	return false
}

// close ends the member's client, in silence if it has crashed.
func (t *transformer) close(silent bool) {
	t.mu.Lock()
	already := t.closed
	t.closed = true
	session := t.session
	t.mu.Unlock()
	if !already && session != nil {
		closeSession(session.Client(), silent)
	}
	t.groups.flush()
}

// closeSession ends a client; one that is silent says nothing to its group.
func closeSession(client *kgo.Client, silent bool) {
	if silent {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.LeaveGroupContext(ended) // nobody hears it
	}
	client.CloseAllowingRebalance()
}

// Replace says that another process has begun under the member's transactional id: the member ends when it is fenced.
func (m *Member) Replace() {
	if t := m.transformer; t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.replaced = true
	}
}

// Fenced is how often the member was told that another process has its transactional id.
func (m *Member) Fenced() int {
	if m.transformer == nil {
		return 0
	}
	return m.process.ends.timesFenced()
}

// Instances is how often the member began anew because of an error.
func (m *Member) Instances() int {
	if m.transformer == nil {
		return 0
	}
	m.transformer.mu.Lock()
	defer m.transformer.mu.Unlock()
	return m.transformer.instances
}
