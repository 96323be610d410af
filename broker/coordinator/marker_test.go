package coordinator

import (
	"testing"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// promise commits an offset in the transaction of a producer.
func (b *bench) promise(producer, at int64, guard uint64) (call uint64) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Group, req.ProducerID, req.ProducerEpoch = "g", producer, 3
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", TopicID: [16]byte{1}, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: at}}}}
	b.calls++
	b.step(api.CoordinatorRequest{From: actor.Address{Role: actor.Session, ID: 5}, Call: b.calls, Body: req, Guard: guard})
	return b.calls
}

// stably is what somebody is told who wants offsets that are stable.
func (b *bench) stably() (at int64, code int16) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", Partitions: []int32{0}}}}}
	p := b.replies[b.request(req)].(*kmsg.OffsetFetchResponse).Groups[0].Topics[0].Partitions[0]
	return p.Offset, p.ErrorCode
}

var witnessTicket = partition.Ticket{To: api.Participant, Call: 77, Part: 2}

func (b *bench) mark(producer int64, commit bool) batch.View {
	v := batch.BuildMarker(producer, 4, batch.Marker{Commit: commit, CoordinatorEpoch: 1}, 1)
	b.step(api.OffsetsMarker{Ticket: witnessTicket, Batch: v, Bumped: true})
	return v
}

// What stands in a transaction has a batch of its own, and counts once the marker is committed.
func TestOffsetsInATransaction(t *testing.T) {
	b := newBench(t, nil)
	b.serve(1)
	call := b.promise(9, 10, 55)
	part := take[api.ProducePart](b)
	if v := part.Batch; !v.IsTransactional() || v.ProducerID() != 9 || v.ProducerEpoch() != 3 || v.BaseSequence() != 0 || part.Guard != 55 || !part.Trusted || part.Epoch != 1 || part.Acks != -1 {
		t.Errorf("%+v of producer %d, epoch %d, sequence %d", part, v.ProducerID(), v.ProducerEpoch(), v.BaseSequence())
	}
	b.step(api.ProduceDone{Call: part.Ticket.Call})
	if code := b.replies[call].(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Errorf("answered with %d", code)
	}
	if at, code := b.stably(); at != -1 || code != kerr.UnstableOffsetCommit.Code {
		t.Errorf("pending: %d, %d", at, code)
	}
	b.mark(9, true)
	part = take[api.ProducePart](b)
	if !part.Batch.IsControl() || !part.Bumped || part.Epoch != 1 || part.Acks != -1 {
		t.Errorf("the marker: %+v", part)
	}
	if at, code := b.stably(); at != -1 || code == 0 {
		t.Errorf("the marker is not committed yet: %d, %d", at, code)
	}
	b.step(api.ProduceDone{Call: part.Ticket.Call, BaseOffset: 11})
	if done := take[api.ProduceDone](b); done.Call != 77 || done.Part != 2 || done.BaseOffset != 11 {
		t.Errorf("told %+v", done)
	}
	if at, code := b.stably(); at != 10 || code != 0 {
		t.Errorf("committed: %d, %d", at, code)
	}
}

// Offsets in a transaction do not share a batch with those that stand in none, before and behind them.
func TestBatchesOfTransactions(t *testing.T) {
	b := newBench(t, nil)
	b.serve(1)
	for _, m := range []any{commitOf(1), nil, commitOf(2)} {
		if m == nil {
			req := kmsg.NewPtrTxnOffsetCommitRequest()
			req.Group, req.ProducerID = "g", 9
			req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 5}}}}
			m = req
		}
		b.c.Step(b.now, api.CoordinatorRequest{Body: m.(kmsg.Request)}, &b.fx)
	}
	b.step(actor.Drained{})
	var transactional []bool
	for _, m := range b.asked {
		transactional = append(transactional, m.(api.ProducePart).Batch.IsTransactional())
	}
	if len(transactional) != 3 || transactional[0] || !transactional[1] || transactional[2] {
		t.Errorf("batches in transactions: %v", transactional)
	}
}

// A marker that cannot be written, or whose fate is not known, is not taken for one.
func TestMarkersThatAreNone(t *testing.T) {
	b := newBench(t, nil)
	told := func(want *kerr.Error) {
		t.Helper()
		if done := take[api.ProduceDone](b); done.Error != want.Code || done.Call != 77 || done.Part != 2 {
			t.Errorf("told %+v, want %v", done, want)
		}
	}
	b.leads(2, 1) // another broker
	b.mark(9, true)
	told(kerr.NotLeaderForPartition)
	b.leads(self, 2)
	loading := take[api.OffsetQuery](b)
	b.mark(9, true)
	told(kerr.NotLeaderForPartition)
	b.step(api.OffsetAnswer{Call: loading.Ticket.Call})
	b.step(api.OffsetAnswer{Call: take[api.OffsetQuery](b).Ticket.Call})
	var plain batch.Builder
	plain.Add(nil, nil, 1)
	b.step(api.OffsetsMarker{Ticket: witnessTicket, Batch: plain.Build()})
	told(kerr.InvalidRecord)
	b.promise(9, 10, 1)
	b.step(api.ProduceDone{Call: take[api.ProducePart](b).Ticket.Call})
	b.mark(9, true)
	b.step(api.ProduceDone{Call: take[api.ProducePart](b).Ticket.Call, Error: kerr.InvalidProducerEpoch.Code})
	told(kerr.InvalidProducerEpoch)
	if at, code := b.stably(); at != -1 || code == 0 {
		t.Errorf("a marker that was refused has decided: %d, %d", at, code)
	}
	b.mark(9, true)
	part := take[api.ProducePart](b)
	b.leads(2, 3)
	b.step(api.ProduceDone{Call: part.Ticket.Call, Error: kerr.NotLeaderForPartition.Code})
	told(kerr.NotLeaderForPartition)
}

// Who comes to coordinate finds in the log what is pending, and what was decided.
func TestLoadTransactions(t *testing.T) {
	first := newBench(t, nil)
	first.serve(1)
	var written []byte
	offset := int64(0)
	keep := func() {
		part := take[api.ProducePart](first)
		part.Batch.Assign(offset, 1)
		written = append(written, part.Batch...)
		offset = part.Batch.LastOffset() + 1
		first.step(api.ProduceDone{Call: part.Ticket.Call})
		first.asked = nil
	}
	first.request(commitOf(1))
	keep()
	steps := []func(){
		func() { first.promise(9, 10, 1) }, func() { first.mark(9, true) },
		func() { first.promise(9, 20, 1) }, func() { first.mark(9, false) },
		func() { first.promise(8, 30, 1) }, func() { first.request(commitOf(25)) }, func() { first.promise(9, 40, 1) },
		func() { first.mark(9, true) }, func() { first.mark(8, true) },
	}
	for i, step := range steps {
		step()
		keep()
		b := newBench(t, nil)
		b.leads(self, 2)
		b.step(api.OffsetAnswer{Call: take[api.OffsetQuery](b).Ticket.Call, Offset: offset})
		b.step(api.OffsetAnswer{Call: take[api.OffsetQuery](b).Ticket.Call, Offset: 0})
		released := 0
		read := take[api.FetchRead](b)
		if read.Parts[0].Committed {
			t.Error("it reads what is committed only: it would wait for the oldest transaction")
		}
		b.step(api.FetchData{Call: read.Call, Round: read.Round, Results: []api.FetchResult{{Source: piece{data: written, released: &released}}}})
		b.step(b.loads[0].Run())
		was, code := first.stably()
		if at, got := b.stably(); at != was || got != code || b.fetch() != first.fetch() {
			t.Errorf("after step %d: %d (%d) and %d, want %d (%d) and %d", i, at, got, b.fetch(), was, code, first.fetch())
		}
	}
	if at := first.fetch(); at != 40 {
		t.Errorf("in the end it is %d", at)
	}
}
