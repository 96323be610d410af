package client

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// ending is how an EndTxn ended on the wire: by an error code, or by none.
type ending struct {
	commit bool
	code   int16
	silent bool
}

// What became of a transaction is what all requests to end it say together, and not the last.
func TestVerdictOfATransaction(t *testing.T) {
	const yes, no = true, false
	moved, fenced, state := kerr.NotCoordinator.Code, kerr.ProducerFenced.Code, kerr.InvalidTxnState.Code
	for _, c := range []struct {
		name     string
		asked    []ending
		decision history.Decision
		outcome  history.Outcome
	}{
		{"nobody asked", nil, history.Undecided, history.Fail},
		{"committed", []ending{{yes, 0, no}}, history.DecideCommit, history.OK},
		{"aborted", []ending{{no, 0, no}}, history.DecideAbort, history.OK},
		{"an abort without an answer commits nothing", []ending{{no, 0, yes}}, history.DecideAbort, history.Fail},
		{"an abort that was refused commits nothing", []ending{{no, moved, no}}, history.DecideAbort, history.Fail},
		{"refused before anything was written", []ending{{yes, fenced, no}}, history.DecideCommit, history.Fail},
		{"refused in another state", []ending{{yes, state, no}}, history.DecideCommit, history.Fail},
		{"the coordinator moved, perhaps with the decision in its log", []ending{{yes, moved, no}}, history.DecideCommit, history.Unknown},
		{"no answer", []ending{{yes, 0, yes}}, history.DecideCommit, history.Unknown},
		{"no answer, then one", []ending{{yes, 0, yes}, {yes, 0, no}}, history.DecideCommit, history.OK},
		{"no answer, and a refusal hides nothing", []ending{{yes, 0, yes}, {yes, fenced, no}}, history.DecideCommit, history.Unknown},
		{"no answer, then aborted, as far as anybody says", []ending{{yes, 0, yes}, {no, 0, no}}, history.DecideCommit, history.Unknown},
		{"refused, then aborted", []ending{{yes, kerr.TransactionAbortable.Code, no}, {no, 0, no}}, history.DecideCommit, history.Fail},
		{"the one before was being ended", []ending{{yes, kerr.ConcurrentTransactions.Code, no}, {yes, 0, no}}, history.DecideCommit, history.OK},
	} {
		e := newEnds(nil, nil)
		for i, a := range c.asked {
			q := askEnd(e, a.commit, history.Time(10+i))
			if a.silent {
				e.unanswered(q)
				continue
			}
			resp := kmsg.NewPtrEndTxnResponse()
			resp.Version, resp.ErrorCode = q.request.GetVersion(), a.code
			if err := e.answered(q, append(make([]byte, responseHead+1), resp.AppendTo(nil)...), 99); err != nil {
				t.Fatal(err)
			}
		}
		part := &history.TransactionPart{}
		outcome, reason := e.verdict(part)
		if part.Decision != c.decision || outcome != c.outcome || (reason == "") != (outcome == history.OK) {
			t.Errorf("%s: decision %v, outcome %v, %q; want %v and %v", c.name, part.Decision, outcome, reason, c.decision, c.outcome)
		}
		want := history.Never
		if len(c.asked) > 0 {
			want = 10
		}
		if part.Ending != want {
			t.Errorf("%s: its ending is %d; want %d, when it was first asked for", c.name, part.Ending, want)
		}
		if fencedNow := e.timesFenced() > 0; fencedNow != (len(c.asked) > 0 && c.asked[len(c.asked)-1].code == fenced) {
			t.Errorf("%s: fenced is %v", c.name, fencedNow)
		}
		e.begin()
		if outcome, _ := e.verdict(&history.TransactionPart{}); outcome != history.Fail {
			t.Errorf("%s: the next transaction begins with the end of this one", c.name)
		}
	}
}

// askEnd lets a client ask for an end.
func askEnd(e *ends, commit bool, at history.Time) *question {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.Commit = 4, commit
	q := &question{request: req, written: at}
	e.wrote(q)
	return q
}

// An answer that comes when the next transaction has begun is about the one before.
func TestALateAnswerIsNotOfTheNextTransaction(t *testing.T) {
	e := newEnds(nil, nil)
	late := askEnd(e, true, 5)
	e.begin()
	resp := kmsg.NewPtrEndTxnResponse()
	resp.Version = 4
	if err := e.answered(late, append(make([]byte, responseHead+1), resp.AppendTo(nil)...), 9); err != nil {
		t.Fatal(err)
	}
	part := &history.TransactionPart{}
	if outcome, _ := e.verdict(part); outcome != history.Fail || part.Ending != history.Never {
		t.Errorf("the next transaction is %v, its ending %v", outcome, part.Ending)
	}
}

// The positions that were sent are those of the last request for each partition.
func TestPositionsOfATransaction(t *testing.T) {
	e := newEnds(nil, nil)
	for i, offset := range []int64{4, 9} {
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.Version, req.Group, req.MemberID, req.Generation = 3, "copiers", "m1", 7
		req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Partition: 2, Offset: offset}}}}
		e.wrote(&question{request: req, written: history.Time(20 + i)})
	}
	part := &history.TransactionPart{}
	e.verdict(part)
	if len(part.Positions) != 1 || part.Positions[0].Offset != 9 || part.Group != "copiers" || part.Member != "m1" || part.Generation != 7 || part.Sent != 20 {
		t.Errorf("the transaction says %+v", part)
	}
}
