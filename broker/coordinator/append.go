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
			ts.give(t, builder.Build(), ids, fx)
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
		if size+bytes > ts.maxBatch {
			flush()
		}
		for _, r := range w.records {
			builder.Add(r.key, r.value, r.timestamp)
		}
		size += bytes
		ids = append(ids, w.id)
	}
	flush()
}

func (ts *terms[M]) give(t *term[M], v batch.View, ids []uint64, fx *actor.Effects) {
	fx.Send(api.ShardOf(t.replica, ts.shards), api.ProducePart{
		Ticket:  partition.Ticket{To: ts.self, Call: ts.call(call[M]{t, ids})},
		Replica: t.replica, Batch: v, Acks: -1, Epoch: t.epoch,
	})
}

// appended tells the machine what became of the writes of a batch.
func (ts *terms[M]) appended(now time.Time, m api.ProduceDone) {
	k, ok := ts.answered(m.Call)
	if !ok {
		return
	}
	for _, id := range k.writes {
		k.term.machine.Written(now, id, kerr.TypedErrorForCode(m.Error))
	}
}
