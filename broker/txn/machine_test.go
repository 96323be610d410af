package txn

import (
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The course of transactions in version 2: every end raises the epoch, and tells the next one.
func TestVersionTwo(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.add(0, 0, 2)
	d.wantState("Ongoing 100/0 orders-0 orders-2")
	d.add(0, 2, 1)
	d.end(0, true, nil)
	d.want("init: 100/0", "add: ok", "add: ok", "end: 100/1",
		"orders-0: commit of 100/1 by coordinator 1, version 2", "orders-1: commit of 100/1 by coordinator 1, version 2", "orders-2: commit of 100/1 by coordinator 1, version 2")
	d.wantState("CompleteCommit 100/1")
	d.add(1, 7)
	d.end(1, false, nil)
	d.want("add: ok", "end: 100/2", "orders-7: abort of 100/2 by coordinator 1, version 2")
	d.wantState("CompleteAbort 100/2")
}

// That of version 1: the epoch stays.
func TestVersionOne(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.addOf(100, 0, VersionOne, 3)
	d.end(0, true, old)
	d.end(0, true, old)
	d.end(0, false, old)
	d.addOf(100, 0, VersionOne, 4)
	d.end(0, false, old)
	d.end(0, false, old)
	d.end(0, true, old)
	d.want("init: 100/0", "add: ok", "end: ok", "orders-3: commit of 100/0 by coordinator 1, version 1",
		"end: ok", "end: INVALID_TXN_STATE",
		"add: ok", "end: ok", "orders-4: abort of 100/0 by coordinator 1, version 1", "end: ok", "end: INVALID_TXN_STATE")
	d.init(nil)
	d.end(1, true, old)
	d.end(1, false, old)
	d.want("init: 100/1", "end: INVALID_TXN_STATE", "end: INVALID_TXN_STATE")
}

// An end that is asked for once more is answered as before, by the epoch before; the other way is refused.
func TestEndAgain(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.add(0, 0)
	d.away = true
	d.end(0, true, nil)
	d.end(0, true, nil)
	d.end(0, false, nil)
	d.end(1, true, nil)
	d.want("init: 100/0", "add: ok", "end: 100/1", "end: CONCURRENT_TRANSACTIONS", "end: INVALID_TXN_STATE", "end: CONCURRENT_TRANSACTIONS")
	d.marked(nil)
	d.settle()
	d.end(0, true, nil)
	d.end(0, false, nil)
	d.want("orders-0: commit of 100/1 by coordinator 1, version 2", "end: 100/1", "end: INVALID_TXN_STATE")
	d.end(1, true, nil)
	d.want("end: INVALID_TXN_STATE")
}

// What was never begun can be aborted in version 2, which raises the epoch, and not committed.
func TestEndOfNothing(t *testing.T) {
	d := newDesk(t, nil)
	d.end(0, true, nil)
	d.init(nil)
	d.end(0, true, nil)
	d.end(0, false, nil)
	d.end(0, false, nil)
	d.end(1, false, nil)
	d.end(5, false, nil)
	d.end(2, false, func(r *kmsg.EndTxnRequest) { r.ProducerID = 101 })
	d.end(2, false, func(r *kmsg.EndTxnRequest) { r.TransactionalID = "" })
	d.end(2, false, func(r *kmsg.EndTxnRequest) { r.ProducerID, r.ProducerEpoch = -1, lastEpoch })
	d.want("end: INVALID_PRODUCER_ID_MAPPING", "init: 100/0", "end: INVALID_TXN_STATE", "end: 100/1", "end: 100/1", "end: 100/2",
		"end: PRODUCER_FENCED", "end: INVALID_PRODUCER_ID_MAPPING", "end: INVALID_REQUEST", "end: INVALID_PRODUCER_ID_MAPPING")
	d.wantState("CompleteAbort 100/2")
}

// Two producers of one transactional id: who comes later fences who was there, whose transaction is aborted; old clients
// are told so by the error that they know.
func TestTwoProducers(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.add(0, 0)
	d.init(nil)
	d.want("init: 100/0", "add: ok",
		"* the transaction of t, by producer 100 in epoch 0, over 1 partitions, is aborted for another producer",
		"init: CONCURRENT_TRANSACTIONS", "orders-0: abort of 100/1 by coordinator 1, version 2")
	d.init(nil)
	d.add(0, 1)
	d.end(0, true, nil)
	d.end(0, true, old)
	d.end(0, true, func(r *kmsg.EndTxnRequest) { r.SetVersion(1) })
	d.resume(100, 0)
	d.init(func(r *kmsg.InitProducerIDRequest) { r.SetVersion(3); r.ProducerID, r.ProducerEpoch = 100, 0 })
	d.want("init: 100/2", "add: PRODUCER_FENCED", "end: PRODUCER_FENCED", "end: PRODUCER_FENCED", "end: INVALID_PRODUCER_EPOCH",
		"init: PRODUCER_FENCED", "init: INVALID_PRODUCER_EPOCH")
	d.add(2, 1)
	d.end(2, true, nil)
	d.want("add: ok", "end: 100/3", "orders-1: commit of 100/3 by coordinator 1, version 2")
	if got := d.m.Ended(); got != (Ends{Committed: 1, Fenced: 1}) {
		t.Errorf("%+v", got)
	}
}

// A producer goes on with what it has after an error (KIP-360), also when the answer was lost, unless another has come.
func TestResume(t *testing.T) {
	d := newDesk(t, nil)
	d.resume(77, 9) // nobody knows it any more
	d.resume(100, 0)
	d.resume(100, 0)
	d.resume(100, 1)
	d.resume(99, 1)
	d.init(nil)
	d.resume(100, 2)
	d.want("init: 100/0", "init: 100/1", "init: 100/1", "init: 100/2", "init: PRODUCER_FENCED", "init: 100/3", "init: PRODUCER_FENCED")
}

// One that was fenced cannot end the transaction of who fenced it by going on; who has it can.
func TestResumeWhileOpen(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.init(nil)
	d.add(1, 0)
	d.resume(100, 0)
	d.wantState("Ongoing 100/1 orders-0")
	d.want("init: 100/0", "init: 100/1", "add: ok", "init: PRODUCER_FENCED")
	d.resume(100, 1)
	d.wantState("CompleteAbort 100/2")
	d.resume(100, 1)
	d.init(nil)
	d.want("* the transaction of t, by producer 100 in epoch 1, over 1 partitions, is aborted for another producer",
		"init: CONCURRENT_TRANSACTIONS", "orders-0: abort of 100/2 by coordinator 1, version 2", "init: PRODUCER_FENCED", "init: 100/3")
}

// A timeout must be one.
func TestTimeoutOfRequest(t *testing.T) {
	d := newDesk(t, nil)
	for _, millis := range []int32{0, -1, 15*60_000 + 1, math.MaxInt32} {
		d.init(func(r *kmsg.InitProducerIDRequest) { r.TransactionTimeoutMillis = millis })
		d.want("init: INVALID_TRANSACTION_TIMEOUT")
	}
	d.init(func(r *kmsg.InitProducerIDRequest) { r.TransactionTimeoutMillis = 15 * 60_000 })
	d.init(func(r *kmsg.InitProducerIDRequest) { r.TransactionalID = kmsg.StringPtr("") })
	d.init(func(r *kmsg.InitProducerIDRequest) { r.TransactionalID = nil })
	d.want("init: 100/0", "init: INVALID_REQUEST", "init: INVALID_REQUEST")
}

// The last epoch: an end in version 2 tells another producer id, also when it is asked for once more.
func TestEndInTheLastEpoch(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.m.ids["t"].epoch = lastEpoch
	d.add(lastEpoch, 0)
	d.end(lastEpoch, true, nil)
	d.end(lastEpoch, true, nil)
	d.want("init: 100/0", "add: ok", "end: 200/0", "orders-0: commit of 100/32767 by coordinator 1, version 2", "end: 200/0")
	d.wantState("CompleteCommit 200/0")
	d.successor()
	d.end(lastEpoch, true, nil)
	d.addOf(100, lastEpoch, VersionTwo, 1)
	d.addOf(200, 0, VersionTwo, 1)
	d.end(0, false, func(r *kmsg.EndTxnRequest) { r.ProducerID = 200 })
	d.end(lastEpoch, true, nil)
	d.want("end: 200/0", "add: INVALID_PRODUCER_ID_MAPPING", "add: ok", "end: 200/1", "orders-1: abort of 200/1 by coordinator 2, version 2", "end: INVALID_PRODUCER_ID_MAPPING")
}

// In version 1 the producer id is rolled by the next InitProducerId; who had the last epoch may still ask by that.
func TestInitAtTheLastEpoch(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.m.ids["t"].epoch = lastEpoch
	d.resume(100, lastEpoch)
	d.resume(100, lastEpoch)
	d.resume(100, 3)
	d.want("init: 100/0", "init: 200/0", "init: 200/0", "init: PRODUCER_FENCED")
	d.m.ids["t"].epoch = lastEpoch
	d.addOf(200, lastEpoch, VersionOne, 0)
	d.init(nil)
	d.told = nil
	d.wantState("CompleteAbort 200/32767")
	d.init(nil)
	d.want("init: 300/0")
}

// Without producer ids there is no new transactional id, and no end of the last epoch: clients ask again.
func TestNoProducerIDs(t *testing.T) {
	d := newDesk(t, nil)
	d.dry = true
	d.init(nil)
	d.dry = false
	d.init(nil)
	d.m.ids["t"].epoch = lastEpoch
	d.add(lastEpoch, 0)
	d.dry = true
	d.end(lastEpoch, true, nil)
	d.want("init: COORDINATOR_LOAD_IN_PROGRESS", "init: 100/0", "add: ok", "end: COORDINATOR_LOAD_IN_PROGRESS")
	d.wantState("Ongoing 100/32766 orders-0")
}

// Requests that wait for an id are answered when the term ends, and do not disturb one another.
func TestParked(t *testing.T) {
	d := newDesk(t, nil)
	req := func(id string) *kmsg.InitProducerIDRequest {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.SetVersion(5)
		r.TransactionalID, r.TransactionTimeoutMillis = &id, 1000
		return r
	}
	said := func(r kmsg.Response) { d.say("%s", code(r.(*kmsg.InitProducerIDResponse).ErrorCode)) }
	for _, id := range []string{"a", "a", "b"} {
		d.m.Init(d.now, req(id), said)
	}
	if want := d.m.Take(); want.ProducerIDs != 3 {
		t.Fatalf("%+v", want)
	}
	d.m.ProducerID(d.now, 1, nil)
	d.want()
	d.m.ProducerID(d.now, 2, nil)
	d.want("CONCURRENT_TRANSACTIONS") // the first of a is being written, and b has the id
	d.m.Resign(kerr.NotCoordinator)
	d.want("NOT_COORDINATOR", "NOT_COORDINATOR")
}

// A transaction that is open for too long is aborted, also by the next coordinator, and its producer fenced.
func TestTimesOut(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.add(0, 0)
	d.pass(59 * time.Second)
	d.add(0, 1)
	d.want("init: 100/0", "add: ok", "add: ok")
	d.successor()
	d.pass(999 * time.Millisecond)
	d.wantState("Ongoing 100/0 orders-0 orders-1")
	d.pass(time.Millisecond)
	d.want("* the transaction of t, by producer 100 in epoch 0, over 2 partitions, is aborted after its 60000 ms",
		"orders-0: abort of 100/1 by coordinator 2, version 2", "orders-1: abort of 100/1 by coordinator 2, version 2")
	d.wantState("CompleteAbort 100/1")
	d.add(0, 2)
	d.end(0, true, nil)
	d.want("add: PRODUCER_FENCED", "end: INVALID_TXN_STATE")
	if got := d.m.Ended(); got != (Ends{TimedOut: 1}) {
		t.Errorf("%+v", got)
	}
}

// While a change is being written nothing else of the transactional id is decided.
func TestChanging(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.add(0, 0)
	d.told = nil
	d.hold = true
	d.add(0, 1)
	d.add(0, 0)
	d.end(0, true, nil)
	d.init(nil)
	d.pass(2 * time.Minute) // nor is it timed out
	d.want("add: CONCURRENT_TRANSACTIONS", "end: CONCURRENT_TRANSACTIONS", "init: CONCURRENT_TRANSACTIONS", "add: COORDINATOR_NOT_AVAILABLE")
	d.release(nil)
	d.pass(0)
	d.want("* the transaction of t, by producer 100 in epoch 0, over 2 partitions, is aborted after its 60000 ms",
		"orders-0: abort of 100/1 by coordinator 1, version 2", "orders-1: abort of 100/1 by coordinator 1, version 2")
}

// A change that is not in the log has not happened, and the client is told what helps.
func TestWriteFails(t *testing.T) {
	for _, c := range []struct{ of, told *kerr.Error }{
		{kerr.NotEnoughReplicas, kerr.CoordinatorNotAvailable}, {kerr.MessageTooLarge, kerr.UnknownServerError},
	} {
		d := newDesk(t, nil)
		d.hold = true
		d.init(nil)
		d.release(c.of)
		d.wantState("TRANSACTIONAL_ID_NOT_FOUND")
		d.init(nil)
		d.hold = true
		d.addOf(200, 0, VersionTwo, 0)
		d.release(c.of)
		d.wantState("Empty 200/0")
		d.want("init: "+c.told.Message, "init: 200/0", "add: "+c.told.Message)
	}
}

// A change that may be in the log is not undone: it is written until it is committed, whatever time has passed, and the
// client told to ask again.
func TestWriteInDoubt(t *testing.T) {
	for _, c := range []struct{ of, told *kerr.Error }{
		{kerr.NotEnoughReplicasAfterAppend, kerr.CoordinatorNotAvailable}, {kerr.RequestTimedOut, kerr.CoordinatorNotAvailable},
		{kerr.NotLeaderForPartition, kerr.NotCoordinator}, {kerr.FencedLeaderEpoch, kerr.NotCoordinator}, {kerr.KafkaStorageError, kerr.NotCoordinator},
	} {
		d := newDesk(t, nil)
		d.init(nil)
		d.add(0, 0)
		d.hold, d.told = true, nil
		d.end(0, true, nil)
		d.release(c.of)
		d.hold = true
		d.pass(2 * time.Minute)
		d.end(0, true, nil)
		d.release(kerr.NotEnoughReplicas) // of the second; the first may still be there
		d.want("end: "+c.told.Message, "end: CONCURRENT_TRANSACTIONS")
		d.pass(time.Second)
		d.end(0, true, nil)
		d.want("orders-0: commit of 100/1 by coordinator 1, version 2", "end: 100/1")
	}
}
