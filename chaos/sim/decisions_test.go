package sim

import (
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ledgerBook writes the batches of one producer, 7, and of the coordinator of "a", into the partitions of a world.
type ledgerBook struct {
	s    *simulation
	ends map[int]int64
}

func newLedgerBook() *ledgerBook {
	s := newSimulation(Config{Seed: 1, Transactions: WithTransactions}.withDefaults(), nil)
	return &ledgerBook{s, map[int]int64{}}
}

func (b *ledgerBook) append(index int, v batch.View) {
	v.Assign(b.ends[index], 0)
	b.ends[index] += int64(v.Count())
	b.s.checker.agreedOn(index, v)
}

func (b *ledgerBook) records(index int, epoch int16) {
	var one batch.Builder
	one.Producer(7, epoch, 0)
	one.Transactional()
	one.Add(nil, []byte("x"), 0)
	b.append(index, one.Build())
}

func (b *ledgerBook) marker(index int, epoch int16, commit bool) {
	b.append(index, batch.BuildMarker(7, epoch, batch.Marker{Commit: commit}, 0))
}

// decides writes a state of the transactional id, with the first two partitions of the load in its transaction.
func (b *ledgerBook) decides(state kmsg.TransactionState, epoch int16) {
	key, value := kmsg.NewTxnMetadataKey(), kmsg.NewTxnMetadataValue()
	key.TransactionalID, value.ProducerID, value.ProducerEpoch, value.State = "a", 7, epoch, state
	topic := kmsg.NewTxnMetadataValueTopic()
	topic.Topic, topic.Partitions = Topic, []int32{0, 1}
	value.Topics = append(value.Topics, topic)
	var one batch.Builder
	one.Add(key.AppendTo(nil), value.AppendTo(nil), 0)
	index, ok := b.s.checker.index(metadata.TransactionState, 0)
	if !ok {
		panic("no partition of __transaction_state")
	}
	b.append(int(index), one.Build())
}

// Each invariant of transactions breaks where it should, and where all is well none does.
func TestTransactionInvariants(t *testing.T) {
	const ongoing, commits, aborts = kmsg.TransactionStateOngoing, kmsg.TransactionStatePrepareCommit, kmsg.TransactionStatePrepareAbort
	const committed, aborted = kmsg.TransactionStateCompleteCommit, kmsg.TransactionStateCompleteAbort
	for name, c := range map[string]struct {
		want  string
		write func(b *ledgerBook)
	}{
		"one commits, one aborts": {"", func(b *ledgerBook) {
			b.decides(ongoing, 0)
			b.records(0, 0)
			b.records(1, 0)
			b.decides(commits, 1)
			b.marker(0, 1, true)
			b.marker(1, 1, true)
			b.marker(1, 1, true) // sent again
			b.decides(committed, 1)
			b.decides(ongoing, 1)
			b.records(0, 1)
			b.decides(aborts, 2)
			b.marker(0, 2, false)
			b.decides(aborted, 2)
		}},
		"a decision is reversed": {"decision: a: PrepareCommit is followed by PrepareAbort", func(b *ledgerBook) {
			b.decides(ongoing, 0)
			b.decides(commits, 0)
			b.decides(aborts, 0)
		}},
		"a marker is missing": {"markers: a: CompleteCommit, and its transaction from offset 0 of orders/1 on has no marker", func(b *ledgerBook) {
			b.decides(ongoing, 0)
			b.records(0, 0)
			b.records(1, 0)
			b.decides(commits, 0)
			b.marker(0, 0, true)
			b.decides(committed, 0)
		}},
		"a marker says otherwise": {"markers: orders/0: the marker at offset 1 commits (true)", func(b *ledgerBook) {
			b.decides(ongoing, 0)
			b.records(0, 0)
			b.decides(aborts, 0)
			b.marker(0, 0, true)
		}},
		"a marker without a decision": {"markers: orders/0: the marker at offset 1 commits (false)", func(b *ledgerBook) {
			b.decides(ongoing, 0)
			b.records(0, 0)
			b.marker(0, 0, false)
		}},
		"an epoch goes back": {"epochs: a: the epoch of producer 7 goes back from 3 to 2", func(b *ledgerBook) {
			b.decides(ongoing, 3)
			b.decides(ongoing, 2)
		}},
		"a zombie's records": {"epochs: orders/0: offset 1 is of producer 7 in epoch 1", func(b *ledgerBook) {
			b.decides(ongoing, 2)
			b.records(0, 2)
			b.records(0, 1)
		}},
		"a late batch": {"late: orders/0: the batch at offset 2", func(b *ledgerBook) {
			b.decides(ongoing, 0)
			b.records(0, 0)
			b.decides(aborts, 0)
			b.marker(0, 0, false)
			b.decides(aborted, 0)
			b.records(0, 0)
		}},
	} {
		b := newLedgerBook()
		c.write(b)
		var text string
		for _, v := range b.s.checker.violations {
			text += v.Invariant + ": " + v.Text + "\n"
		}
		if (c.want == "") != (text == "") || !strings.HasPrefix(text, c.want) {
			t.Errorf("%s: violations %q, want %q", name, text, c.want)
		}
	}
}

// A reader of committed records leaves out what the list of aborted transactions covers, up to its marker.
func TestAbortedTransactionsAreHidden(t *testing.T) {
	at := func(v batch.View, offset int64) batch.View { v.Assign(offset, 0); return v }
	records := func(pid, offset int64) batch.View {
		var b batch.Builder
		b.Producer(pid, 0, 0)
		b.Transactional()
		b.Add(nil, []byte("x"), 0)
		return at(b.Build(), offset)
	}
	var plain batch.Builder
	plain.Add(nil, []byte("x"), 0)
	a := newAborts([]kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 1}, {ProducerID: 7, FirstOffset: 5}})
	for i, step := range []struct {
		v      batch.View
		hidden bool
	}{
		{records(7, 0), false}, // of the transaction before, which was committed
		{records(7, 1), true},
		{records(8, 2), false},
		{at(plain.Build(), 3), false},
		{at(batch.BuildMarker(7, 0, batch.Marker{}, 0), 4), false},
		{records(7, 5), true},
		{at(batch.BuildMarker(8, 0, batch.Marker{Commit: true}, 0), 6), false},
		{records(7, 7), true},
	} {
		if got := a.hides(step.v); got != step.hidden {
			t.Errorf("batch %d is hidden: %v", i, got)
		}
	}
}
