package sim

import (
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// aborts are the aborted transactions of an answer to a reader of committed records: whose batches it leaves out.
type aborts struct {
	// next are the transactions that have not begun yet, by first offset; open are the producers of those that have.
	next []kmsg.FetchResponseTopicPartitionAbortedTransaction
	open map[int64]bool
}

func newAborts(list []kmsg.FetchResponseTopicPartitionAbortedTransaction) *aborts {
	return &aborts{next: list, open: map[int64]bool{}}
}

// hides takes the next batch, and reports whether it belongs to an aborted transaction. The list is sorted by first
// offset, and an abort marker ends a transaction of it.
func (a *aborts) hides(v batch.View) bool {
	for len(a.next) > 0 && a.next[0].FirstOffset <= v.LastOffset() {
		a.open[a.next[0].ProducerID] = true
		a.next = a.next[1:]
	}
	id := v.ProducerID()
	if v.IsControl() {
		if m, err := batch.ReadMarker(v); err == nil && !m.Commit {
			delete(a.open, id)
		}
		return false
	}
	return v.IsTransactional() && a.open[id]
}

// isolation of a reader, as its operations say it.
func (r *reader) isolation() history.Isolation {
	if r.committed {
		return history.ReadCommitted
	}
	return history.ReadUncommitted
}

// marked notes a control batch, for who keeps those.
func (r *reader) marked(index int, v batch.View, op *history.Operation) {
	if !r.raw || !v.IsControl() {
		return
	}
	m, err := batch.ReadMarker(v)
	if err != nil {
		op.Corrupt = append(op.Corrupt, history.Corrupt{Partition: place(index), Offset: v.BaseOffset(), Reason: err.Error()})
		return
	}
	op.Markers = append(op.Markers, history.Marker{
		Partition: place(index), Offset: v.BaseOffset(), ProducerID: v.ProducerID(), ProducerEpoch: v.ProducerEpoch(), Commit: m.Commit,
	})
}

// identity of a record: with the broker's producer where it is transactional, for who keeps control records.
func (r *reader) identity(index int, offset int64, v batch.View, h payload.Header) history.Record {
	rec := history.Record{Partition: place(index), Offset: offset, Producer: h.Producer, Sequence: h.Sequence}
	if h.Source.Exists {
		rec.Source = &history.Input{Partition: place(int(h.Source.Partition)), FirstOffset: h.Source.Offset}
	}
	if r.raw && v.IsTransactional() {
		rec.Origin = &history.Origin{ProducerID: v.ProducerID(), ProducerEpoch: v.ProducerEpoch()}
	}
	return rec
}
