package client

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// transaction is one transaction of a client while it is made, and what was sent in it.
type transaction struct {
	shared Shared
	// part names it in the operations of its records; all of them have the same.
	part  *history.TransactionPart
	began history.Time
	// failed is set when a record could not be written: then it must be aborted.
	failed atomic.Bool
	open   sync.WaitGroup // promises
	// records that were sent in it. One goroutine appends, and reads them when every promise is made; the promise of
	// each writes its own.
	records []*outgoing
	// ended is when the client asked for its end.
	ended history.Time
	// renew says that the instance of the client can make no other transaction.
	renew bool
}

// outgoing is a record in a transaction, and what became of it there.
type outgoing struct {
	kgo.Record
	lane             *lane
	header           payload.Header
	source           *history.Input
	written          uint64
	intended, called history.Time
	outcome          history.Outcome
	reason           string
}

// Ended is how one transaction ended, for statistics: Ending is when its client asked for the end.
type Ended struct {
	Outcome                 history.Outcome
	Commit                  bool
	Began, Ending, Returned history.Time
}

// produce sends a record in the transaction.
func (x *transaction) produce(client *kgo.Client, r *outgoing, groups *groups) {
	x.records = append(x.records, r)
	x.open.Add(1)
	r.written = r.lane.written()
	client.TryProduce(context.Background(), &r.Record, func(_ *kgo.Record, err error) {
		defer x.open.Done()
		r.outcome, r.reason = history.OK, ""
		if err != nil {
			r.outcome, r.reason = history.Unknown, err.Error()
			if r.lane.written() == r.written {
				r.outcome = history.Fail
			}
			x.failed.Store(true)
		}
		groups.add(&promise{
			partition: r.lane.target.Partition, sequence: r.header.Sequence, offset: offsetOf(&r.Record, err), invoke: r.called,
			outcome: r.outcome, reason: r.reason, key: r.header.Key, source: r.source, transaction: x.part,
		})
	})
}

// finish waits for the promises and records the transaction, whose end is what the tap saw of it.
func (x *transaction) finish(process string, ends *ends, groups *groups) (Ended, history.Operation) {
	x.open.Wait()
	groups.flush()
	part := *x.part
	op := history.Operation{Process: process, Kind: history.Transact, Invoke: x.began, Transaction: &part}
	op.Outcome, op.Error = ends.verdict(&part)
	for _, r := range x.records {
		offset := history.Unset
		if r.outcome == history.OK {
			offset = offsetOf(&r.Record, nil)
		}
		op.Runs = history.AppendRecord(op.Runs, history.Record{
			Partition: r.lane.target.Partition, Offset: offset, Producer: r.header.Producer, Sequence: r.header.Sequence,
			Source: r.source, Key: r.header.Key,
		})
	}
	op.Return = x.shared.Recorder.Now()
	x.shared.Recorder.Operation(op)
	return Ended{
		Outcome: op.Outcome, Commit: part.Decision == history.DecideCommit, Began: x.began, Ending: x.ended, Returned: op.Return,
	}, op
}

// fateOf is what became of a record: of one in a transaction that was committed its own, of others the transaction's.
func (x *transaction) fateOf(r *outgoing, ended Ended) Settlement {
	s := Settlement{Intended: r.intended, Called: r.called, Outcome: r.outcome}
	switch {
	case ended.Outcome == history.Unknown:
		s.Outcome = history.Unknown
	case ended.Outcome == history.Fail || !ended.Commit:
		s.Outcome, s.Aborted = history.Fail, true
	}
	return s
}
