package txn

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ending is a desk whose transaction over three partitions is decided, with its markers on their way.
func ending(t *testing.T, change func(*Config)) *desk {
	d := newDesk(t, change)
	d.init(nil)
	d.add(0, 0, 1, 2)
	d.away = true
	d.end(0, true, nil)
	d.told = nil
	return d
}

// A marker that a leader does not take is sent again for as long as it takes; until all are written the transactional
// id can do nothing else.
func TestMarkersAreSentAgain(t *testing.T) {
	d := ending(t, nil)
	for _, err := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, kerr.UnknownTopicOrPartition, kerr.KafkaStorageError} {
		d.marked(err)
		d.marked(err)
		d.marked(err)
		d.settle()
		if len(d.sent) != 0 {
			t.Fatalf("%d markers are sent again at once", len(d.sent))
		}
		d.pass(DefaultBackOff)
		if len(d.sent) != 3 {
			t.Fatalf("after %v: %d markers are sent again, want 3", err, len(d.sent))
		}
	}
	d.add(1, 5)
	d.init(nil)
	d.wantState("PrepareCommit 100/1 orders-0 orders-1 orders-2")
	d.want("add: CONCURRENT_TRANSACTIONS", "init: CONCURRENT_TRANSACTIONS")
	d.marked(nil)
	d.marked(nil)
	d.marked(nil)
	d.settle()
	d.wantState("CompleteCommit 100/1")
}

// A partition that is gone needs no marker, and one that knows a later epoch has ended what was before it.
func TestMarkersThatAreNotNeeded(t *testing.T) {
	d := ending(t, nil)
	d.marked(kerr.UnknownTopicID)
	d.marked(kerr.InvalidProducerEpoch)
	d.wantState("PrepareCommit 100/1 orders-0 orders-1 orders-2")
	d.marked(nil)
	d.settle()
	d.wantState("CompleteCommit 100/1")
}

// A partition that knows a later coordinator leaves the rest to that one.
func TestMarkersOfALaterCoordinator(t *testing.T) {
	d := ending(t, nil)
	d.marked(kerr.TransactionCoordinatorFenced)
	d.marked(kerr.RequestTimedOut)
	d.marked(nil)
	d.settle()
	d.pass(time.Hour)
	if len(d.sent) != 0 {
		t.Errorf("%d markers are sent", len(d.sent))
	}
	d.wantState("PrepareCommit 100/1 orders-0 orders-1 orders-2")
}

// Who takes over goes on with what was decided, from the beginning: a marker that was written comes once more.
func TestMarkersAfterFailover(t *testing.T) {
	d := ending(t, nil)
	d.marked(nil)
	d.away, d.told = false, nil
	d.successor()
	d.want("orders-0: commit of 100/1 by coordinator 2, version 2", "orders-1: commit of 100/1 by coordinator 2, version 2", "orders-2: commit of 100/1 by coordinator 2, version 2")
	d.wantState("CompleteCommit 100/1")
	d.successor()
	d.want()
	d.wantState("CompleteCommit 100/1")
}

// An answer that comes late is that of the end that it belongs to, and of no other.
func TestMarkedLate(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	d.addOf(100, 0, VersionOne, 0)
	d.away = true
	d.end(0, true, old)
	late := d.sent[0]
	d.marked(nil)
	d.settle()
	d.addOf(100, 0, VersionOne, 0) // another one of the same epoch
	d.end(0, true, old)
	d.m.Marked(d.now, late, nil)
	d.settle()
	d.wantState("PrepareCommit 100/0 orders-0")
	d.marked(nil)
	d.settle()
	d.wantState("CompleteCommit 100/0")
}

// That a transaction has ended is written until it is.
func TestCompleteIsWrittenAgain(t *testing.T) {
	d := ending(t, nil)
	d.hold = true
	d.marked(nil)
	d.marked(nil)
	d.marked(nil)
	d.settle()
	d.release(kerr.NotEnoughReplicas)
	d.wantState("PrepareCommit 100/1 orders-0 orders-1 orders-2")
	d.pass(DefaultBackOff)
	d.wantState("CompleteCommit 100/1")
}

// Verify says which partitions are part of the open transaction, and of whose.
func TestVerify(t *testing.T) {
	d := newDesk(t, nil)
	verify := func(id int64, epoch int16) string {
		var all []string
		for _, err := range d.m.Verify(Producer{"t", id, epoch}, orders(0, 1)) {
			if err == nil {
				all = append(all, "ok")
			} else {
				all = append(all, err.Message)
			}
		}
		return strings.Join(all, " ")
	}
	expect := func(id int64, epoch int16, want string) {
		t.Helper()
		if got := verify(id, epoch); got != want {
			t.Errorf("%d/%d: %s, want %s", id, epoch, got, want)
		}
	}
	expect(100, 0, "INVALID_PRODUCER_ID_MAPPING INVALID_PRODUCER_ID_MAPPING")
	d.init(nil)
	expect(100, 0, "TRANSACTION_ABORTABLE TRANSACTION_ABORTABLE")
	d.add(0, 1)
	expect(100, 0, "TRANSACTION_ABORTABLE ok")
	expect(100, 1, "PRODUCER_FENCED PRODUCER_FENCED")
	expect(99, 0, "INVALID_PRODUCER_ID_MAPPING INVALID_PRODUCER_ID_MAPPING")
	d.away = true
	d.end(0, true, nil)
	expect(100, 1, "CONCURRENT_TRANSACTIONS CONCURRENT_TRANSACTIONS")
	d.marked(nil)
	d.settle()
	expect(100, 1, "TRANSACTION_ABORTABLE TRANSACTION_ABORTABLE")
	if err := d.m.Verify(Producer{}, orders(0))[0]; err != kerr.InvalidRequest {
		t.Errorf("without a transactional id: %v", err)
	}
	d.m.Add(d.now, Producer{}, orders(0), VersionTwo, func(err *kerr.Error) {
		if err != kerr.InvalidRequest {
			t.Errorf("added without a transactional id: %v", err)
		}
	})
}

// Transactional ids that nobody uses go after a week; open ones stay.
func TestExpire(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxTimeout = 30 * 24 * time.Hour })
	d.init(func(r *kmsg.InitProducerIDRequest) { r.TransactionTimeoutMillis = 1 << 31 >> 1 })
	d.told = nil
	d.add(0, 0)
	d.pass(8 * 24 * time.Hour)
	d.m.Expire(d.now)
	d.settle()
	d.wantState("Ongoing 100/0 orders-0")
	d.end(0, true, nil)
	d.pass(7*24*time.Hour - time.Millisecond)
	d.m.Expire(d.now)
	d.settle()
	d.wantState("CompleteCommit 100/1")
	d.pass(time.Millisecond)
	d.hold, d.told = true, nil
	d.m.Expire(d.now)
	d.settle()
	d.add(1, 0)
	d.release(nil)
	d.wantState("TRANSACTIONAL_ID_NOT_FOUND")
	d.add(1, 0)
	d.want("add: CONCURRENT_TRANSACTIONS", "add: INVALID_PRODUCER_ID_MAPPING")
	d.successor()
	d.wantState("TRANSACTIONAL_ID_NOT_FOUND")
}

// List chooses by state, producer, how long, and pattern (KIP-664, KIP-1152).
func TestList(t *testing.T) {
	d := newDesk(t, nil)
	for _, id := range []string{"b", "a"} {
		d.init(func(r *kmsg.InitProducerIDRequest) { r.TransactionalID = &id })
	}
	d.m.Add(d.now, Producer{"a", 200, 0}, orders(0), VersionTwo, func(*kerr.Error) {})
	d.settle()
	d.pass(10 * time.Second)
	for name, c := range map[string]struct {
		change func(*kmsg.ListTransactionsRequest)
		want   string
	}{
		"all":         {func(*kmsg.ListTransactionsRequest) {}, "a b"},
		"by state":    {func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Ongoing"} }, "a"},
		"by no state": {func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Asleep"} }, "unknown Asleep"},
		"by producer": {func(r *kmsg.ListTransactionsRequest) { r.ProducerIDFilters = []int64{100} }, "b"},
		"open for long": {func(r *kmsg.ListTransactionsRequest) {
			r.DurationFilterMillis, r.StateFilters = 9999, []string{"Ongoing"}
		}, "a"},
		"not open for long": {func(r *kmsg.ListTransactionsRequest) {
			r.DurationFilterMillis, r.StateFilters = 10_000, []string{"Ongoing"}
		}, ""},
		"by pattern":        {func(r *kmsg.ListTransactionsRequest) { r.TransactionalIDPattern = kmsg.StringPtr("[b-z]") }, "b"},
		"by half a pattern": {func(r *kmsg.ListTransactionsRequest) { r.TransactionalIDPattern = kmsg.StringPtr("(") }, "INVALID_REGULAR_EXPRESSION"},
	} {
		req := kmsg.NewPtrListTransactionsRequest()
		req.SetVersion(2)
		c.change(req)
		var got []string
		filter, unknown, err := NewFilter(req)
		if err != nil {
			got = append(got, err.Message)
		} else {
			for _, one := range d.m.List(d.now, filter) {
				got = append(got, one.TransactionalID)
			}
		}
		for _, u := range unknown {
			got = append(got, "unknown "+u)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What cannot be understood is an error, and changes nothing; later kinds of records are passed over.
func TestLoad(t *testing.T) {
	d := newDesk(t, nil)
	d.init(nil)
	good := d.log[0]
	m := New(Config{}, 1)
	bad := kmsg.NewTxnMetadataValue()
	bad.Version, bad.State = 1, PrepareEpochFence
	for name, r := range map[string]Record{
		"a short key": {Key: []byte{0}}, "half a key": {Key: good.Key[:3]}, "half a value": {Key: good.Key, Value: good.Value[:9]},
		"a state that is never written": {Key: good.Key, Value: bad.AppendTo(nil)},
	} {
		if err := m.Load(r.Key, r.Value); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := m.Load([]byte{0, 9, 1}, nil); err != nil {
		t.Errorf("a later kind: %v", err)
	}
	if len(m.ids) != 0 {
		t.Errorf("%v", m.ids)
	}
	if err := m.Load(good.Key, good.Value); err != nil || m.Describe("t").State != "Empty" {
		t.Errorf("%v, %+v", err, m.Describe("t"))
	}
}
