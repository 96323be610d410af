package sim

import (
	"slices"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// end asks the coordinator to commit or to abort, again and again until it is told what became of it.
func (x *transaction) end(commit bool) {
	t, s := x.of, x.of.client.sim
	if x.over {
		return
	}
	if x.decision = history.DecideAbort; commit {
		x.decision = history.DecideCommit
	}
	version := int16(0)
	if t.version == 1 {
		version = endVersion1
	}
	t.coordinate(version, func() kmsg.Request {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = t.id, t.pid, t.epoch, commit
		if x.ending < 0 {
			x.ending = s.now
		}
		return req
	}, func(answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = answer.(*kmsg.EndTxnResponse).ErrorCode
		}
		if !x.over {
			x.ended(commit, code, answer)
		}
	})
}

// ended acts on the answer to the request to end the transaction.
func (x *transaction) ended(commit bool, code int16, answer kmsg.Response) {
	t := x.of
	outcome := history.Fail
	if commit && x.doubted {
		outcome = history.Unknown
	}
	if code != 0 && commit && t.client.sim.cfg.Bugs.Has(bug.AbortIgnored) && (isFenced(code) || code == codeInvalidTxnState) {
		x.conclude(history.OK, "")
		t.fenced("a client that goes on")
		return
	}
	switch {
	case code == 0:
		if resp := answer.(*kmsg.EndTxnResponse); t.version == 2 {
			t.take(resp.ProducerID, resp.ProducerEpoch)
		} else if x.failed != "" || x.doubted {
			t.renew = true
		}
		x.conclude(history.OK, "")
	case t.retry(code):
		if code != codeConcurrent && code != codeLoadInProgress {
			x.doubted = true
		}
		t.later(func() { x.end(commit) })
	case isFenced(code):
		t.client.sim.marks[ProducerFenced]++
		x.conclude(outcome, failure(code))
		t.fenced(failure(code))
	default: // there is nothing to end
		t.renew = true
		x.conclude(outcome, failure(code))
	}
}

// conclude records the transaction, and goes on. A process that is over goes nowhere.
func (x *transaction) conclude(outcome history.Outcome, why string) {
	if x.over {
		return
	}
	x.over = true
	for _, p := range x.portions {
		if !p.acked {
			x.produced(p, history.Unknown, history.Unset, why)
		}
	}
	x.record(outcome, why)
	if x.of.tx = nil; x.then != nil {
		x.then(outcome == history.OK && x.decision == history.DecideCommit)
	}
}

// abandon records a transaction that nobody will end: its process is gone, or another one has its id. It may be
// committed only if that was asked for.
func (x *transaction) abandon(why string) {
	if x.over {
		return
	}
	x.then = nil
	if x.decision == history.DecideCommit && x.ending >= 0 {
		x.conclude(history.Unknown, why)
		return
	}
	x.conclude(history.Fail, why)
}

// runs of a portion as the history has them.
func (p *portion) runs(number uint32, offset int64) (runs []history.Run) {
	for i := range p.values {
		at := history.Unset
		if offset != history.Unset {
			at = offset + int64(i)
		}
		rec := history.Record{Partition: place(p.partition), Offset: at, Producer: number, Sequence: p.first + int64(i)}
		if from := p.sources[i]; from.Exists {
			rec.Source = &history.Input{Partition: place(int(from.Partition)), FirstOffset: from.Offset}
		}
		runs = history.AppendRecord(runs, rec)
	}
	return runs
}

// produced records what a client was told of a portion: it is appended, not committed.
func (x *transaction) produced(p *portion, outcome history.Outcome, offset int64, why string) {
	c := x.of.client
	c.sim.changed(uint64(p.partition), uint64(p.first), uint64(offset))
	c.sim.operation(history.Operation{
		Process: c.name, Kind: history.Produce, Outcome: outcome, Invoke: history.Time(p.called), Error: why,
		Runs: p.runs(x.of.number, offset), Transaction: &history.TransactionPart{ID: x.of.id, Number: x.number},
	})
}

// record records the transaction as a whole.
func (x *transaction) record(outcome history.Outcome, why string) {
	c := x.of.client
	part := &history.TransactionPart{ID: x.of.id, Number: x.number, Decision: x.decision, Ending: history.Never}
	if len(x.positions) > 0 {
		part.Group, part.Member, part.Generation, part.Sent, part.Positions = x.group, x.member, x.generation, history.Time(x.sent), slices.Clone(x.positions)
	}
	if x.ending >= 0 {
		part.Ending = history.Time(x.ending)
	}
	var runs []history.Run
	for _, p := range x.portions {
		runs = append(runs, p.runs(x.of.number, history.Unset)...)
	}
	c.sim.changed(uint64(x.number), uint64(outcome))
	c.sim.operation(history.Operation{
		Process: c.name, Kind: history.Transact, Outcome: outcome, Invoke: history.Time(x.begun), Error: why, Runs: runs, Transaction: part,
	})
}
