package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// write is records that must become durable together; id is how the machine knows it.
type write struct {
	id      uint64
	records []record
	// producer is set for what stands in its transaction.
	producer *producer
}

// producer is in whose transaction a batch stands, with the guard that it was verified with.
type producer struct {
	id    int64
	epoch int16
	guard uint64
}

// record is one of a write; a nil value takes back what stands under the key.
type record struct {
	key, value []byte
	// timestamp in milliseconds since 1970.
	timestamp int64
}

// recordOverhead is the most that a record takes in a batch besides its key and its value.
const recordOverhead = 32

// append gives writes to the shard, as few batches as they fit into: all writes that come while the one before
// is synced share a batch.
func (ts *terms[M]) append(now time.Time, t *term[M], writes []write, fx *actor.Effects) {
	var builder batch.Builder
	var ids []uint64
	size := batch.HeaderLen
	flush := func() {
		if len(ids) > 0 {
			ts.give(t, api.ProducePart{Batch: builder.Build()}, call[M]{t, ids, nil}, fx)
			builder, ids, size = batch.Builder{}, nil, batch.HeaderLen
		}
	}
	for _, w := range writes {
		bytes := 0
		for _, r := range w.records {
			bytes += len(r.key) + len(r.value) + recordOverhead
		}
		if batch.HeaderLen+bytes > ts.maxBatch {
			t.machine.Written(now, w.id, kerr.MessageTooLarge)
			continue
		}
		if size+bytes > ts.maxBatch || w.producer != nil {
			flush()
		}
		for _, r := range w.records {
			builder.Add(r.key, r.value, r.timestamp)
		}
		if p := w.producer; p != nil { // a batch of its own, whose sequence does not count; it is 0, as Kafka's is
			builder.Producer(p.id, p.epoch, 0)
			builder.Transactional()
			ts.give(t, api.ProducePart{Batch: builder.Build(), Guard: p.guard, Trusted: true}, call[M]{t, []uint64{w.id}, nil}, fx)
			builder = batch.Builder{}
			continue
		}
		size += bytes
		ids = append(ids, w.id)
	}
	flush()
}

// give gives a batch to the shard, to be appended in this term and in no other.
func (ts *terms[M]) give(t *term[M], m api.ProducePart, k call[M], fx *actor.Effects) {
	m.Ticket = partition.Ticket{To: ts.self, Call: ts.call(k)}
	m.Replica, m.Acks, m.Epoch = t.replica, -1, t.epoch
	fx.Send(api.ShardOf(t.replica, ts.shards), m)
}

// appended tells the machine what became of the writes of a batch.
func (ts *terms[M]) appended(now time.Time, m api.ProduceDone) {
	k, ok := ts.answered(m.Call)
	if k.done != nil {
		k.done(m)
	}
	if !ok {
		return
	}
	for _, id := range k.writes {
		k.term.machine.Written(now, id, kerr.TypedErrorForCode(m.Error))
	}
}
